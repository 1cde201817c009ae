import assert from "node:assert/strict";
import { desireOf, interfaceOf as nic, type NodeWords } from "../../../../test/cluster.ts";
import { DIRECT, direct, ETH0, N2, routesOf, told } from "../../../../test/direct_nodes.ts";
import type { DesiredState } from "../../desired/desired_state.ts";
import type { RawSettings } from "../../settings/parse_settings.ts";

function wish(
  nodes: readonly NodeWords[],
  environment: RawSettings,
  facts = { interfaces: [ETH0] },
): DesiredState {
  return desireOf(nodes, environment, facts);
}

for (
  const [what, internal] of [
    ["the address of this host that its Node does not say", ["10.9.1.77"]],
    ["the broadcast address", ["10.9.1.255"]],
    ["the network's own address", ["10.9.1.0"]],
  ] as const
) {
  Deno.test(`${what} is no way to anybody's pods`, () => {
    const interfaces = [nic("eth0", ["10.9.1.1/24", "10.9.1.77/24"])];
    const desired = wish([direct(1), direct(2, { internal })], DIRECT, { interfaces });
    assert.deepEqual(routesOf(desired), []);
  });
}

Deno.test("a network counts when both Nodes have an address there: other interfaces of the host are none", () => {
  const interfaces = [
    nic("eth0", ["10.9.1.1/24"]),
    nic("docker0", ["172.17.0.1/16"]),
    nic("cable", ["192.0.2.1/32"]),
  ];
  const words = { internal: ["172.17.0.2", "192.0.2.2"] };
  assert.deepEqual(routesOf(wish([direct(1), direct(2, words)], DIRECT, { interfaces })), []);
  const own = { internal: ["10.9.1.1", "172.17.0.1"] };
  assert.deepEqual(routesOf(wish([direct(1, own), direct(2, words)], DIRECT, { interfaces })), [
    "10.244.2.0/24 via 172.17.0.2 dev docker0 onlink proto 146",
  ]);
});

Deno.test("of several interfaces each way has its own, and the narrowest decides over the MTU of pods", () => {
  const interfaces = [nic("eth0", ["10.9.1.1/24"]), nic("eth1", ["10.8.0.1/24"], { mtuBytes: 1400 })];
  const nodes = [
    direct(1, { internal: ["10.9.1.1", "10.8.0.1"] }),
    direct(2),
    direct(3, { internal: ["10.8.0.3"] }),
  ];
  const desired = wish(nodes, DIRECT, { interfaces });
  assert.equal(desired.cni?.mtuBytes, 1400);
  assert.equal(desired.table.defines.clear_v4, '{ "eth0", "eth1" }');
  assert.equal(wish(nodes, { ...DIRECT, WIGGLENET_MTU: "1300" }, { interfaces }).cni?.mtuBytes, 1300);
});

Deno.test("who says another Node's address, be he older, takes nothing from it: his own pods' packets go there", () => {
  const elder = (internal: readonly string[]) =>
    direct(4, { name: "elder", day: 1, internal, podCIDRs: ["10.250.0.0/24"] });
  const nodes = [direct(1, { day: 5 }), direct(2, { day: 5 }), direct(3, { day: 5 })];
  for (const stolen of [["10.9.1.2"], ["10.9.1.2", "10.9.1.3", "fd09::2"]]) {
    const routes = routesOf(wish([...nodes, elder(stolen)], DIRECT));
    for (const route of [...N2, "10.244.3.0/24 via 10.9.1.3 dev eth0 onlink proto 146"]) {
      assert.ok(routes.includes(route), route);
    }
  }
  // A machine that was replaced: the old Node is still there, with the address that this one has now.
  const desired = wish([...nodes, elder(["10.9.1.1"])], DIRECT);
  assert.deepEqual(routesOf(desired).filter((text) => text.startsWith("10.244.2")), [N2[0]]);
  assert.ok(!routesOf(desired).some((text) => text.startsWith("10.250")), "it would be a way to itself");
  assert.match(told(desired)[0]!, /^IPv4 to elder: no route/);
});

Deno.test("nobody's filter is opened for an address that a Node says by annotation alone, nor for an ExternalIP", () => {
  const words = { internal: ["10.9.1.2"], external: ["10.9.1.88"], said: { nodeIps: ["10.9.1.77"] } };
  const desired = wish([direct(1), direct(2, words)], DIRECT);
  assert.deepEqual(desired.table.sets["clear-v4"], ["10.9.1.2/32", "10.244.2.0/24"]);
  const alone = wish([direct(1), direct(2, { ...words, internal: [] })], DIRECT);
  assert.deepEqual(routesOf(alone), ["10.244.2.0/24 via 10.9.1.77 dev eth0 onlink proto 146"]);
  assert.deepEqual(alone.table.sets["clear-v4"], ["10.244.2.0/24"]);
});

Deno.test("of networks inside each other the narrowest counts; one that two interfaces have counts for neither, and is told", () => {
  const eth1 = nic("eth1", ["10.9.1.129/25"]);
  const own = direct(1, { internal: ["10.9.1.1", "10.9.1.129"] });
  const nodes = [own, direct(2), direct(3, { internal: ["10.9.1.200"] })];
  assert.deepEqual(
    routesOf(wish(nodes, DIRECT, { interfaces: [ETH0, eth1] })).filter((text) => text.startsWith("10.")),
    [
      "10.244.2.0/24 via 10.9.1.2 dev eth0 onlink proto 146",
      "10.244.3.0/24 via 10.9.1.200 dev eth1 onlink proto 146",
    ],
  );
  // A network of somebody else's inside ours: the kernel takes no gateway there.
  const docker = nic("docker0", ["10.9.1.193/26"]);
  const inside = wish([direct(1), direct(2), direct(3, { internal: ["10.9.1.200"] })], DIRECT, {
    interfaces: [ETH0, docker],
  });
  assert.ok(!routesOf(inside).some((text) => text.startsWith("10.244.3")));
  const twice = wish([direct(1, { internal: ["10.9.1.1", "10.9.1.5"] }), direct(2)], DIRECT, {
    interfaces: [nic("eth0", ["10.9.1.1/24"]), nic("eth1", ["10.9.1.5/24"])],
  });
  assert.deepEqual(routesOf(twice), []);
  assert.match(told(twice)[0]!, /^IPv4 by 10\.9\.1\.0\/24: more than one interface has it: eth0, eth1;/);
});

Deno.test("both ends take the same one of two networks that they share, whatever the order of their addresses", () => {
  const interfaces = [nic("eth0", ["10.9.1.1/24"]), nic("eth1", ["10.8.0.1/24"])];
  for (const internal of [["10.9.1.2", "10.8.0.2"], ["10.8.0.2", "10.9.1.2"]]) {
    const nodes = [direct(1, { internal: ["10.9.1.1", "10.8.0.1"] }), direct(2, { internal })];
    assert.deepEqual(routesOf(wish(nodes, DIRECT, { interfaces })), [
      "10.244.2.0/24 via 10.8.0.2 dev eth1 onlink proto 146",
    ]);
  }
});

Deno.test("an address without a network, as some clouds give it, is said to be that", () => {
  const desired = wish([direct(1), direct(2)], DIRECT, { interfaces: [nic("eth0", ["10.9.1.1/32"])] });
  assert.match(told(desired)[0]!, /a network of this node \(it has 10\.9\.1\.1\/32, which is none\)/);
});
