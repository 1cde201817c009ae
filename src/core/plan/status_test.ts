import assert from "node:assert/strict";
import { desireOf, keyOf, ordinaryNode } from "../../../test/cluster.ts";
import { hostOf } from "../../../test/host_state.ts";
import { DIRECT, direct, ETH0 } from "../../../test/direct_nodes.ts";
import { clearStatuses, describeStatus, peerStatuses, type Status } from "./status.ts";

const DESIRED = desireOf([1, 3, 2].map(ordinaryNode));

Deno.test("Peers are shown in the order of their names, with what the interface says of them", () => {
  const host = hostOf(DESIRED);
  const n2 = {
    ...host.wireguard!.peers.get(keyOf(2))!,
    endpoint: "192.0.2.1:9",
    handshakeSeconds: 7,
    sentBytes: 5,
  };
  const peers = new Map(host.wireguard!.peers).set(n2.publicKey, n2);
  const statuses = peerStatuses(DESIRED, { ...host, wireguard: { ...host.wireguard!, peers } });
  assert.deepEqual(
    statuses.map((
      { node, endpoint, handshakeSeconds, sentBytes },
    ) => [node, endpoint, handshakeSeconds, sentBytes]),
    [["n2", "192.0.2.1:9", 7, 5], ["n3", "10.9.1.3:24601", 0, 0]],
  );
  assert.equal(statuses[0]!.allowedIps.length, 4);
});

Deno.test("Before anything was wanted or read there are no peers, and wanted ones have no session", () => {
  assert.deepEqual(peerStatuses(undefined, undefined), []);
  assert.deepEqual(peerStatuses(DESIRED, undefined).map(({ handshakeSeconds }) => handshakeSeconds), [0, 0]);
});

const STATUS: Status = {
  node: "n1",
  podCidrs: [],
  mtu: undefined,
  version: "0.1.0",
  source: { paths: ["/nodes"], isComplete: true, objects: 3, problems: [] },
  peers: [],
  applied: { isInSync: true, steps: 3, lastMs: 1, failing: {} },
  rejected: [],
  waiting: [],
  unguarded: [],
  drift: {},
};

Deno.test("The status of a node without trouble is four lines", () => {
  assert.deepEqual(describeStatus(STATUS, 100), [
    "node n1, wigglenet 0.1.0: in sync",
    "source /nodes: 3 objects",
    "0 peers",
    "no drift repaired",
  ]);
});

Deno.test("A way in the clear that the host has not, or not yet, is shown as such", () => {
  const desired = desireOf([1, 2, 3].map((i) => direct(i)), DIRECT, { interfaces: [ETH0] });
  const host = hostOf(desired);
  const shown = (observed: typeof host | undefined) =>
    clearStatuses(desired, observed).map(({ node, family, isMissing }) => `${node} ${family} ${isMissing}`);
  assert.deepEqual(shown(host), ["n2 4", "n2 6", "n3 4", "n3 6"].map((way) => `${way} undefined`));
  const lost = new Set([...host.routes[4]].filter((text) => !text.startsWith("10.244.3.0/24")));
  const without = { ...host, routes: { ...host.routes, 4: lost } };
  assert.deepEqual(shown(without), ["n2 4 undefined", "n2 6 undefined", "n3 4 true", "n3 6 undefined"]);
  assert.match(
    describeStatus({ ...STATUS, clear: clearStatuses(desired, without) }, 100).join("\n"),
    /n3 in the clear via 10\.9\.1\.3 .* to 10\.244\.3\.0\/24: the host has no such route\n/,
  );
  assert.ok(shown(undefined).every((way) => way.endsWith("true")));
});

Deno.test("By IPsec the status says what came from a node and went to it since its keys were made, and where nothing did", () => {
  const IPSEC = { TRANSPORT_IPV4: "ipsec", TRANSPORT_IPV6: "ipsec" };
  const nodes = [1, 2, 3, 4].map((i) => ({
    ...ordinaryNode(i),
    transport: "ipv4=ipsec,ipv6=ipsec",
    ipsecNonce: keyOf(i),
  }));
  const desired = desireOf(nodes, IPSEC, { interfaces: [ETH0], publicKey: keyOf(1) });
  const association = (
    [source, destination]: readonly [number, number],
    packets: number,
    addedSeconds: number,
  ) => ({
    ...{ spi: packets, purpose: "data" as const, packets, addedSeconds, usedSeconds: 0 },
    ...{ source: `10.9.1.${source}`, destination: `10.9.1.${destination}` },
  });
  const associations = [
    ...[association([2, 1], 7, 40), association([2, 1], 5, 90), association([1, 2], 9, 90)],
    ...[association([3, 1], 0, 60), association([1, 3], 3, 60)],
    { ...association([4, 1], 3, 60), purpose: "greeting" as const },
  ];
  const known = { used: new Set<string>(), retired: new Set<string>(), patientSeconds: 0, wallSeconds: 100 };
  const ipsec = { ...known, link: undefined, associations, policies: new Map(), unchecked: [] };
  const clear = clearStatuses(desired, { ...hostOf(desired), ipsec });
  const lines = describeStatus({ ...STATUS, clear }, 100).filter((line) => line.includes("to 10.244."));
  assert.deepEqual(lines.map((line) => line.replace(/ by IPsec.*?(;|$)/, "$1")), [
    "  n2; 12 packets received, 9 sent, by keys of 10 s",
    "  n3; nothing received, 3 sent, by keys of 40 s",
    "  n4",
  ]);
});

Deno.test("While this host's key rotates the status says how far it is", () => {
  const rotation = { stage: "announced", nextKey: "NEXT", awaited: ["n2", "n7"] } as const;
  assert.equal(
    describeStatus({ ...STATUS, rotation }, 100)[2],
    "key rotation: NEXT is announced, 2 peers are to come along",
  );
  assert.match(
    describeStatus({ ...STATUS, rotation: { ...rotation, stage: "returning" } }, 100)[2]!,
    /^key rotation: NEXT has taken over, 2 /,
  );
});

Deno.test("The status names every trouble, and what to do about what is waiting", () => {
  const lines = describeStatus({
    ...STATUS,
    source: {
      ...STATUS.source,
      isComplete: false,
      problems: [{ path: "/nodes/a", reason: "line 1: x", isUnread: true, isPending: false }],
    },
    peers: peerStatuses(DESIRED, undefined).map((peer, i) => ({ ...peer, handshakeSeconds: i * 60 })),
    applied: {
      isInSync: false,
      steps: 0,
      lastMs: undefined,
      failing: { table: { error: "nft", retryAtMs: 1 } },
    },
    rejected: [{ node: "n2", claim: "Node", reason: "r" }],
    waiting: [{ what: "a", why: "b", next: "c" }],
    unguarded: ["IPv4: pods of Nodes that are not known"],
    drift: { route: 2, table: 1 },
  }, 100);
  assert.deepEqual(lines, [
    "node n1, wigglenet 0.1.0: not in sync",
    "source /nodes: 3 objects, not complete yet",
    "  ! /nodes/a: line 1: x",
    "2 peers",
    "  n2 10.9.1.2:24601 no handshake yet",
    "  n3 10.9.1.3:24601 handshake 40 s ago",
    "failing: table: nft",
    "rejected: n2: Node: r",
    "waiting: a: b; c",
    "not guarded: IPv4: pods of Nodes that are not known",
    "drift repaired: 2 route, 1 table",
  ]);
});
