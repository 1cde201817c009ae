import assert from "node:assert/strict";
import { desireOf, keyOf, type NodeWords, ordinaryNode } from "../../../test/cluster.ts";
import { hostOf } from "../../../test/host_state.ts";
import type { HostFacts } from "../desired/host_facts.ts";
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
  assert.equal(desired.rotation, undefined);
  assert.equal(desired.table.defines.tunnel, '"wigglenet"');
});

Deno.test("With KEY_ROTATION=off, as it is by default, nobody's announcement changes anything, and who asks is told", () => {
  const nodes = [ordinaryNode(1), { ...ordinaryNode(2), nextKey: NEXT_2 }];
  const plain = desireOf([1, 2].map(ordinaryNode), {}, OWN);
  const { rotation, hasSecond, table, routes, peers } = desireOf(nodes, {}, { ...OWN, hasSecond: true });
  assert.deepEqual([rotation, hasSecond], [undefined, undefined]);
  assert.deepEqual([table, routes, peers], [plain.table, plain.routes, plain.peers]);
  const due = desireOf(nodes, {}, { ...OWN, isRotationDue: true });
  const { move, waiting } = turnOf(due, hostOf(due), 0);
  assert.equal(move, undefined);
  assert.match(waiting[0]!.next, /KEY_ROTATION|manual/);
});

Deno.test("Another's announcement makes it a peer on a second interface, which has this host's key", () => {
  const rotation = rotationOf([ordinaryNode(1), { ...ordinaryNode(2), nextKey: NEXT_2 }, ordinaryNode(3)])!;
  const { name, port, publicKey, privateKeyPath, addresses } = rotation.link;
  assert.deepEqual([name, port, publicKey, privateKeyPath, addresses], [
    "wigglenet-next",
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
    "10.244.2.0/25 dev wigglenet-next proto 146",
    "10.244.2.128/25 dev wigglenet-next proto 146",
    "fd00:10:244:2::/65 dev wigglenet-next proto 146",
    "fd00:10:244:2:8000::/65 dev wigglenet-next proto 146",
  ]);
});

Deno.test("What a Node announces makes nothing its own that its key has not", () => {
  const nodes = (words: NodeWords) => [ordinaryNode(1), { ...ordinaryNode(2), ...words }];
  const { key: _, ...keyless } = nodes({ nextKey: NEXT_2 })[1]!;
  assert.deepEqual(rotationOf([ordinaryNode(1), keyless])?.peers, undefined);
  assert.deepEqual(rotationOf(nodes({ nextKey: keyOf(1) })), undefined);
  assert.deepEqual(rotationOf(nodes({ nextKey: "junk" })), undefined);
});

Deno.test("Once the next key is a Node's key it is not announced any more, and a peer there until it is withdrawn", () => {
  const [peer] = rotationOf([ordinaryNode(1), { ...ordinaryNode(2), key: NEXT_2, nextKey: NEXT_2 }])!.peers;
  assert.deepEqual([peer!.publicKey, peer!.mainKey, peer!.isAnnounced], [NEXT_2, NEXT_2, false]);
});

Deno.test("This host's own next key is the second interface's, and all who know rotations are peers there", () => {
  const nodes = [ordinaryNode(1), { ...ordinaryNode(2), ...KNOWS }, ordinaryNode(3), {
    ...ordinaryNode(4),
    nextKey: NEXT_2,
  }];
  const named = (facts: Partial<HostFacts>) => rotationOf(nodes, facts)!.peers.map(({ node }) => node);
  const rotating = { ...OWN, nextKey: NEXT_1 };
  const { publicKey, privateKeyPath } = rotationOf(nodes, rotating)!.link;
  assert.deepEqual([publicKey, privateKeyPath], [NEXT_1, "/etc/wigglenet/private.key.next"]);
  assert.deepEqual(named(rotating), ["n2", "n4"]);
  assert.deepEqual(named({ ...rotating, isPublished: false }), ["n2", "n3", "n4"]);
});

Deno.test("Where wireguard-go is awaited nothing rotates", () => {
  const nodes = [ordinaryNode(1), { ...ordinaryNode(2), nextKey: NEXT_2 }];
  const userspace = { ...OWN, wireguard: "userspace" } as const;
  assert.notEqual(rotationOf(nodes, userspace), undefined);
  assert.equal(rotationOf(nodes, userspace, { WIREGUARD_GO: "awaited" }), undefined);
  assert.notEqual(rotationOf(nodes, OWN, { WIREGUARD_GO: "awaited" }), undefined);
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
  assert.equal(due.rotation, undefined);
  const { move, waiting } = turnOf(due, hostOf(due), 0);
  assert.equal(move, undefined);
  assert.match(waiting[0]!.why, /HOST_ENCRYPTION is require/);
});

Deno.test("Families without the tunnel have no detour, and a pod CIDR of one address takes no part", () => {
  const nodes = (podCIDRs: readonly string[]) => [
    ordinaryNode(1),
    { ...ordinaryNode(2), podCIDRs, nextKey: NEXT_2 },
  ];
  const native = { NATIVE_ROUTING_IPV4: "true" };
  const both = ["10.244.2.0/24", "fd00:10:244:2::/64"];
  assert.deepEqual(rotationOf(nodes(both), OWN, native)!.peers[0]!.routes.map(({ family }) => family), [
    6,
    6,
  ]);
  assert.deepEqual(rotationOf(nodes(["10.244.2.7/32"]))!.peers, []);
  assert.deepEqual(rotationOf(nodes(["10.244.2.0/24"]), OWN, native)!.peers, []);
  assert.equal(rotationOf(nodes(both), OWN, { FIREWALL_ONLY: "true" }), undefined);
});

Deno.test("While a key rotates both interfaces are the tunnel to each rule, and both ports are WireGuard's own", () => {
  const nodes = [ordinaryNode(1), { ...ordinaryNode(2), nextKey: NEXT_2 }];
  const { table } = desireOf(
    nodes,
    { KEY_ROTATION: "manual", FILTER_IPV4: "true", FILTER_IPV6: "true" },
    OWN,
  );
  assert.equal(table.defines.tunnel, '{ "wigglenet", "wigglenet-next" }');
  assert.equal(table.defines.port, "{ 24601, 24602 }");
  assert.doesNotMatch(renderStructure(table).replace(/^define .*$/gm, ""), /"wigglenet"|\b24601\b/);
});
