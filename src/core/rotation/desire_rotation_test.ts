import assert from "node:assert/strict";
import { desireOf, keyOf, type NodeWords, ordinaryNode } from "../../../test/cluster.ts";
import { hostOf } from "../../../test/host_state.ts";
import type { HostFacts } from "../desired/host_facts.ts";
import { diff } from "../plan/diff.ts";
import { renderStructure } from "../render/render_table.ts";
import { turnOf } from "./turn.ts";

const [NEXT_1, NEXT_2] = [keyOf(101), keyOf(102)];
const KNOWS = { nextKey: "none" };
const OWN: Partial<HostFacts> = { isPublished: true, publicKey: keyOf(1) };

function rotationOf(
  nodes: readonly NodeWords[],
  facts: Partial<HostFacts> = OWN,
  environment: Record<string, string> = {},
) {
  return desireOf(nodes, { KEY_ROTATION: "manual", ...environment }, facts).rotation;
}

Deno.test("While nobody's key rotates there is one interface, whoever knows rotations", () => {
  const desired = desireOf([1, 2].map((i) => ({ ...ordinaryNode(i), ...KNOWS })), {}, OWN);
  assert.deepEqual([desired.rotation.isOn, desired.rotation.peers], [false, []]);
});

Deno.test("With KEY_ROTATION=off nobody's announcement changes anything, and who asks is told; what has begun goes on", () => {
  const off = { KEY_ROTATION: "off" };
  const nodes = [ordinaryNode(1), { ...ordinaryNode(2), nextKey: NEXT_2 }];
  const plain = desireOf([1, 2].map(ordinaryNode), off, OWN);
  const { rotation, table, routes, peers } = desireOf(nodes, off, OWN);
  assert.equal(rotation.isOn, false);
  assert.deepEqual([table, routes, peers], [plain.table, plain.routes, plain.peers]);
  const due = desireOf(nodes, off, { ...OWN, isRotationDue: true });
  const { move, waiting } = turnOf(due, hostOf(due), 0);
  assert.equal(move, undefined);
  assert.match(waiting[0]!.next, /manual/);
  assert.equal(rotationOf(nodes, { ...OWN, nextKey: NEXT_1 }, off).isOn, true);
});

Deno.test("Beside an interface of that name that is not ours nothing rotates, and it is told without being asked", () => {
  const nodes = [ordinaryNode(1), { ...ordinaryNode(2), nextKey: NEXT_2 }];
  const desired = desireOf(nodes, { KEY_ROTATION: "manual" }, { ...OWN, nextKey: NEXT_1, second: "foreign" });
  assert.deepEqual([desired.rotation.isOn, desired.rotation.isStanding], [false, false]);
  const link = { kind: "wireguard", mtuBytes: 1420, isUp: true, addresses: new Set<string>() };
  const second = { link, wireguard: undefined, userspacePids: [], heard: new Map(), sinceSeconds: 0 };
  const { steps, waiting } = diff(desired, { ...hostOf(desired), second }, 0);
  assert.deepEqual(steps, []);
  assert.match(waiting.map(({ why }) => why).join(), /wigglenet-next that is not ours/);
});

Deno.test("A Node without a pod CIDR begins nothing, and its announcement holds nobody up", () => {
  const { podCIDRs: _, ...bare } = ordinaryNode(1);
  const due = desireOf([bare, ordinaryNode(2)], { KEY_ROTATION: "manual" }, { ...OWN, isRotationDue: true });
  const { move, waiting } = turnOf(due, hostOf(due), 0);
  assert.deepEqual([move, /has no pod CIDR/.test(waiting[0]!.why)], [undefined, true]);
  const { podCIDRs: __, ...other } = { ...ordinaryNode(2), nextKey: NEXT_2 };
  assert.equal(rotationOf([ordinaryNode(1), other]).isOn, false);
});

Deno.test("A next key that another Node has is announced to nobody, and this host knows why", () => {
  const own = { ...ordinaryNode(1), nextKey: NEXT_1 };
  const facts = { ...OWN, nextKey: NEXT_1 };
  assert.equal(rotationOf([own, ordinaryNode(2)], facts).disbelief, undefined);
  const thief = { ...ordinaryNode(3), key: NEXT_1 };
  assert.match(rotationOf([own, ordinaryNode(2), thief], facts).disbelief!, /^n3 has the same key/);
  assert.match(rotationOf([ordinaryNode(1), ordinaryNode(2)], facts).disbelief!, /does not say it/);
  // WireGuard would take no peer with the second interface's own key.
  const named = rotationOf([own, ordinaryNode(2), { ...thief, ...KNOWS }], facts).peers.map(({ node }) =>
    node
  );
  assert.deepEqual(named, []);
});

Deno.test("Another's announcement makes it a peer on a second interface, which has this host's key", () => {
  const rotation = rotationOf([ordinaryNode(1), { ...ordinaryNode(2), nextKey: NEXT_2 }, ordinaryNode(3)]);
  const { name, group, port, publicKey, privateKeyPath, addresses } = rotation.link!;
  assert.deepEqual([name, group, port, publicKey, privateKeyPath, addresses], [
    "wigglenet-next",
    146,
    24602,
    keyOf(1),
    "/etc/wigglenet/private.key",
    ["10.244.1.1/32", "fd00:10:244:1::1/128"],
  ]);
  const [peer, ...more] = rotation.peers;
  assert.equal(more.length, 0);
  assert.deepEqual([peer!.node, peer!.publicKey, peer!.mainKey, peer!.isAnnounced], [
    "n2",
    NEXT_2,
    keyOf(2),
    true,
  ]);
  assert.deepEqual(peer!.candidates, ["10.9.1.2:24602", "[fd09::2]:24602"]);
  assert.deepEqual(peer!.routes.map(({ text }) => text), [
    "10.244.2.0/24 dev wigglenet-next proto 146",
    "fd00:10:244:2::/64 dev wigglenet-next proto 146",
  ]);
});

Deno.test("What a Node announces makes nothing its own that its key has not", () => {
  const nodes = (words: NodeWords) => [ordinaryNode(1), { ...ordinaryNode(2), ...words }];
  const { key: _, ...keyless } = nodes({ nextKey: NEXT_2 })[1]!;
  assert.equal(rotationOf([ordinaryNode(1), keyless]).isOn, false);
  assert.equal(rotationOf(nodes({ nextKey: keyOf(1) })).isOn, false);
  assert.equal(rotationOf(nodes({ nextKey: "junk" })).isOn, false);
});

Deno.test("Once the next key is a Node's key it is not announced any more, and a peer there until it is withdrawn", () => {
  const [peer] = rotationOf([ordinaryNode(1), { ...ordinaryNode(2), key: NEXT_2, nextKey: NEXT_2 }]).peers;
  assert.deepEqual([peer!.publicKey, peer!.mainKey, peer!.isAnnounced], [NEXT_2, NEXT_2, false]);
});

Deno.test("This host's own next key is the second interface's, and all who know rotations are peers there", () => {
  const nodes = [ordinaryNode(1), { ...ordinaryNode(2), ...KNOWS }, ordinaryNode(3), {
    ...ordinaryNode(4),
    nextKey: NEXT_2,
  }];
  const named = (facts: Partial<HostFacts>) => rotationOf(nodes, facts).peers.map(({ node }) => node);
  const rotating = { ...OWN, nextKey: NEXT_1 };
  const { publicKey, privateKeyPath } = rotationOf(nodes, rotating).link!;
  assert.deepEqual([publicKey, privateKeyPath], [NEXT_1, "/etc/wigglenet/private.key.next"]);
  assert.deepEqual(named(rotating), ["n2", "n4"]);
  assert.deepEqual(named({ ...rotating, isPublished: false }), ["n2", "n3", "n4"]);
});

Deno.test("Who has a key that another Node says as its next one is waited for, and no peer by it", () => {
  const nodes = [ordinaryNode(1), { ...ordinaryNode(2), ...KNOWS }, {
    ...ordinaryNode(3),
    nextKey: keyOf(2),
  }];
  const desired = desireOf(nodes, { KEY_ROTATION: "manual" }, { ...OWN, nextKey: NEXT_1 });
  const { members, own } = turnOf(desired, hostOf(desired), 0);
  assert.deepEqual([members.map(({ node }) => node), own!.awaited], [["n3"], ["n2", "n3"]]);
});

Deno.test("Where wireguard-go is awaited nothing rotates", () => {
  const nodes = [ordinaryNode(1), { ...ordinaryNode(2), nextKey: NEXT_2 }];
  const userspace = { ...OWN, wireguard: "userspace" } as const;
  assert.equal(rotationOf(nodes, userspace).isOn, true);
  assert.equal(rotationOf(nodes, userspace, { WIREGUARD_GO: "awaited" }).isOn, false);
  assert.equal(rotationOf(nodes, OWN, { WIREGUARD_GO: "awaited" }).isOn, true);
  const due = desireOf(nodes, { KEY_ROTATION: "manual", WIREGUARD_GO: "awaited" }, {
    ...userspace,
    isRotationDue: true,
  });
  const { move, waiting } = turnOf(due, hostOf(due), 0);
  assert.deepEqual([move, waiting.map(({ what }) => what)], [undefined, ["key rotation of n1"]]);
});

Deno.test("With HOST_ENCRYPTION=require nothing rotates, and who asks for it is told", () => {
  const nodes = [{ ...ordinaryNode(1), ...KNOWS }, { ...ordinaryNode(2), nextKey: NEXT_2 }];
  const environment = { KEY_ROTATION: "manual", HOST_ENCRYPTION: "require" };
  const due = desireOf(nodes, environment, { ...OWN, isRotationDue: true });
  assert.equal(due.rotation.isOn, false);
  const { move, waiting } = turnOf(due, hostOf(due), 0);
  assert.equal(move, undefined);
  assert.match(waiting[0]!.why, /HOST_ENCRYPTION is require/);
});

Deno.test("Families without the tunnel have no way of their own, and a pod CIDR of one address has one", () => {
  const nodes = (podCIDRs: readonly string[]) => [
    ordinaryNode(1),
    { ...ordinaryNode(2), podCIDRs, nextKey: NEXT_2 },
  ];
  const routes = (podCIDRs: readonly string[], environment = {}) =>
    rotationOf(nodes(podCIDRs), OWN, environment).peers[0]!.routes.map(({ destination }) => destination);
  const native = { NATIVE_ROUTING_IPV4: "true" };
  const both = ["10.244.2.0/24", "fd00:10:244:2::/64"];
  assert.deepEqual(routes(both, native), ["fd00:10:244:2::/64"]);
  assert.deepEqual(routes(["10.244.2.7/32"]), ["10.244.2.7/32"]);
  assert.deepEqual(routes(["10.244.2.0/24"], native), []);
  assert.equal(rotationOf(nodes(both), OWN, { FIREWALL_ONLY: "true" }).isOn, false);
});

Deno.test("A key that rotates changes no word of the table, to which both interfaces are the tunnel at all times", () => {
  const filtered = { KEY_ROTATION: "manual", FILTER_IPV4: "true", FILTER_IPV6: "true" };
  const nodes = [ordinaryNode(1), { ...ordinaryNode(2), nextKey: NEXT_2 }];
  const { table } = desireOf(nodes, filtered, { ...OWN, nextKey: NEXT_1 });
  assert.deepEqual(table, desireOf([1, 2].map(ordinaryNode), filtered, OWN).table);
  assert.equal(table.defines.tunnels, '{ "wigglenet", "wigglenet-next" }');
  assert.doesNotMatch(renderStructure(table).replace(/^define .*$/gm, ""), /"wigglenet"|\b24601\b/);
});

Deno.test("What is translated gets neither of WireGuard's ports, whichever they are", () => {
  const ports = ["24601", "60998", "60999", "61000", "65535"].map((WIGGLENET_WG_PORT) => {
    const { port, spare_ports } = desireOf([ordinaryNode(1)], { WIGGLENET_WG_PORT }).table.defines;
    return `${port} ${spare_ports}`;
  });
  assert.deepEqual(ports, [
    "24601-24602 61000-65535",
    "60998-60999 61000-65535",
    "60999-61000 50000-60998",
    "61000-61001 50000-60998",
    "65534-65535 50000-60998",
  ]);
});

Deno.test("A key that two Nodes say as their next one is contested, whichever of them stands last", () => {
  const NEXT_3 = keyOf(103);
  for (const number of [2, 9]) {
    const announcing = { ...ordinaryNode(3), nextKey: NEXT_3 };
    const thief = { ...ordinaryNode(number), key: NEXT_3, nextKey: NEXT_3 };
    const { peers } = rotationOf([ordinaryNode(1), announcing, thief]);
    assert.deepEqual(peers.map(({ node, isContested }) => [node, isContested]), [[`n${number}`, true]]);
  }
});
