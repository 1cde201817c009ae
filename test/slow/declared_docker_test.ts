// Declared interfaces in containers of a real docker, as the operator has them whose kinds these are: agent1 and agent2 on one host,
// a pair between them and a VXLAN over it.

import assert from "node:assert/strict";
import { HAS_DOCKER } from "../lab/kernel.ts";
import { type Output, run } from "../lab/process.ts";
import { until } from "../lab/until.ts";
import { ContainedNode, CONTAINERS, netlink } from "../netns/contained_node.ts";

const scene = await ContainedNode.create();
const n1 = scene.node;
Deno.test.afterAll(async () => {
  if (HAS_DOCKER) await n1.attempt(["docker", "rm", "-f", "agent1", "agent2", "agenth"]);
  await scene.lab.close();
});

const IMAGE = "agent:test";
const docker = (...args: string[]) => n1.run(["docker", ...args]);
/** docker switches IPv6 off where its own network has none. */
const IPV6 = ["--sysctl", "net.ipv6.conf.all.disable_ipv6=0"];

async function start(name: string, network = "none"): Promise<void> {
  const options = ["--name", name, "--network", network, ...(network === "host" ? [] : IPV6)];
  await docker("run", "-d", ...options, IMAGE, "/bin/busybox", "sleep", "100000");
}

/** An engine of this node alone; its images and containers are gone with the laboratory. */
async function startEngine(): Promise<void> {
  const cgroups = "mount -t tmpfs tmpfs /sys/fs/cgroup; cd /sys/fs/cgroup; " +
    "for c in cpu cpuacct cpuset memory devices freezer blkio pids; do mkdir $c; mount -t cgroup -o $c cgroup $c; done";
  await n1.run(["sh", "-ec", `${cgroups} 2>/dev/null || mount -t cgroup2 cgroup2 /sys/fs/cgroup`]);
  const options = ["--iptables=false", "--ip6tables=false", "--bridge=none", "--storage-driver=vfs"];
  const folders = [
    `--data-root=${scene.lab.folder}/docker`,
    "--exec-root=/run/docker-exec",
    "--pidfile=/run/docker.pid",
  ];
  const engine = n1.start(["dockerd", "--host=unix:///run/docker.sock", ...options, ...folders]);
  await until("docker to answer", async () => (await n1.attempt(["docker", "info"])).code === 0, {
    deadlineMs: 60_000,
    seen: () => engine.tail(),
  });
  const root = `${scene.lab.folder}/root`;
  await Deno.mkdir(`${root}/bin`, { recursive: true });
  await Deno.copyFile("/usr/bin/busybox", `${root}/bin/busybox`);
  await run(["tar", "-C", root, "-cf", `${root}.tar`, "."]);
  await docker("import", `${root}.tar`, IMAGE);
}

/** A program of the node's in a container's network. */
async function inside(name: string, ...argv: string[]): Promise<Output> {
  const { stdout } = await n1.attempt(["docker", "inspect", "-f", "{{.State.Pid}}", name]);
  return await n1.attempt(["nsenter", `--net=/proc/${stdout.trim()}/ns/net`, "--", ...argv]);
}

function objects(): unknown[] {
  const [one, two] = [{ docker: { name: "agent1" } }, { docker: { name: "agent2" } }];
  const vxlan = (i: number, container: unknown, dev: string) => ({
    ...(netlink(`vxlan${i}`, {
      type: "vxlan",
      container,
      vxlan: { vni: 100, dev, local: `10.6.0.${i}`, group: `10.6.0.${3 - i}` },
      addresses: [{ ipcidr: `fe80::${i}/64` }, { ipcidr: `10.7.0.${i}/24` }],
    }) as object),
  });
  return [
    netlink("veth1-a", {
      type: "veth",
      container: one,
      addresses: [{ ipcidr: "10.6.0.1/24" }, { ipcidr: "fe80::eeee:1/64" }],
      veth: {
        peer: {
          interfaceName: "veth1-b",
          container: two,
          addresses: [{ ipcidr: "10.6.0.2/24" }, { ipcidr: "fe80::eeee:2/64" }],
        },
      },
    }),
    vxlan(1, one, "veth1-a"),
    vxlan(2, two, "veth1-b"),
  ];
}

async function answers(address: string): Promise<void> {
  await until(`${address} to answer agent1`, async () => {
    return (await inside("agent1", "ping", "-c", "1", "-W", "1", address)).code === 0;
  }, {
    deadlineMs: 20_000,
    seen: async () => `${(await inside("agent1", "ip", "address")).stdout}\n${n1.agent!.tail()}`,
  });
}

Deno.test("agent1 and agent2 get a pair and a VXLAN over it, and reach each other by both (docker)", {
  ignore: !HAS_DOCKER,
}, async () => {
  await startEngine();
  await start("agent1");
  await start("agent2");
  n1.startAgent({ settings: CONTAINERS });
  await scene.write(objects());
  await answers("10.6.0.2");
  await answers("fe80::eeee:2%veth1-a");
  await answers("10.7.0.2");
  await answers("fe80::2%vxlan1");
});

Deno.test("What is restarted, or killed and replaced under its name, has its interfaces again (docker)", {
  ignore: !HAS_DOCKER,
}, async () => {
  await docker("restart", "-t", "0", "agent1");
  await answers("10.7.0.2");
  await docker("kill", "agent2");
  await scene.told(/container agent2 does not run/);
  await docker("rm", "agent2");
  await scene.told(/there is no container agent2/);
  await start("agent2");
  await answers("10.7.0.2");
});

Deno.test(
  "A container of another one's name loses what the other's had; one with the host's network gets nothing (docker)",
  { ignore: !HAS_DOCKER },
  async () => {
    await docker("rename", "agent1", "old");
    await start("agent1");
    await answers("10.7.0.2");
    const { stdout } = await inside("old", "ip", "-o", "link");
    assert.doesNotMatch(stdout, /veth1-a|vxlan1/);
    await docker("rm", "-f", "old");
    await start("agenth", "host");
    await scene.write([
      ...objects(),
      netlink("br-h", { type: "bridge", container: { docker: { name: "agenth" } } }),
    ]);
    await scene.told(/NetlinkInterface br-h: .*container agenth runs with the host's network/);
    assert.equal(await scene.namesIn([]), "");
  },
);

Deno.test(
  "While the engine is away all stands, for an agent that starts then too, and goes with its objects (docker)",
  {
    ignore: !HAS_DOCKER,
  },
  async () => {
    const before = (await inside("agent1", "ip", "-o", "link", "show", "veth1-a")).stdout;
    const pid = (await docker("inspect", "-f", "{{.State.Pid}}", "agent1")).trim();
    const inAgent1 = ["nsenter", `--net=/proc/${pid}/ns/net`, "--"];
    await n1.run(["mv", "/run/docker.sock", "/run/away.sock"]);
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    assert.equal(await n1.run([...inAgent1, "ip", "-o", "link", "show", "veth1-a"]), before);
    await n1.agent!.kill("SIGKILL");
    n1.startAgent({ settings: CONTAINERS });
    await scene.told(/docker.sock does not answer|veth1-a veth up in docker\/agent1/);
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    assert.equal(await n1.run([...inAgent1, "ip", "-o", "link", "show", "veth1-a"]), before);
    await n1.run(["mv", "/run/away.sock", "/run/docker.sock"]);
    await scene.write([netlink("br-own", { type: "bridge" })]);
    await scene.has(inAgent1, "");
  },
);
