// Nodes come, change and go, and the source of Nodes has bad days.

import assert from "node:assert/strict";
import type { Status } from "../../src/core/plan/status.ts";
import { Lab } from "../lab/lab.ts";
import { type Manifest, manifestOf } from "../lab/manifest.ts";
import type { Node } from "../lab/node.ts";
import { until } from "../lab/until.ts";
import { lost, Mesh } from "./mesh.ts";
import { differences, readState } from "./state.ts";

const mesh = await Mesh.create({ nodes: 2 }, { "filter-ipv4": "true", "filter-ipv6": "true" });
const { lab } = mesh;
const [n1, n2] = mesh.nodes as [Node, Node];
Deno.test.afterAll(() => mesh.close());

async function statusOf(node: Node): Promise<Status> {
  return await node.status() ?? assert.fail(`${node.name}'s agent does not answer`);
}

async function stays(node: Node, before: string): Promise<void> {
  assert.equal(differences(before, await readState(node)), "");
}

async function becomes(node: Node, wanted: string): Promise<void> {
  await until(`${node.name} to be as before`, async () => await readState(node) === wanted, {
    seen: async () => `${differences(wanted, await readState(node))}\n${node.agent?.tail()}`,
  });
}

Deno.test("a node joins, changes its pod CIDR and leaves, and traffic between the others loses nothing", async () => {
  const probe = await mesh.probe(500);
  const before = await Promise.all([readState(n1), readState(n2)]);
  const n3 = await lab.addNode();
  n3.startAgent({ settings: mesh.settings });
  const pod = await n3.addPod("n3-pod");
  await reach(pod.address(4)!);
  await reach(pod.address(6)!);

  const moved: Manifest = { ...n3.manifest, spec: { podCIDRs: ["10.244.33.0/24", "fd00:10:244:33::/64"] } };
  await pod.remove();
  n3.pods.length = 0;
  await lab.publish(moved);
  await until("n3's CNI file to follow", async () => (await n3.conflist()).includes("10.244.33.0/24"));
  const again = await n3.addPod("n3-pod-again");
  await reach(again.address(4)!);
  await reach(again.address(6)!);
  assert.doesNotMatch(await readState(n1), /10\.244\.3\.0|10:244:3::/);

  await lab.withdraw("n3");
  await Promise.all([becomes(n1, before[0]!), becomes(n2, before[1]!)]);
  assert.equal((await mesh.pods[0]!.ping(again.address(4)!, { timeoutMs: 200 })).received, 0);
  const { there, back } = await probe.stop();
  assert.deepEqual([lost(there), lost(back)], [0, 0], "packets were lost");
});

async function reach(address: string): Promise<void> {
  await Promise.all(mesh.pods.map((from) =>
    until(`${from.name} to reach ${address}`, async () => {
      return (await from.ping(address, { timeoutMs: 500 })).received === 1;
    }, { seen: () => lab.diagnose() })
  ));
}

const LOSSES: Readonly<Record<string, { lose: () => Promise<unknown>; why: RegExp }>> = {
  "all Nodes": {
    lose: () => Promise.all([n1, n2].map(({ name }) => lab.withdraw(name))),
    why: /no Node named n1 among 0/,
  },
  "our own Node": { lose: () => lab.withdraw("n1"), why: /no Node named n1 among 1/ },
  "its folder": {
    lose: () => Deno.remove(lab.nodesFolder, { recursive: true }),
    why: /no Node named n1|could not be read/,
  },
};

for (const [what, { lose, why }] of Object.entries(LOSSES)) {
  Deno.test(`a source that loses ${what} changes nothing, and the agent says that it is waiting`, async () => {
    const before = await readState(n1);
    await lose();
    await until("n1 to say that it is waiting", async () => {
      return (await statusOf(n1)).waiting.some((waiting) =>
        waiting.what === "Nodes" && why.test(waiting.why)
      );
    }, { seen: async () => `${JSON.stringify(await statusOf(n1))}\n${n1.agent?.tail()}` });
    await stays(n1, before);
    await Deno.mkdir(lab.nodesFolder, { recursive: true });
    for (const { manifest } of [n1, n2]) await lab.publish(manifest); // n1 without n2 is not believed
    await until("n1 to wait no longer", async () => (await statusOf(n1)).waiting.length === 0);
    await stays(n1, before);
  });
}

Deno.test("a half-written manifest keeps its last content and is named; whole, it is taken in", async () => {
  const before = await readState(n1);
  const path = `${lab.nodesFolder}/n2.yaml`;
  const manifest = { ...n2.manifest, spec: { podCIDRs: ["10.244.2.0/24"] } };
  const text = `${JSON.stringify(manifest, null, 2)}\n`;
  await Deno.writeTextFile(path, text.slice(0, text.length / 2));
  const problem = await until("n1 to name the file", async () => {
    return (await statusOf(n1)).source.problems.find((problem) => problem.path.endsWith("/nodes/n2.yaml"));
  }, { seen: () => n1.agent!.tail() });
  assert.match(problem.reason, /line \d+/);
  await stays(n1, before);
  await Deno.writeTextFile(path, text);
  await until(
    "n1 to take it in",
    async () => !(await readState(n1, ["wireguard"])).includes("fd00:10:244:2::"),
    {
      seen: () => n1.agent!.tail(),
    },
  );
  await lab.publish(n2.manifest);
  await becomes(n1, before);
});

Deno.test("the underlay's MTU changes: tunnel and new pods follow within three seconds", async () => {
  const before = await readState(n1);
  await n1.ip(["link set eth0 mtu 1400"]);
  await until("n1 to follow", async () => {
    const state = await readState(n1, ["link", "cni"]);
    return state.includes('"mtu": 1320,') && state.includes('\\"mtu\\": 1320,');
  }, { deadlineMs: 3_000, seen: () => readState(n1, ["link", "cni"]) });
  await n1.ip(["link set eth0 mtu 1500"]);
  await becomes(n1, before);
});

Deno.test("one broken Node costs the others nothing", async () => {
  const before = await readState(n1);
  const broken = manifestOf(9);
  broken.metadata.annotations = { "wigglenet/public-key": "'; add rule inet wigglenet forward accept" };
  broken.spec.podCIDRs = ["0.0.0.0/0", "10.244.2.0/16", "{ }", "fd00:10:244:2::/64", "10.9.1.0/24"];
  await lab.publish(broken);
  const { rejected } = await until("n1 to reject it", async () => {
    const status = await statusOf(n1);
    return status.rejected.some(({ node }) => node === "n9") && status;
  });
  assert.ok(rejected.filter(({ node }) => node === "n9").length >= 5, JSON.stringify(rejected));
  await stays(n1, before);
  await lab.withdraw("n9");
  await until("it to be forgotten", async () => (await statusOf(n1)).rejected.length === 0);
});

Deno.test("beside a file that is no manifest a Node still leaves, and what somebody adds is still removed", async () => {
  const before = await readState(n1);
  await Deno.writeTextFile(`${lab.nodesFolder}/values.yaml`, "replicas: 3\n");
  await until("n1 to name it", async () => {
    return (await statusOf(n1)).source.problems.some(({ path }) => path.endsWith("/values.yaml"));
  });
  const ninth = manifestOf(9);
  ninth.metadata.annotations = { "wigglenet/public-key": "aW5zdGVhZCBvZiBhIHJlYWwga2V5IG9mIG5vZGUgMjI=" };
  await lab.publish(ninth);
  await until("n1 to take it in", async () => (await readState(n1)).includes("10.244.9.0"));
  await lab.withdraw("n9");
  await n1.run(["nft", "add element inet wigglenet pod-cidrs-v4 { 172.30.0.0/16 }"]);
  await becomes(n1, before);
  await Deno.remove(`${lab.nodesFolder}/values.yaml`);
});

Deno.test("a path that loses all its Nodes keeps them, while another path has ours", async () => {
  await using other = await Lab.create({ nodes: 2 });
  const [node] = other.nodes;
  const own = `${other.folder}/own`;
  await Deno.mkdir(own);
  await Deno.rename(`${other.nodesFolder}/n1.yaml`, `${own}/n1.yaml`);
  node!.startAgent({ args: [`--nodes=${own}`] });
  await node!.conflist();
  const before = await readState(node!);
  assert.ok(before.includes("10.244.2.0"), before);
  await Deno.rename(other.nodesFolder, `${other.folder}/gone`);
  await until("it to say so", async () => {
    return (await statusOf(node!)).source.problems.some(({ reason }) => /its last 1 are kept/.test(reason));
  });
  await stays(node!, before);
});

Deno.test("on a host without IPv6 the IPv4 mesh stands, and status names what is missing", async () => {
  await using other = await Lab.create({ nodes: 2 });
  const [node] = other.nodes;
  await node!.sysctl("1", ["net.ipv6.conf.all.disable_ipv6", "net.ipv6.conf.default.disable_ipv6"]);
  node!.startAgent();
  await node!.conflist();
  await until("the IPv4 route and the peer", async () => {
    const state = await readState(node!);
    return /10\.244\.2\.0\/24 dev wigglenet/.test(state) &&
      state.includes(other.nodes[1]!.manifest.metadata.annotations!["wigglenet/public-key"]!);
  }, { seen: () => node!.diagnose() });
  const status = await statusOf(node!);
  assert.ok(
    Object.keys(status.applied.failing).every((part) => part.endsWith("-v6")),
    JSON.stringify(status.applied),
  );
  assert.ok(Object.keys(status.applied.failing).length > 0);
});

Deno.test("a file of pod CIDRs that is emptied keeps its last ones, and status says so", async () => {
  await using other = await Lab.create({ nodes: 2 });
  const [node] = other.nodes;
  const path = `${node!.folder}/pod-cidrs`;
  await Deno.writeTextFile(path, `${node!.podCIDRs.join("\n")}\n`);
  node!.startAgent({
    settings: {
      "pod-cidr-source-ipv4": "file",
      "pod-cidr-source-ipv6": "file",
      "pod-cidr-source-path": path,
    },
  });
  await node!.conflist();
  const before = await readState(node!);
  await Deno.writeTextFile(path, "");
  await node!.ip(["link add other0 type veth peer name other1"]); // the host's facts are read again
  await until("it to say so", async () => {
    return (await statusOf(node!)).rejected.some(({ reason }) => /its last ones are kept/.test(reason));
  });
  await stays(node!, before);
});
