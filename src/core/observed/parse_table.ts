// `nft -j list table` -> ObservedTable. Rules are compared as nft's own expressions, never as text.

import { hostPrefix, parsePrefix } from "../net/prefix.ts";
import { parseAddress } from "../net/address.ts";
import { refused } from "../net/refusal.ts";
import type { ObservedTable } from "./observed_state.ts";

type Json = Readonly<Record<string, unknown>>;

/**
 * Reads the JSON of one table.
 * @throws SyntaxError when it is not nft's JSON
 */
export function parseTable(json: string): ObservedTable {
  const objects = (JSON.parse(json) as { nftables?: Json[] }).nftables;
  if (!Array.isArray(objects)) throw new SyntaxError("nft printed JSON without an `nftables` list");
  const structure: unknown[] = [];
  const sets = new Map<string, Set<string>>();
  const hasFlags = objects.some(({ table }) => (table as Json | undefined)?.flags !== undefined);
  for (const object of objects) {
    if (object.metainfo !== undefined || object.table !== undefined) continue;
    const set = object.set as Json | undefined;
    if (set !== undefined) sets.set(String(set.name), membersOf(set));
    structure.push(withoutAccidents(object));
  }
  return { hasFlags, structure: JSON.stringify(structure), sets };
}

function membersOf(set: Json): Set<string> {
  const elements = Array.isArray(set.elem) ? set.elem : [];
  return new Set(elements.map(memberText));
}

/** Canonical text of a prefix or address; anything else (a range, a comment) as JSON, so that it differs from all we want. */
function memberText(element: unknown): string {
  const prefix = (element as { prefix?: { addr: string; len: number } } | null)?.prefix;
  if (prefix !== undefined) {
    const parsed = parsePrefix(`${prefix.addr}/${prefix.len}`);
    return refused(parsed) ? JSON.stringify(element) : parsed.text;
  }
  const address = parseAddress(element);
  return refused(address) ? JSON.stringify(element) : hostPrefix(address).text;
}

/** Handles, table names, members and counters differ between equal tables. */
const ACCIDENTAL = new Set(["handle", "table", "elem"]);

function withoutAccidents(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutAccidents);
  if (typeof value !== "object" || value === null) return value;
  const fields = Object.entries(value).filter(([name]) => !ACCIDENTAL.has(name));
  return Object.fromEntries(
    fields.map(([name, field]) => [name, name === "counter" ? null : withoutAccidents(field)]),
  );
}
