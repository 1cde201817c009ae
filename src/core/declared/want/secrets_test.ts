import assert from "node:assert/strict";
import { keyIn, markOf, secretFile, secretObjection } from "./secrets.ts";

const KEY = "wDBZu1y0MvkLcfFOcVDZ4kHnPX0LZ2tTWLdxHFw7aBY=";
const data = (text: string) => ({ data: { key: btoa(text) } });

Deno.test("A key is what wg prints, with or without the end of a line", () => {
  assert.deepEqual(keyIn(data(KEY), "key"), { text: KEY });
  assert.deepEqual(keyIn(data(`${KEY}\n`), "key"), { text: KEY });
});

const WRONG: readonly [string, unknown, RegExp][] = [
  ["no object", undefined, /^it has no key key in its data$/],
  ["another key", { data: { other: btoa(KEY) } }, /^it has no key key in its data$/],
  ["a key that is no text", { data: { key: 7 } }, /^it has no key key in its data$/],
  ["what is no base64", { data: { key: "%" } }, /is not 32 bytes in base64, as wg prints keys$/],
  ["a key that is too short", data("wDBZu1y0MvkLcfFOcVDZ4kHnPX0LZ2tTWLdxHFw7"), /is not 32 bytes in base64/],
  ["32 bytes that are not written out", { data: { key: KEY } }, /is not 32 bytes in base64/],
];

for (const [what, json, reason] of WRONG) {
  Deno.test(`A Secret with ${what} has none, and nothing of it is told`, () => {
    const found = keyIn(json, "key");
    assert.ok("reason" in found);
    assert.match(found.reason, reason);
    assert.ok(!found.reason.includes("wDBZ"));
  });
}

Deno.test("Secrets are of one namespace", () => {
  const of = (namespace: string | undefined) => ({ name: "s", key: "k", namespace });
  assert.equal(secretObjection(undefined, undefined), undefined);
  assert.match(secretObjection(of(undefined), undefined)!, /this agent reads none/);
  assert.equal(secretObjection(of(undefined), "vpn"), undefined);
  assert.equal(secretObjection(of("vpn"), "vpn"), undefined);
  assert.match(
    secretObjection(of("kube-system"), "vpn")!,
    /namespace kube-system, and agents read those of vpn only/,
  );
});

Deno.test("Neither a file's name nor a mark tells the key", () => {
  assert.match(secretFile("a/b"), /^secret-[0-9a-f]{24}\.key$/);
  assert.notEqual(secretFile("a/b"), secretFile("a/c"));
  assert.ok(!markOf(KEY).includes(KEY));
});
