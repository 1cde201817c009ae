// A third of a hundred thousand Nodes, Pods, Namespaces and NetworkPolicies with anything in them, and all in the layer slow: nothing throws, no
// text of theirs gets into a ruleset but names that cannot be anything else, within quotes, and what is gone is not remembered. A failure
// prints its seed: `deno test test/laws/fuzz_test.ts -- SEED`, with `whole` behind it where all were tried.

import assert from "node:assert/strict";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { NO_FACTS } from "../../src/core/desired/host_facts.ts";
import { desire } from "../../src/core/desired/desire.ts";
import { parseNode } from "../../src/core/nodes/parse_node.ts";
import { pickNode } from "../../src/core/nodes/pick_node.ts";
import { parseNamespace } from "../../src/core/policy/parse_namespace.ts";
import { parseNetworkPolicy } from "../../src/core/policy/parse_network_policy.ts";
import { parsePod } from "../../src/core/policy/parse_pod.ts";
import { PolicyModel } from "../../src/core/policy/policy_model.ts";
import { renderAll } from "../../src/core/render/render_all.ts";
import { policyObjects, renderPolicyDelta, wholeDelta } from "../../src/core/render/render_policy.ts";
import { randomOf } from "../bench/random.ts";
import { keyOf, nodeJson, ordinaryNode, settingsOf } from "../cluster.ts";
import { OWN_KEY } from "./clusters.ts";
import { givenSeed, share, wordsOf } from "./share.ts";

const SEED = givenSeed() ?? Math.floor(Math.random() * 2 ** 31);
const NODES = share(40_000);
const POLICY_OBJECTS = share(60_000);
/** Objects between two looks at what is rendered of them. */
const BATCH = 250;
/** What the heap may have more after the second half than after the first: tables that grow by doubling. */
const FLAT_BYTES = 4e6;

type Json = Record<string, unknown>;

const random = randomOf(SEED);
const below = (n: number) => Math.floor(random() * n);
const oneOf = <T>(items: readonly T[]) => items[below(items.length)]!;

/** Stands in all texts that may be nobody's name, address or label. */
const CANARY = "FUZZ!";
const LONG = "9".repeat(70_000);
const JUNK: readonly (() => unknown)[] = [
  () => `${CANARY} }; add rule inet wigglenet forward accept; {`,
  () => `${CANARY}"\n[Peer]\nAllowedIPs = 0.0.0.0/0\n`,
  () => `$(${CANARY})`,
  () => `\u0000${CANARY}\ud800\u202e`,
  () => `10.244.${below(300)}.0/24,${CANARY}`,
  () => `"${CANARY}`,
  () => `@${CANARY}`,
  () =>
    oneOf([
      "0.0.0.0/0",
      "::/0",
      "10.9.1.1",
      "127.0.0.1",
      "::ffff:10.1.1.1",
      "fe80::1%eth0",
      "1e3",
      "-1",
      "0x50",
    ]),
  () => oneOf([LONG, "", " ", "null", "constructor", "__proto__", "toString"]),
  () => oneOf<unknown>([null, true, 0, -1, 65_536, 1e300, NaN, 0.5, [], {}, [[]], [null], { toString: 1 }]),
  () =>
    Array.from(
      { length: below(40) },
      () => oneOf<unknown>([null, "10.0.0.0/8", CANARY, 7, { ip: "10.244.1.1" }]),
    ),
  () =>
    Object.fromEntries(
      ["__proto__", "length", CANARY, "matchLabels", "ip"].map((
        key,
      ) => [key, oneOf<unknown>([1, CANARY, {}])]),
    ),
];

/** The object with something else in some of its places. */
function mutated(object: Json): Json {
  const copy = structuredClone(object);
  for (let i = 1 + below(3); i > 0; i--) mutate(copy);
  return copy;
}

function mutate(object: Json): void {
  let place = object;
  for (;;) {
    const keys = Object.keys(place);
    if (keys.length === 0) return;
    const key = oneOf(keys);
    const value = place[key];
    if (typeof value === "object" && value !== null && random() < 0.85) {
      place = value as Json;
      continue;
    }
    const deed = random();
    if (deed < 0.1) delete place[key];
    else if (deed < 0.2) place[oneOf(keys)] = value;
    else if (deed < 0.25) place[`${CANARY}${key}`] = value;
    else place[key] = oneOf(JUNK)();
    return;
  }
}

/** Throws where a text that is no name stands in it, or any name outside of quotes. */
function assertClean(text: string): void {
  assert.ok(!text.includes(CANARY), text.slice(text.indexOf(CANARY) - 200).slice(0, 400));
  const bare = text.replace(/"[A-Za-z0-9 ._\/=(){}!,:-]*"/g, "");
  const odd = /fuzz|[^ -~\n\t]|\$\(/.exec(bare);
  assert.equal(odd, null, odd === null ? "" : bare.slice(Math.max(0, odd.index - 200), odd.index + 200));
}

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** Bytes on the heap that somebody holds. */
function heldBytes(): number {
  collect();
  collect();
  return Deno.memoryUsage().heapUsed;
}

/** Does it for so many objects; what is held after the second half is what was held after the first. */
function feed(count: number, act: (i: number) => void): void {
  let half = 0;
  for (let i = 0; i < count; i++) {
    try {
      act(i);
    } catch (error) {
      throw new Error(`seed ${wordsOf(SEED)}, object ${i}: ${(error as Error).message}`, {
        cause: error,
      });
    }
    if (i === count / 2) half = heldBytes();
  }
  const more = heldBytes() - half;
  assert.ok(
    more < FLAT_BYTES,
    `seed ${wordsOf(SEED)}: ${(more / 1e6).toFixed(1)} MB more after the second half`,
  );
}

const settings = settingsOf({ CLUSTER_POD_CIDRS: "10.244.0.0/16,fd00:10:244::/56" });
const own = nodeJson({ ...ordinaryNode(1), key: OWN_KEY });
const facts = { ...NO_FACTS, publicKey: OWN_KEY };

Deno.test(`${NODES} Nodes with anything in them: nothing throws, nothing of them is in a ruleset, nothing is remembered`, () => {
  let batch: unknown[] = [];
  feed(NODES, (i) => {
    const words = { ...ordinaryNode(2 + below(250)), name: `fuzz-${below(300)}`, key: keyOf(below(300)) };
    const said = random() < 0.3 ? { podCidrs: words.podCIDRs, nodeIps: words.internal } : {};
    batch.push(mutated(nodeJson({ ...words, said, endpoint: "192.0.2.7:7", keepalive: "15" }) as Json));
    if (batch.length < BATCH && i < NODES - 1) return;
    const nodes = [own, ...batch].map((json) => parseNode(pickNode(json), "fuzz.yaml"));
    const { nft, wireguard, rejected: _, waiting: __, ...rest } = renderAll(desire(settings, nodes, facts)!);
    assertClean(nft);
    assertClean(wireguard.replace(/^# fuzz-\d+$/gm, ""));
    assertClean(JSON.stringify(rest).replace(/fuzz-\d+/g, ""));
    batch = [];
  });
});

const NAMESPACES = ["fuzz-x", "fuzz-y", "fuzz-z"];
const LABELS = [{ app: "fuzz-a" }, { app: "fuzz-b", tier: "fuzz-1" }, {}];

function podJson(): Json {
  const i = below(200);
  return {
    metadata: { name: `fuzz-pod-${i}`, namespace: oneOf(NAMESPACES), uid: `${i}`, labels: oneOf(LABELS) },
    spec: {
      nodeName: oneOf(["n1", "fuzz-n2"]),
      containers: [{ name: "c", ports: [{ name: "fuzz-web", containerPort: 80, protocol: "TCP" }] }],
    },
    status: { phase: "Running", podIPs: [{ ip: `10.244.1.${i}` }, { ip: `fd00:10:244:1::${i}` }] },
  };
}

function policyJson(): Json {
  const rules = [{
    from: [
      { podSelector: { matchLabels: oneOf(LABELS) } },
      { namespaceSelector: { matchExpressions: [{ key: "fuzz-k", operator: "NotIn", values: ["fuzz-v"] }] } },
      { ipBlock: { cidr: "10.0.0.0/8", except: ["10.1.0.0/16"] } },
    ],
    ports: [{ protocol: "TCP", port: "fuzz-web" }, { protocol: "UDP", port: 53, endPort: 99 }],
  }];
  return {
    metadata: {
      name: `fuzz-policy-${below(30)}`,
      namespace: oneOf(NAMESPACES),
      annotations: { "wigglenet/audit": "true" },
    },
    spec: {
      podSelector: { matchLabels: oneOf(LABELS) },
      policyTypes: ["Ingress", "Egress"],
      ingress: rules,
      egress: [{ to: rules[0]!.from }],
    },
  };
}

/** Puts it into the model, or takes it out again. */
function put(model: PolicyModel): void {
  const kind = below(10);
  if (kind < 5) {
    const { value } = parsePod(mutated(podJson()), "fuzz");
    if (value !== undefined) model.putPod(value);
    model.removePod(oneOf(NAMESPACES), `fuzz-pod-${below(200)}`);
  } else if (kind < 9) {
    const { value } = parseNetworkPolicy(mutated(policyJson()), "fuzz");
    if (value !== undefined) model.putPolicy(value);
    model.removePolicy(oneOf(NAMESPACES), `fuzz-policy-${below(30)}`);
  } else {
    const { value } = parseNamespace(
      mutated({ metadata: { name: oneOf(NAMESPACES), labels: { "fuzz-k": "fuzz-v" } } }),
      "fuzz",
    );
    if (value !== undefined) model.putNamespace(value);
  }
}

Deno.test(`${POLICY_OBJECTS} Pods, Namespaces and NetworkPolicies with anything in them: the same`, () => {
  const model = new PolicyModel({ nodeName: "n1" });
  feed(POLICY_OBJECTS, (i) => {
    put(model);
    if (i % BATCH !== 0) return;
    model.takeChange();
    for (const isLogged of [true, false]) {
      assertClean(
        renderPolicyDelta(wholeDelta(policyObjects(model.desired(), { isUnknownClosed: true, isLogged }))),
      );
    }
    for (const { claim, reason } of model.rejected()) assert.match(claim + reason, /^[ -~]*$/);
  });
});
