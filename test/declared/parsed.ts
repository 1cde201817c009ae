// Objects as the parser takes them, for tests of what is made of them.

import assert from "node:assert/strict";
import type { DeclaredObject } from "../../src/core/declared/declared_object.ts";
import type { KindName } from "../../src/core/declared/kinds/kinds.ts";
import { parseDeclared } from "../../src/core/declared/parse_declared.ts";
import type { ObjectJson } from "./walk_through.ts";

/** One of which nothing is refused. */
export function parsed(json: ObjectJson): DeclaredObject {
  const { object, rejected } = parseDeclared(json.kind as KindName, json, "a.yaml");
  assert.equal(rejected, undefined);
  return object!;
}
