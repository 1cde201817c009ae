// A field that nobody here knows may narrow what stands beside it, or be one that was meant and misspelt: what it
// stands in is not believed.

import type { Fields } from "../kubernetes/fields.ts";
import { quote, Refusal } from "../net/refusal.ts";

/** Refuses an object with another field than these; undefined: there is none. */
export function unknownField(object: Fields, known: readonly string[]): Refusal | undefined {
  const unknown = Object.keys(object).find((field) => !known.includes(field));
  return unknown === undefined ? undefined : new Refusal(`unknown field ${quote(unknown)}`);
}
