// What is wrong with declared objects, each by itself: the condition says it, and nothing changes of what stands. What has expired, too.
//
//   n1 ══ wg-n1-n2-0 ══ n2       api

import assert from "node:assert/strict";
import { DeclaredCluster } from "../declared/declared_cluster.ts";
import { backbone, others } from "../declared/two_nodes.ts";
import { declared, type ObjectJson } from "../declared/walk_through.ts";
import { Cluster } from "../lab/kubernetes/cluster.ts";
import type { Node } from "../lab/node.ts";
import { until } from "../lab/until.ts";

const LINK = "wg-n1-n2-0";
const KEY = "wDBZu1y0MvkLcfFOcVDZ4kHnPX0LZ2tTWLdxHFw7aBY=";
const OTHER_KEY = "Ky5TSVYyYqfGMyFAu7rLMUrl7sJuAm3nIfqcZJwlQxI=";

const cluster = await Cluster.create({ nodes: 2 });
const [n1, n2] = cluster.nodes as [Node, Node];
Deno.test.afterAll(() => cluster[Symbol.asyncDispose]());
const it = new DeclaredCluster(cluster);

const PLAN = backbone([n1, n2].map((node) => ({ name: node.name, hostname: node.address(4) })));
const GOOD = [PLAN, ...others("n1")];

interface PlanWords {
  readonly nodes?: readonly object[];
  readonly links: Readonly<Record<string, readonly string[]>>;
  readonly ports?: { readonly start: number; readonly end: number };
}

function planOf(name: string, { nodes = [], links, ports }: PlanWords): ObjectJson {
  const own = [n1, n2].map((node) => ({ nodeName: node.name, underlay: { hostname: node.address(4) } }));
  return declared("WireGuardNetworkPlan", name, {
    nodes: [...own, ...nodes],
    links: Object.entries(links).map(([fromNode, names]) => ({
      fromNode,
      toNodes: names.map((nodeName) => ({ nodeName })),
    })),
    ...(ports && { defaultPortRange: ports }),
  });
}

function wireguard(name: string, spec: object): ObjectJson {
  return declared("WireGuardInterface", name, {
    node: "n1",
    interfaceName: `w-${name}`.slice(0, 15),
    ...spec,
  });
}

function netlink(name: string, spec: object): ObjectJson {
  return declared("NetlinkInterface", name, { node: "n1", interfaceName: `l-${name}`.slice(0, 15), ...spec });
}

/** What is wrong, an object with it, and what its condition says. */
type Wrong = readonly [what: string, object: ObjectJson, says: RegExp];

const WRONG: readonly Wrong[] = [
  [
    "a link in one direction only",
    planOf("one-way", { links: { n1: ["n2"] } }),
    /^Rejected: .*link n1 to n2: n2 does not declare it: a link stands where both of its nodes do/,
  ],
  [
    "a link to a node that the plan does not have",
    planOf("unknown", { links: { n1: ["nobody"] } }),
    /^Rejected: .*link n1 to nobody: the plan has no node nobody/,
  ],
  [
    "a node that is no Node, and no machine with a key",
    planOf("nodeless", { nodes: [{ nodeName: "nobody" }], links: { n1: ["nobody"], nobody: ["n1"] } }),
    /^Rejected: .*nobody: there is no Node of this name, and no publicKey of a machine without an agent/,
  ],
  [
    "two nodes behind NAT",
    planOf("nat", {
      nodes: [{ nodeName: "a", publicKey: KEY }, { nodeName: "b", publicKey: OTHER_KEY }],
      links: { a: ["b"], b: ["a"] },
    }),
    /^Rejected: .*link a to b: neither has an underlay: nobody could speak first/,
  ],
  [
    "two plans that claim one interface",
    planOf("twin", { links: { n1: ["n2"], n2: ["n1"] } }),
    /^Rejected: .*link n1 to n2: the name wg-n1-n2-0 belongs to WireGuardNetworkPlan backbone/,
  ],
  [
    "a range of ports that are the pod network's",
    planOf("narrow", {
      nodes: [{ nodeName: "laptop", publicKey: KEY }],
      links: { n1: ["laptop"], laptop: ["n1"] },
      ports: { start: 24_601, end: 24_602 },
    }),
    /^Rejected: .*link n1 to laptop: no port is left for it in 24601 to 24602 of n1/,
  ],
  [
    "an interface name that a plan has",
    wireguard("name", { interfaceName: LINK }),
    /^Rejected: interface wg-n1-n2-0: the name wg-n1-n2-0 belongs to WireGuardNetworkPlan backbone/,
  ],
  [
    "an interface name that somebody else has on the node",
    netlink("foreign", { interfaceName: "theirs", type: "dummy" }),
    /^Waiting: interface theirs: NetlinkInterface foreign asks for theirs, and somebody else has one of that name \(bridge\)/,
  ],
  [
    "the interface that the node itself speaks by",
    netlink("uplink", { interfaceName: "eth0", type: "bridge" }),
    /^Waiting: interface eth0: .*somebody else has one of that name/,
  ],
  [
    "the pod network's interface",
    wireguard("pods", { interfaceName: "wigglenet" }),
    /^Rejected: interface wigglenet: the name wigglenet belongs to the pod network/,
  ],
  [
    "the pod network's port",
    wireguard("port", { listenPort: 24_601 }),
    /^Rejected: interface w-port: the port 24601 belongs to the pod network/,
  ],
  [
    "an MTU that is too small for its addresses",
    wireguard("small", { mtu: 1000, addresses: [{ family: "inet6", local: "fd99::1", prefixlen: 64 }] }),
    /^Rejected: interface w-small: its MTU 1000 is too small for IPv6, which needs 1280/,
  ],
  [
    "an MTU that is too large for what it stands on",
    netlink("large", { type: "vxlan", mtu: 1400, vxlan: { vni: 9, dev: LINK, port: 4799 } }),
    /^Waiting: interface l-large: its MTU is 1400, and a VXLAN on wg-n1-n2-0 has room for 1370; say an mtu of at most 1370/,
  ],
  [
    "a Secret, where no setting allows any",
    wireguard("secret", { privateKeySecretRef: { name: "own", key: "private" } }),
    /^Rejected: WireGuardInterface: its key is in a Secret, and this agent reads none \(DECLARED_SECRETS_NAMESPACE/,
  ],
  [
    "two peers with one network",
    wireguard("peers", {
      peers: [KEY, OTHER_KEY].map((publicKey) => ({ publicKey, allowedIPs: ["10.99.0.0/16"] })),
    }),
    /^Rejected: WireGuardInterface: two of its peers have 10.99.0.0\/16: WireGuard would send to one of them/,
  ],
  [
    "an address of another node",
    netlink("address", { type: "bridge", addresses: [{ ipcidr: `${n2.address(4)}/32` }] }),
    /^Rejected: interface l-address: 10.9.1.2 is an address of node n2/,
  ],
  [
    "a VXLAN on what is not there",
    netlink("nothing", { type: "vxlan", vxlan: { vni: 10, dev: "nowhere" } }),
    /^Waiting: interface l-nothing: .* puts it on nowhere, which is not there; make nowhere, or say another dev/,
  ],
  [
    "a container, which this agent has no rights for",
    netlink("contained", { type: "bridge", container: { docker: { name: "agent1" } } }),
    /^Rejected: NetlinkInterface: it belongs into a container/,
  ],
];

/** Interfaces of a node with all that is set of them, WireGuard's part and routes: of these names, or of all. */
async function standingOn(node: Node, names?: readonly string[]): Promise<Record<string, string>> {
  const links = JSON.parse(await node.run(["ip", "-N", "-j", "-d", "address", "show"]));
  const all: Record<string, string> = {};
  for (const { ifname, group, mtu, flags, master, ifalias, addr_info } of links) {
    if (names !== undefined && !names.includes(ifname)) continue;
    const served = await node.attempt(["wg", "showconf", ifname]);
    const routes = await node.run([
      "sh",
      "-c",
      `for i in 4 6; do ip -$i route show table all dev ${ifname}; done`,
    ]);
    all[ifname] = JSON.stringify([group, mtu, flags, master, ifalias, addr_info, served.stdout, routes]);
  }
  return all;
}

let before: Record<string, string>[] = [];

Deno.test("what is right stands, and all that is wrong is applied beside it", async () => {
  await it.define();
  await cluster.startAll();
  await it.apply(...GOOD);
  for (const object of GOOD) await it.says(object, "True", /Done/);
  await it.answers(n1, "10.4.0.2");
  await n1.run(["ip", "link", "add", "theirs", "type", "bridge"]);
  before = await Promise.all(cluster.nodes.map((node) => standingOn(node)));
  await it.apply(...WRONG.map(([, object]) => object));
});

for (const [what, object, says] of WRONG) {
  Deno.test(`the condition tells of ${what}`, async () => {
    const { metadata: { generation } } = await it.read(object);
    await it.says(object, "False", says);
    // Of a plan the sum-up may come before the last of its nodes.
    await until("it to be of this generation", async () => {
      return (await it.statusOf(object)).conditions[0].observedGeneration === generation;
    }, { deadlineMs: 60_000, seen: async () => JSON.stringify(await it.statusOf(object), null, 1) });
  });
}

Deno.test("nothing has changed of what stood before, and it is ready", async () => {
  for (const [i, node] of cluster.nodes.entries()) {
    assert.deepEqual(await standingOn(node, Object.keys(before[i]!)), before[i]);
  }
  for (const object of GOOD) await it.says(object, "True", /Done/);
  await it.answers(n1, "10.4.0.2");
});

Deno.test("what was wrong and is mended is taken up; what is deleted leaves nothing", async () => {
  const [, small] = WRONG.find(([, { metadata }]) => metadata.name === "small")!;
  const mended = { ...small, spec: { ...small.spec, mtu: 1280 } };
  await it.apply(mended);
  await it.says(mended, "True", /Done/);
  await it.remove(...WRONG.map(([, object]) => object));
  for (const [i, node] of cluster.nodes.entries()) {
    await until(`${node.name} to have what it had`, async () => {
      return JSON.stringify(await standingOn(node)) === JSON.stringify(before[i]);
    }, { deadlineMs: 30_000, seen: () => it.agentsSay() });
  }
});

Deno.test("a machine whose time is over is removed from all nodes, and the plan says so", async () => {
  const visit = (expires?: string) =>
    planOf("visit", {
      nodes: [{ nodeName: "laptop", publicKey: KEY, ...(expires && { expires }) }],
      links: { n1: ["laptop"], n2: ["laptop"], laptop: ["n1", "n2"] },
    });
  await it.apply(visit());
  const peersOf = async (node: Node) =>
    (await node.attempt(["wg", "show", `wg-${node.name}-laptop-0`, "peers"])).stdout.trim();
  for (const node of cluster.nodes) {
    await until(`${node.name} to let it in`, async () => await peersOf(node) === KEY, { deadlineMs: 30_000 });
  }
  const expires = new Date(Date.now() + 8_000).toISOString();
  await it.apply(visit(expires));
  for (const node of cluster.nodes) {
    assert.equal(await peersOf(node), KEY, `${node.name} lets it in before its time is over`);
  }
  for (const node of cluster.nodes) await it.gone(node, `wg-${node.name}-laptop-0`);
  assert.ok(Date.now() >= Date.parse(expires));
  await until("the plan to say that it has expired", async () => {
    const { nodes } = await it.statusOf(visit());
    const laptop = nodes?.find(({ nodeName }: { nodeName: string }) => nodeName === "laptop");
    return laptop?.message.startsWith("it has expired: ");
  }, { deadlineMs: 60_000, seen: async () => JSON.stringify(await it.statusOf(visit()), null, 1) });
  await it.says(visit(), "True", /Done/);
});

Deno.test("when the node that sums up plans dies another one does, once its Lease is over", async () => {
  const path = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/wigglenet-plans";
  const { spec: { holderIdentity } } = await cluster.admin.demand(path);
  const holder = cluster.nodes.find(({ name }) => name === holderIdentity)!;
  await holder.agent!.kill("SIGKILL");
  const later = planOf("later", { links: { n1: ["n2"] } });
  await it.apply(later);
  await it.says(later, "False", /^Rejected: .*link n1 to n2: n2 does not declare it/);
  assert.notEqual((await cluster.admin.demand(path)).spec.holderIdentity, holderIdentity);
});
