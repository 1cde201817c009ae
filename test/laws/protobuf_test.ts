// What the API says in protocol buffers is read as what it says in JSON, and bytes of any kind do no harm.

import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { skimEvent } from "../../src/core/kubernetes/skim_event.ts";
import { continueIn, decodeEvent, decodeObject } from "../../src/core/kubernetes/protobuf_objects.ts";
import type { NodeName } from "../../src/core/nodes/node.ts";
import { ANNOTATION } from "../../src/core/nodes/node.ts";
import { pickIds } from "../../src/core/nodes/host_node.ts";
import { pickNode } from "../../src/core/nodes/pick_node.ts";
import { type Cutter, FrameCutter, LineCutter } from "../../src/shell/sources/kubernetes/body.ts";
import { encodeEvent, encodeObject, frame, message } from "../sources/protobuf.ts";

const RUNS = { numRuns: 500 };
type Json = Record<string, unknown>;

/** Texts with everything in them: other scripts, NUL, quotes, and fields of a message that would be believed. */
const text = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string({ unit: "binary-ascii" }),
  fc.constantFrom("__proto__", "constructor", `"},"spec":{"podCIDR":"10.0.0.0/8"}}`),
  fc.string().map((name) => String.fromCharCode(...message([1, message([1, name])]))),
);
const filled = text.filter((value) => value !== "");
/** As the API server leaves out what is empty. */
const map = fc.dictionary(fc.oneof(fc.constantFrom(...Object.values(ANNOTATION)), filled), text, {
  minKeys: 1,
});
const list = <T>(item: fc.Arbitrary<T>) => fc.array(item, { minLength: 1, maxLength: 4 });
const time = fc.date({ min: new Date(0), max: new Date("9999-12-31T23:59:59Z"), noInvalidDate: true })
  .map((date) => `${date.toISOString().slice(0, 19)}Z`);
const node: fc.Arbitrary<Json> = fc.record({
  metadata: fc.record({
    name: filled,
    resourceVersion: filled,
    creationTimestamp: time,
    labels: map,
    annotations: map,
  }, { requiredKeys: ["name", "resourceVersion"] }),
  spec: fc.record({ podCIDR: filled, podCIDRs: list(text), providerID: text }, { requiredKeys: [] }),
  status: fc.record({
    addresses: list(fc.record({ type: text, address: text })),
    nodeInfo: fc.record({ machineID: filled, systemUUID: filled }, { requiredKeys: [] }),
    images: fc.array(text),
    conditions: text,
  }, { requiredKeys: [] }),
});

function withoutHoles(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

function nameOf(node: Json): NodeName {
  return (node.metadata as Json).name as NodeName;
}

Deno.test("of every Node the same is picked from protocol buffers and from JSON", () => {
  fc.assert(
    fc.property(node, (node) => {
      for (const described of [undefined, nameOf(node)]) {
        const read = decodeObject(encodeObject({ kind: "Node", ...node }));
        const wanted = pickNode(JSON.parse(JSON.stringify(node)), described);
        assert.deepEqual(pickNode(read, described), wanted);
        assert.deepEqual(withoutHoles(pickIds(read)), withoutHoles(pickIds(node)));
      }
    }),
    RUNS,
  );
});

Deno.test("every event says its type, its version and its Node", () => {
  fc.assert(
    fc.property(text, node, (type, node) => {
      const read = decodeEvent(encodeEvent({ type, object: node }).subarray(4)) as {
        type: string;
        object: Json;
      };
      const { name, resourceVersion } = read.object.metadata as Json;
      const wanted = node.metadata as Json;
      assert.deepEqual([read.type, name, resourceVersion], [type, wanted.name, wanted.resourceVersion]);
    }),
    RUNS,
  );
});

const SEED = [1, 2];

/** Everything that is read of a Node, but for its version. */
function allOf(node: Json): unknown {
  const { metadata, ...rest } = withoutHoles(decodeObject(encodeObject({ kind: "Node", ...node }))) as Json;
  return { ...rest, metadata: { ...metadata as Json, resourceVersion: "" } };
}

function skim(node: Json) {
  return skimEvent(encodeEvent({ type: "MODIFIED", object: node }).subarray(4), SEED);
}

Deno.test("a Node has another mark exactly when something else is read of it", () => {
  const heart = fc.record({ images: fc.array(text), conditions: text });
  fc.assert(
    fc.property(node, node, heart, (node, other, heart) => {
      const { metadata } = node as { metadata: Json };
      const beat = {
        ...node,
        metadata: { ...metadata, resourceVersion: `${metadata.resourceVersion}1` },
        status: { ...node.status as Json, ...heart },
      };
      const mark = skim(node)!.mark;
      assert.deepEqual(skim(beat), { name: metadata.name, version: `${metadata.resourceVersion}1`, mark });
      // Of the other Node one part each, so that the rest is the same.
      for (const part of ["metadata", "spec", "status"]) {
        const changed = { ...node, [part]: other[part] };
        const isSame = isDeepStrictEqual(allOf(changed), allOf(node));
        assert.equal(skim(changed)!.mark === mark, isSame);
      }
    }),
    RUNS,
  );
});

Deno.test("only what a watch says of a Node that was changed is skimmed", () => {
  fc.assert(
    fc.property(text, node, (type, object) => {
      assert.equal(skimEvent(encodeEvent({ type, object }).subarray(4), SEED), undefined);
    }),
    RUNS,
  );
});

Deno.test("every list says all of its Nodes", () => {
  fc.assert(
    fc.property(fc.array(node, { maxLength: 5 }), filled, (items, next) => {
      const metadata = { resourceVersion: "7", continue: next };
      const read = decodeObject(encodeObject({ kind: "NodeList", metadata, items })) as Json;
      assert.deepEqual(read.metadata, metadata);
      assert.deepEqual((read.items as Json[]).map(nameOf), items.map(nameOf));
    }),
    RUNS,
  );
});

Deno.test("of every list the beginning tells where the next page begins, or nothing; never anything else", () => {
  const lists = fc.record({ items: fc.array(node, { maxLength: 3 }), next: text, cut: fc.nat() });
  fc.assert(
    fc.property(lists, ({ items, next, cut }) => {
      const metadata = { resourceVersion: "7", continue: next };
      const bytes = encodeObject({ kind: "NodeList", metadata, items });
      const wanted = (decodeObject(bytes) as { metadata: Json }).metadata.continue || undefined;
      assert.equal(continueIn(bytes), wanted);
      const early = continueIn(bytes.subarray(0, cut % bytes.length));
      assert.ok(early === undefined || early === wanted, `${early} is told for ${wanted}`);
    }),
    RUNS,
  );
});

Deno.test("bytes of any kind are read or are nothing: no error, no other prototype", () => {
  const bytes = fc.uint8Array({ maxLength: 200 });
  /** A good event, of which some bytes are others, and the end is missing. */
  const damaged = fc.tuple(node, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }), fc.nat()).map(
    ([node, changes, cut]) => {
      const good = encodeEvent({ type: "MODIFIED", object: node }).subarray(4);
      for (const [at, byte] of changes) good[at % good.length] = byte;
      return good.subarray(0, cut % (good.length + 1));
    },
  );
  fc.assert(
    fc.property(fc.oneof(bytes, damaged), (bytes) => {
      skimEvent(bytes, SEED);
      continueIn(bytes);
      for (const read of [decodeEvent(bytes), decodeObject(bytes)]) {
        if (read === undefined) continue;
        assert.equal(Object.getPrototypeOf(read), Object.prototype);
        pickNode((read as Json).object ?? read);
      }
    }),
    { numRuns: 5_000 },
  );
});

Deno.test("however a watch comes in parts, the same events come out", () => {
  const pieces = fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 8 });
  const cuts = fc.array(fc.nat(400), { maxLength: 12 });
  const isLine = (bytes: Uint8Array) => !bytes.includes(10);
  const line = (bytes: Uint8Array) => new Uint8Array([...bytes, 10]);
  fc.assert(
    fc.property(pieces, cuts, (pieces, cuts) => {
      const lines = pieces.filter(isLine);
      assert.deepEqual(cutAll(new FrameCutter(40), pieces.map(frame), cuts), pieces);
      assert.deepEqual(cutAll(new LineCutter(40), lines.map(line), cuts), lines);
    }),
    RUNS,
  );
});

/** What a cutter makes of these bytes, one behind the other, in parts that end at these places. */
function cutAll(cutter: Cutter, sent: readonly Uint8Array[], ends: readonly number[]): Uint8Array[] {
  const bytes = new Uint8Array(sent.flatMap((piece) => [...piece]));
  const places = [0, ...ends.filter((end) => end < bytes.length).sort((a, b) => a - b), bytes.length];
  const parts = places.slice(1).map((end, i) => bytes.slice(places[i], end));
  return parts.flatMap((part) => Array.from(cutter.cut(part), (piece) => piece.slice()));
}
