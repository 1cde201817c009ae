// What the API says of Pods, Namespaces and NetworkPolicies in protocol buffers is read as what it says in JSON, and an
// event has another mark exactly when something else is read of its object.

import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { decodeEvent, decodeObject } from "../../src/core/kubernetes/protobuf_objects.ts";
import { skimEvent } from "../../src/core/kubernetes/skim_event.ts";
import { pickNamespace, pickNetworkPolicy, pickPod } from "../../src/core/policy/pick_policy_object.ts";
import { encodeEvent, encodeObject } from "../sources/protobuf.ts";

const RUNS = { numRuns: 300 };
type Json = Record<string, unknown>;

const text = fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom("__proto__", "constructor", "a", "tcp"));
const filled = text.filter((value) => value !== "");
const map = fc.dictionary(filled, text, { minKeys: 1, maxKeys: 4 });
const list = <T>(item: fc.Arbitrary<T>) => fc.array(item, { minLength: 1, maxLength: 3 });
const time = fc.date({ min: new Date(0), max: new Date("9999-12-31T23:59:59Z"), noInvalidDate: true })
  .map((date) => `${date.toISOString().slice(0, 19)}Z`);
const optional = { requiredKeys: [] };
const number = fc.integer({ min: 1, max: 65535 });
const metadata = fc.record({
  name: filled,
  namespace: filled,
  uid: filled,
  resourceVersion: filled,
  creationTimestamp: time,
  deletionTimestamp: time,
  labels: map,
  annotations: fc.oneof(map, fc.record({ "wigglenet/audit": text })),
}, { requiredKeys: ["name", "namespace", "resourceVersion"] });
const container = fc.record({
  // The API server writes a protocol into each port.
  ports: list(
    fc.record({ name: filled, containerPort: number, protocol: filled }, {
      requiredKeys: ["containerPort", "protocol"],
    }),
  ),
  restartPolicy: filled,
  env: list(text),
}, optional);
const pod: fc.Arbitrary<Json> = fc.record({
  metadata,
  spec: fc.record({
    nodeName: filled,
    hostNetwork: fc.constant(true),
    containers: list(container),
    initContainers: list(container),
  }, optional),
  status: fc.record(
    {
      phase: filled,
      podIP: filled,
      podIPs: list(fc.record({ ip: filled })),
      startTime: time,
      conditions: text,
    },
    optional,
  ),
});
const selector = fc.record({
  matchLabels: map,
  matchExpressions: list(fc.record({ key: text, operator: text, values: list(text) }, {
    requiredKeys: ["key", "operator"],
  })),
}, optional);
const peer = fc.record({
  podSelector: selector,
  namespaceSelector: selector,
  ipBlock: fc.record({ cidr: text, except: list(text) }, { requiredKeys: ["cidr"] }),
}, optional);
const port = fc.record({ protocol: text, port: fc.oneof(number, text), endPort: number }, optional);
const networkPolicy: fc.Arbitrary<Json> = fc.record({
  metadata,
  spec: fc.record({
    podSelector: selector,
    ingress: list(fc.record({ ports: list(port), from: list(peer) }, optional)),
    egress: list(fc.record({ ports: list(port), to: list(peer) }, optional)),
    policyTypes: list(text),
  }, { requiredKeys: ["podSelector"] }),
});
const namespace: fc.Arbitrary<Json> = fc.record({
  metadata: metadata.map(({ namespace: _, ...rest }) => rest),
});

const KINDS:
  readonly (readonly [kind: string, object: fc.Arbitrary<Json>, pick: (json: unknown) => unknown])[] = [
    ["Pod", pod, pickPod],
    ["Namespace", namespace, pickNamespace],
    ["NetworkPolicy", networkPolicy, pickNetworkPolicy],
  ];

function withoutHoles(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

/** In protocol buffers a container that says nothing and one that is not there are told apart, and nobody is to care. */
function encoded(kind: string, json: Json): Uint8Array {
  return encodeObject({ kind, ...json });
}

for (const [kind, object, pick] of KINDS) {
  Deno.test(`of every ${kind} the same is picked from protocol buffers and from JSON`, () => {
    fc.assert(
      fc.property(object, (json) => {
        assert.deepEqual(
          withoutHoles(pick(decodeObject(encoded(kind, json)))),
          withoutHoles(pick(withoutHoles(json))),
        );
      }),
      RUNS,
    );
  });

  Deno.test(`what is picked of a ${kind} is picked of that again`, () => {
    fc.assert(fc.property(object, (json) => assert.deepEqual(pick(pick(json)), pick(json))), RUNS);
  });

  Deno.test(`every ${kind}List says all of its items`, () => {
    fc.assert(
      fc.property(fc.array(object, { maxLength: 3 }), (items) => {
        const read = decodeObject(encodeObject({ kind: `${kind}List`, metadata: {}, items })) as {
          items: Json[];
        };
        assert.deepEqual(withoutHoles(read.items.map(pick)), withoutHoles(items.map(pick)));
      }),
      RUNS,
    );
  });

  Deno.test(`a ${kind} with the mark of another one is picked alike`, () => {
    const mark = (json: Json) => {
      const event = { type: "MODIFIED", object: { kind, ...json } };
      return skimEvent(encodeEvent(event).subarray(4), [1, 2])!;
    };
    fc.assert(
      fc.property(object, object, (one, other) => {
        const { name, namespace } = one.metadata as Json;
        assert.equal(mark(one).name, namespace === undefined ? name : `${namespace}/${name}`);
        const beat = { ...one, metadata: { ...one.metadata as Json, resourceVersion: "beat" } };
        assert.equal(mark(beat).mark, mark(one).mark);
        for (const part of Object.keys(one)) {
          const changed = { ...one, [part]: other[part] };
          if (mark(changed).mark !== mark(one).mark) continue;
          assert.ok(isDeepStrictEqual(withoutHoles(pick(changed)), withoutHoles(pick(one))), part);
        }
      }),
      RUNS,
    );
  });

  Deno.test(`a damaged ${kind} is read or is nothing: no error, no other prototype`, () => {
    const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 });
    fc.assert(
      fc.property(object, damage, fc.nat(), (json, changes, cut) => {
        const bytes = encodeEvent({ type: "MODIFIED", object: { kind, ...json } }).subarray(4);
        for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
        const damaged = bytes.subarray(0, cut % (bytes.length + 1));
        skimEvent(damaged, [1, 2]);
        const read = decodeEvent(damaged);
        if (read === undefined) return;
        assert.equal(Object.getPrototypeOf(read), Object.prototype);
        pick((read as Json).object);
      }),
      { numRuns: 1_000 },
    );
  });
}
