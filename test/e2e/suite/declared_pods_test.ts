// Declared interfaces in pods of containerd, by agents with what deploy/kubernetes/declared-containers gives them: a pair between two
// pods of a node and a VXLAN over it; a pod that is replaced gets its own again, one with the host's network gets none. And by agents
// with what declared-engines gives them: in the network of a process, and of a container that docker tells of. And for who may edit in a
// namespace and nowhere else.

import assert from "node:assert/strict";
import { declared } from "../../declared/walk_through.ts";
import { until } from "../../lab/until.ts";
import { manifests, NAMESPACE } from "../pods.ts";
import { World } from "../world.ts";

const world = await World.standing();
const KINDS = new URL("../../../deploy/kubernetes/declared", import.meta.url).pathname;
const TENANTS = new URL("../../../deploy/kubernetes/declared-tenants", import.meta.url).pathname;

const inPod = (name: string) => ({ pod: { namespace: NAMESPACE, name } });

function netlink(name: string, spec: Record<string, unknown>): unknown {
  return declared("NetlinkInterface", name, { node: world.near, ...spec });
}

const OBJECTS = [
  netlink("pair", {
    interfaceName: "declared-a",
    type: "veth",
    container: inPod("one"),
    addresses: [{ ipcidr: "10.98.0.1/24" }, { ipcidr: "fd98::1/64" }],
    veth: {
      peer: {
        interfaceName: "declared-b",
        container: inPod("two"),
        addresses: [{ ipcidr: "10.98.0.2/24" }, { ipcidr: "fd98::2/64" }],
      },
    },
  }),
  ...[1, 2].map((i) =>
    netlink(`vx-${i}`, {
      interfaceName: "vx",
      type: "vxlan",
      container: inPod(i === 1 ? "one" : "two"),
      vxlan: {
        vni: 7,
        dev: i === 1 ? "declared-a" : "declared-b",
        local: `10.98.0.${i}`,
        group: `10.98.0.${3 - i}`,
      },
      addresses: [{ ipcidr: `10.99.0.${i}/24` }],
    })
  ),
  netlink("host", { interfaceName: "declared-h", type: "bridge", container: inPod("host-one") }),
];

/** What docker would say of agent1, said by the node on docker's socket: no kind node has a docker. */
const ENGINE = `use IO::Socket::UNIX; alarm 900;
open my $pid, ">", "/run/docker.pid" or die $!; print $pid $$; close $pid;
my $all = IO::Socket::UNIX->new(Local => "/run/docker.sock", Listen => 5) or die $!;
while (my $one = $all->accept) { $one->recv(my $question, 4096); print $one "HTTP/1.0 200 OK\\r\\n\\r\\n$ARGV[0]" }`;

async function answers(address: string): Promise<void> {
  await until(`${address} to answer pod one`, async () => {
    return (await world.inPod("one", ["ping", "-c", "1", "-W", "2", address])).code === 0;
  }, {
    deadlineMs: 60_000,
    pauseMs: 500,
    seen: async () => (await world.inAgent(world.near, ["wigglenet", "status"])).stdout,
  });
}

/** Runs a test with agents of a variant, and leaves the cluster as it was. */
async function withAgents(variant: string, test: () => Promise<void>): Promise<void> {
  await world.cluster.kubectl(["apply", "--server-side", "-k", KINDS]);
  try {
    await world.deployment.apply({}, variant);
    await world.agentsInSync();
    await test();
    for (const node of world.nodes) {
      const { stdout } = await world.cluster.tryOnNode(node, ["ip", "-o", "link", "show", "group", "147"]);
      assert.equal(stdout, "", node);
    }
  } finally {
    await world.cluster.kubectl(["delete", "netlinkinterfaces", "--all", "--wait"], { deadlineMs: 60_000 });
    // What it has written down goes once it has looked, and an agent that may not look there leaves it.
    await until("the agent to have let go of the pods", async () => {
      const { stdout } = await world.cluster.tryOnNode(world.near, ["ls", "/run/wigglenet"]);
      return stdout !== "" && !stdout.includes("containers-");
    }, { deadlineMs: 60_000, pauseMs: 500 });
    assert.ok(!(await world.inPod("one", ["cat", "/proc/net/dev"])).stdout.includes("declared-a"));
    await world.cluster.kubectl(["delete", "-k", KINDS, "--wait"], { deadlineMs: 60_000 });
    await world.deployment.apply();
    await world.agentsInSync();
  }
}

async function declare(objects: readonly unknown[]): Promise<void> {
  await world.cluster.apply(objects.map((object) => JSON.stringify(object)).join("\n---\n"));
}

/** Waits until an object's condition says so. */
async function told(name: string, pattern: RegExp): Promise<void> {
  let said = "";
  await until(`${name} to be told ${pattern}`, async () => {
    const { status } = await world.cluster.json(["get", "netlinkinterfaces", name]);
    said = status?.conditions?.[0]?.message ?? "";
    return pattern.test(said);
  }, { deadlineMs: 60_000, pauseMs: 500, seen: () => said });
}

/** A container of a pod as its node's kernel knows it. */
async function processOf(pod: "one" | "two"): Promise<{ readonly pid: number; readonly id: string }> {
  const { container } = await world.placeOf(pod);
  const { info } = JSON.parse(await world.cluster.onNode(world.near, ["crictl", "inspect", container]));
  return { pid: info.pid, id: container };
}

Deno.test("pods get declared interfaces: a pair and a VXLAN over it, again when one is replaced; the host's network gets none", async () => {
  await withAgents("declared-containers", async () => {
    await declare(OBJECTS);
    await answers("10.98.0.2");
    await answers("fd98::2");
    await answers("10.99.0.2");
    await world.cluster.kubectl(["-n", NAMESPACE, "delete", "pod", "two", "--wait"], { deadlineMs: 60_000 });
    await world.cluster.apply(manifests(world.near, world.far));
    await world.podsReady();
    await answers("10.99.0.2");
    await told("host", /no network namespace of pod e2e\/host-one is here/);
  });
});

Deno.test("with declared-engines a process has its end of a pair, a container of docker's the other; the node's own processes get none", async () => {
  const [one, two] = [await processOf("one"), await processOf("two")];
  const said = { Id: two.id, Name: "/agent1", State: { Running: true, Pid: two.pid }, HostConfig: {} };
  const engine = world.cluster.startOnNode(world.near, ["perl", "-e", ENGINE, JSON.stringify(said)]);
  try {
    await withAgents("declared-engines", async () => {
      await declare([
        netlink("pair", {
          interfaceName: "declared-a",
          type: "veth",
          container: { netns: { pid: one.pid } },
          addresses: [{ ipcidr: "10.98.0.1/24" }],
          veth: {
            peer: {
              interfaceName: "declared-b",
              container: { docker: { name: "agent1" } },
              addresses: [{ ipcidr: "10.98.0.2/24" }],
            },
          },
        }),
        netlink("init", { interfaceName: "declared-i", type: "bridge", container: { netns: { pid: 1 } } }),
      ]);
      await answers("10.98.0.2");
      await told("init", /process 1 is in the host's own network namespace/);
    });
  } finally {
    await world.cluster.tryOnNode(world.near, [
      "sh",
      "-c",
      'kill "$(cat /run/docker.pid)"; rm -f /run/docker.*',
    ]);
    await engine.kill();
  }
});

/** Somebody who may edit in the namespace of the pods: by a role that the cluster's own controllers have put together. */
const EDITOR = {
  apiVersion: "rbac.authorization.k8s.io/v1",
  kind: "RoleBinding",
  metadata: { name: "declared-editor", namespace: NAMESPACE },
  roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "edit" },
  subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "editor" }],
};
const GRANT = declared("PodInterfaceGrant", "wigglenet", {
  namespaces: [{ namespace: NAMESPACE, interfaceNames: ["declared-"], prefixes: ["10.97.0.0/16"] }],
});

/** A pair between pods one and two, as the editor asks for it. */
async function askForPair(
  interfaceName: string,
): Promise<{ readonly code: number; readonly stderr: string }> {
  const pair = declared("PodNetlinkInterface", "pair", {
    node: world.near,
    pod: "one",
    interfaceName,
    type: "veth",
    addresses: [{ ipcidr: "10.97.0.1/24" }],
    veth: {
      peer: { interfaceName: "declared-b", pod: "two", addresses: [{ ipcidr: "10.97.0.2/24" }] },
    },
  });
  const argv = ["--as=editor", "-n", NAMESPACE, "apply", "-f", "-"];
  return await world.cluster.tryKubectl(argv, { stdin: JSON.stringify(pair) });
}

async function editorIsHeld(): Promise<void> {
  let last = "";
  await until("the role and the grant to hold", async () => {
    const { code, stderr } = await askForPair("declared-a");
    last = stderr;
    return code === 0;
  }, { deadlineMs: 60_000, pauseMs: 500, seen: () => last });
  await answers("10.97.0.2");
  assert.match((await askForPair("eth1")).stderr, /names of interfaces must begin with one of: declared-/);
  const ofNode = JSON.stringify(netlink("mine", { interfaceName: "declared-n", type: "bridge" }));
  const asked = await world.cluster.tryKubectl(["--as=editor", "create", "-f", "-"], { stdin: ofNode });
  assert.match(asked.stderr, /"editor" cannot create resource "netlinkinterfaces"/);
}

Deno.test("who may edit in a namespace, and nowhere else, makes a pair between its pods, as far as its grant goes", async () => {
  await world.cluster.kubectl(["apply", "--server-side", "-k", KINDS]);
  await world.cluster.kubectl(["apply", "--server-side", "-k", TENANTS]);
  try {
    await withAgents("declared-containers", async () => {
      try {
        await declare([GRANT, EDITOR]);
        await editorIsHeld();
      } finally {
        const all = ["-n", NAMESPACE, "delete", "podnetlinkinterfaces", "--all", "--wait"];
        await world.cluster.kubectl(all, { deadlineMs: 60_000 });
      }
    });
  } finally {
    await world.cluster.tryKubectl(["-n", NAMESPACE, "delete", "rolebinding", "declared-editor", "--wait"]);
    await world.cluster.kubectl(["delete", "-k", TENANTS, "--wait"], { deadlineMs: 60_000 });
  }
});
