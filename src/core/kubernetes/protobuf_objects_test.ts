// Single cases; that every Node reads as in JSON, and that bytes of any kind do no harm, is in test/laws/protobuf_test.ts,
// and that a real API says so in test/api/source_test.ts.

import assert from "node:assert/strict";
import { encodeEvent, encodeObject, message } from "../../../test/sources/protobuf.ts";
import { quote, refused } from "../net/refusal.ts";
import { reasonIn } from "./api_failure.ts";
import { parseListPage, parseWatchEvent, PROTOBUF_ENCODING } from "./object_list.ts";
import { decodeEvent, decodeObject } from "./protobuf_objects.ts";

/** What kube-apiserver 1.36.1 answered to a list that nobody had granted. */
const FORBIDDEN = Uint8Array.fromHex(
  "6b3873000a0c0a027631120653746174757312b8010a060a0012001a0012074661696c7572651a8601706f64" +
    "7320697320666f7262696464656e3a2055736572202273797374656d3a736572766963656163636f756e743a" +
    "6b7562652d73797374656d3a776967676c656e6574222063616e6e6f74206c697374207265736f7572636520" +
    "22706f64732220696e204150492067726f75702022222061742074686520636c75737465722073636f706522" +
    "09466f7262696464656e2a0e0a0012001a04706f6473280032003093031a002200",
);

const nothing: readonly [what: string, bytes: Uint8Array][] = [
  ["no bytes", new Uint8Array()],
  ["JSON", new TextEncoder().encode(`{"kind":"NodeList","metadata":{"resourceVersion":"1"}}`)],
  ["the envelope of another version", encodeObject({ kind: "Status" }).with(3, 1)],
  ["an object that was cut", encodeObject({ kind: "Status", message: "it is cut" }).slice(0, -20)],
  ["a number that has no end", new Uint8Array([0x6b, 0x38, 0x73, 0, 0x80, 0x80])],
  ["a field longer than its message", new Uint8Array([0x6b, 0x38, 0x73, 0, 0x0a, 0xff, 0xff, 0x7f])],
  ["a group, which nothing of Kubernetes has", new Uint8Array([0x6b, 0x38, 0x73, 0, 0x0b])],
  ["a number where a text is read", new Uint8Array([0x6b, 0x38, 0x73, 0, ...message([1, message([2, 7])])])],
];
for (const [what, bytes] of nothing) {
  Deno.test(`${what} is no object`, () => assert.equal(decodeObject(bytes), undefined));
}

Deno.test("a Status says its code and its message", () => {
  const bytes = encodeObject({ kind: "Status", code: 410, message: "too old" });
  assert.deepEqual(decodeObject(bytes), { kind: "Status", code: 410, message: "too old" });
});

Deno.test("a refusal of a real API says its reason", () => {
  assert.match(reasonIn(decodeObject(FORBIDDEN), ""), /^pods is forbidden: User .* at the cluster scope$/);
});

Deno.test("of another kind of object the kind is read", () => {
  assert.deepEqual(decodeObject(encodeObject({ kind: "ServiceList" })), { kind: "ServiceList" });
  const page = parseListPage(encodeObject({ kind: "ServiceList" }), PROTOBUF_ENCODING, "Node");
  assert.match(refused(page) ? page.reason : "", /no NodeList but "ServiceList"/);
});

Deno.test("what is empty is not there, as in JSON", () => {
  const bytes = encodeObject({ kind: "Node", metadata: { name: "n1", resourceVersion: "7" } });
  assert.deepEqual(decodeObject(bytes), {
    kind: "Node",
    metadata: {
      name: "n1",
      namespace: undefined,
      uid: undefined,
      resourceVersion: "7",
      creationTimestamp: undefined,
    },
    spec: { podCIDR: undefined },
    status: {},
  });
});

Deno.test("of a NetworkPolicy a field of a newer version is named, for it may narrow what is allowed", () => {
  const spec = message([1, message([9, "x"])], [2, message([2, message([1, message()], [7, "who"])])], [
    5,
    1,
  ]);
  const kind = message([1, "networking.k8s.io/v1"], [2, "NetworkPolicy"]);
  const bytes = new Uint8Array([0x6b, 0x38, 0x73, 0, ...message([1, kind], [2, message([2, spec])])]);
  assert.deepEqual(decodeObject(bytes), {
    kind: "NetworkPolicy",
    spec: {
      podSelector: { "field 9 of a newer version": true },
      ingress: [{ from: [{ podSelector: {}, "field 7 of a newer version": true }] }],
      "field 5 of a newer version": true,
    },
  });
});

Deno.test("a time before 1970 or after 9999 is none", () => {
  for (const creationTimestamp of ["1969-12-31T23:59:59Z", "+012026-01-01T00:00:00Z"]) {
    const bytes = encodeObject({ kind: "Node", metadata: { name: "n1", creationTimestamp } });
    const { metadata } = decodeObject(bytes) as { metadata: Record<string, unknown> };
    assert.equal(metadata.creationTimestamp, undefined);
  }
});

Deno.test("labels may be read twice", () => {
  const labels = { zone: "a" };
  const read = decodeObject(encodeObject({ kind: "Node", metadata: { name: "n1", labels } }));
  const { metadata } = read as { metadata: Record<string, unknown> };
  assert.deepEqual([metadata.labels, metadata.labels], [labels, labels]);
});

const events: readonly [type: string, object: Record<string, unknown>, read: unknown][] = [
  ["BOOKMARK", { metadata: { resourceVersion: "9" } }, { version: "9", event: { type: "bookmark" } }],
  ["ERROR", { kind: "Status", code: 410, message: "gone" }, {
    version: "",
    event: { type: "error", code: 410, message: "gone" },
  }],
  ["ADDED", { metadata: { resourceVersion: "9" } }, "the watch sent ADDED of an object without a name"],
  ["ADDED", { metadata: { name: "n1" } }, "the watch sent ADDED without metadata.resourceVersion"],
];
for (const [type, object, wanted] of events) {
  Deno.test(`${type} of ${quote(object)} is ${quote(wanted)}`, () => {
    const read = parseWatchEvent(encodeEvent({ type, object }).subarray(4), PROTOBUF_ENCODING);
    assert.deepEqual(refused(read) ? read.reason : read, wanted);
  });
}

Deno.test("an event without an object, or with one that is none, is not believed", () => {
  assert.deepEqual(decodeEvent(message([1, "ADDED"])), { type: "ADDED", object: undefined });
  assert.equal(decodeEvent(message([1, "ADDED"], [2, message([1, "junk"])])), undefined);
});
