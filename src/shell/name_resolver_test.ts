// The host's own resolver, with what is certain of it on any host: localhost has an address, `.invalid` has none
// (RFC 6761). Names that change are in test/netns.

import assert from "node:assert/strict";
import { NameResolver, resolveNames } from "./name_resolver.ts";

Deno.test("A name that has an address is resolved, and one that has none is in trouble, in one word", async () => {
  const answers = await resolveNames(new Set(["localhost", "wigglenet.invalid"]));
  const { addresses, trouble } = answers.get("localhost")!;
  assert.ok(addresses.some(({ text }) => text === "127.0.0.1" || text === "::1"), JSON.stringify(trouble));
  assert.equal(trouble, undefined);
  assert.deepEqual(answers.get("wigglenet.invalid")!.addresses, []);
  assert.match(answers.get("wigglenet.invalid")!.trouble!, /^[ -~]{1,30}$/);
});

Deno.test("Only names that are wanted are known, and each change is told once", async () => {
  let told = 0;
  const resolver = new NameResolver(() => told++);
  await resolver.want(new Set(["localhost"]));
  const first = resolver.answers;
  assert.deepEqual([...first.keys()], ["localhost"]);
  await resolver.want(new Set(["localhost"]));
  assert.equal(resolver.answers, first);
  await resolver.want(new Set(["wigglenet.invalid"]));
  assert.deepEqual([...resolver.answers.keys()], ["wigglenet.invalid"]);
  assert.equal(told, 2);
  await resolver.want(new Set());
  assert.equal(resolver.answers.size, 0);
});
