import assert from "node:assert/strict";
import type { DeclaredReport } from "../declared/status/report.ts";
import { refusalsOf } from "../policy/refusals.ts";
import { desireOf, ordinaryNode, settingsOf } from "../../../test/cluster.ts";
import { type MetricName, METRICS, REJECTED_KINDS } from "./metrics.ts";
import { measure, type Moment } from "./measure.ts";

function moment(words: Partial<Moment> = {}): Moment {
  return {
    version: "1.2.3",
    settings: settingsOf(),
    desired: undefined,
    observed: undefined,
    rejected: [],
    waiting: 0,
    changes: 0,
    isInSync: false,
    isReady: false,
    passAgeSeconds: 0.5,
    drift: {},
    nowSeconds: 1000,
    failing: [],
    source: { objects: 0, isComplete: false, problems: 0, ageSeconds: undefined },
    process: { memoryBytes: 1, cpuSeconds: 2, startSeconds: 3 },
    ...words,
  };
}

/** `name{label="value"} value` of each sample of these metrics. */
function lines(words: Partial<Moment>, ...names: readonly MetricName[]): string[] {
  return measure(moment(words)).filter(({ name }) => names.includes(name)).map(({ name, labels, value }) =>
    `${name}${JSON.stringify(Object.values(labels))} ${value}`
  );
}

Deno.test("each sample has the labels that its metric announces", () => {
  const desired = desireOf([ordinaryNode(1), ordinaryNode(2)]);
  const failing = ["table"];
  const source = { objects: 2, isComplete: true, problems: 0, ageSeconds: 1 };
  for (const { name, labels } of measure(moment({ desired, failing, source }))) {
    assert.deepEqual(Object.keys(labels), METRICS[name].labels, name);
  }
});

Deno.test("the mesh is counted as it is wanted", () => {
  const desired = desireOf([ordinaryNode(1), ordinaryNode(2), ordinaryNode(3)]);
  assert.deepEqual(lines({ desired }, "wigglenet_peers_total", "wigglenet_pod_cidrs_total"), [
    "wigglenet_pod_cidrs_total[] 6",
    "wigglenet_peers_total[] 2",
  ]);
  assert.deepEqual(lines({ desired }, "wigglenet_wireguard_info"), ['wigglenet_wireguard_info["kernel"] 1']);
});

Deno.test("what is not there is absent, not zero", () => {
  assert.deepEqual(lines({}, "wigglenet_tunnel_mtu_bytes", "wigglenet_watch_age_seconds"), []);
});

Deno.test("refused claims are counted by kinds of a closed list, with no word of the Node's", () => {
  const rejected = [
    { node: "evil", claim: 'pod CIDR "x"} 1', reason: "is not a CIDR" },
    { node: "evil", claim: "address 10.0.0.1", reason: "is the address of n1", kind: "conflict" as const },
  ];
  const told = lines({ rejected }, "wigglenet_rejected_claims");
  assert.equal(told.length, REJECTED_KINDS.length);
  assert.deepEqual(told.filter((line) => !line.endsWith(" 0")), [
    'wigglenet_rejected_claims["malformed"] 1',
    'wigglenet_rejected_claims["conflict"] 1',
  ]);
});

Deno.test("what is refused of policies, of pods and of namespaces is one kind", () => {
  const part = { namespace: "x", name: "a", claim: "spec", reason: "is not an object" };
  const rejected = refusalsOf(
    (["NetworkPolicy", "Pod", "Namespace"] as const).map((kind) => ({ kind, ...part })),
  );
  const told = lines({ rejected }, "wigglenet_rejected_claims");
  assert.deepEqual(told.filter((line) => !line.endsWith(" 0")), ['wigglenet_rejected_claims["policy"] 3']);
});

Deno.test("claims of every kind that a cluster can refuse have a kind of the list", () => {
  const { rejected } = desireOf([
    ordinaryNode(1),
    { ...ordinaryNode(2), podCIDRs: ["10.244.1.0/24"] },
    { name: "n3", podCIDRs: ["junk"] },
    { ...ordinaryNode(4), endpoint: "10.244.1.5" },
  ]);
  const kinds = new Set(rejected.map(({ kind = "malformed" }) => kind));
  assert.deepEqual([...kinds].sort(), ["conflict", "endpoint", "keyless", "malformed"]);
});

Deno.test("A rotation of this host's key is one sample, and none without", () => {
  const ownTurn = { stage: "returning", nextKey: "NEXT", awaited: [] } as const;
  assert.deepEqual(lines({ ownTurn }, "wigglenet_key_rotation"), [
    'wigglenet_key_rotation["returning"] 1',
  ]);
  assert.deepEqual(lines({}, "wigglenet_key_rotation"), []);
});

const DECLARED: DeclaredReport = {
  objects: [
    { kind: "WireGuardNetworkPlan", name: "backbone", generation: 1, troubles: [] },
    {
      kind: "NetlinkInterface",
      name: "x",
      generation: 1,
      troubles: [{ reason: "Failing", message: "no" }, { reason: "Waiting", message: "no" }],
    },
  ],
  // The second's is of before a clock went back.
  interfaces: ([["wg-n1-n2-0", "up", 990], ["wg-n1-n3-0", "up", 1_500], ["wg-n1-n4-0", "up", 0], [
    "x",
    "missing",
    undefined,
  ]] as const)
    .map(
      ([name, state, handshakeSeconds]) => ({
        name,
        owner: { kind: "WireGuardNetworkPlan", name: "backbone" },
        type: "wireguard",
        state,
        listenPort: 1,
        publicKey: undefined,
        mtuBytes: 1420,
        addresses: [],
        peers: handshakeSeconds === undefined
          ? []
          : [{ node: name.split("-")[2]!, publicKey: undefined, endpoint: undefined, handshakeSeconds }],
      }),
    ),
};

Deno.test("of links of one name in two places each has its own handshake", () => {
  const link = DECLARED.interfaces[0]!;
  // What a namespace has is in none of them.
  const owner = { kind: "PodWireGuardInterface", name: "team-a/link" } as const;
  const interfaces = [link, { ...link, container: "docker/agent1" }, {
    ...link,
    owner,
    container: "pod/team-a/a",
  }];
  assert.deepEqual(
    lines({ declared: { ...DECLARED, interfaces } }, "wigglenet_declared_last_handshake_seconds"),
    [
      'wigglenet_declared_last_handshake_seconds["wg-n1-n2-0","n2"] 10',
      'wigglenet_declared_last_handshake_seconds["docker/agent1:wg-n1-n2-0","n2"] 10',
    ],
  );
});

Deno.test("declared networks are counted by conditions and states, with the age of each link's handshake", () => {
  const counted = lines({ declared: DECLARED }, "wigglenet_declared_objects");
  assert.equal(counted.length, 25);
  assert.deepEqual(counted.filter((line) => line.endsWith(" 1")), [
    'wigglenet_declared_objects["WireGuardNetworkPlan","Done"] 1',
    'wigglenet_declared_objects["NetlinkInterface","Failing"] 1',
  ]);
  assert.deepEqual(
    lines(
      { declared: DECLARED },
      "wigglenet_declared_interfaces",
      "wigglenet_declared_last_handshake_seconds",
    ),
    [
      'wigglenet_declared_interfaces["up"] 3',
      'wigglenet_declared_interfaces["down"] 0',
      'wigglenet_declared_interfaces["missing"] 1',
      'wigglenet_declared_last_handshake_seconds["wg-n1-n2-0","n2"] 10',
    ],
  );
  assert.deepEqual(lines({}, "wigglenet_declared_objects", "wigglenet_declared_interfaces"), []);
});
