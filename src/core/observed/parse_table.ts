// `nft -j list table` -> ObservedTable. Rules are compared as nft's own expressions, never as text.

import { hostPrefix, parsePrefix } from "../net/prefix.ts";
import { parseAddress } from "../net/address.ts";
import { refused } from "../net/refusal.ts";
import type { ObservedFastpath, ObservedTable } from "./observed_state.ts";
import { type ObservedPolicy, parsePolicy, partitionPolicy } from "./parse_policy.ts";

type Json = Readonly<Record<string, unknown>>;

/**
 * Reads the JSON of one table.
 * @throws SyntaxError when it is not nft's JSON
 */
export function parseTable(json: string): ObservedTable {
  const { policy, others } = partitionPolicy(objectsIn(json));
  const sets = new Map<string, Set<string>>();
  for (const { set } of others) {
    if (set !== undefined) sets.set(String((set as Json).name), membersOf(set as Json));
  }
  return { hasFlags: hasFlags(others), structure: structureOf(others), sets, policy: parsePolicy(policy) };
}

/**
 * Reads the JSON of the flowtable's table.
 * @throws SyntaxError when it is not nft's JSON
 */
export function parseFastpath(json: string): ObservedFastpath {
  const objects = objectsIn(json);
  // One device is a string, several are a list, none is no field at all.
  const devices = objects.flatMap(({ flowtable }) => (flowtable as { dev?: string | string[] })?.dev ?? []);
  const rules = objects.filter(({ flowtable }) => flowtable === undefined);
  return { hasFlags: hasFlags(objects), structure: structureOf(rules), devices: new Set(devices) };
}

/**
 * Reads the JSON of a table of rules alone.
 * @throws SyntaxError when it is not nft's JSON
 */
export function parseRules(json: string): Pick<ObservedTable, "hasFlags" | "structure"> {
  const objects = objectsIn(json);
  return { hasFlags: hasFlags(objects), structure: structureOf(objects) };
}

/**
 * Reads the JSON of a table that holds policy only.
 * @throws SyntaxError when it is not nft's JSON
 */
export function parsePolicyTable(json: string): ObservedPolicy {
  return parsePolicy(partitionPolicy(objectsIn(json)).policy);
}

function hasFlags(objects: readonly Json[]): boolean {
  return objects.some(({ table }) => (table as Json | undefined)?.flags !== undefined);
}

/**
 * Reads the structure of a table that was listed in pieces: its sets, and each of its chains.
 * @throws SyntaxError when a piece is not nft's JSON
 */
export function parsePieces(jsons: readonly string[]): string {
  return structureOf(jsons.flatMap(objectsIn));
}

function objectsIn(json: string): Json[] {
  const objects = (JSON.parse(json) as { nftables?: Json[] }).nftables;
  if (!Array.isArray(objects)) throw new SyntaxError("nft printed JSON without an `nftables` list");
  return objects;
}

/** One order for a table that was listed at once and one in pieces. Rules of a chain keep theirs: the sort is stable. */
function structureOf(objects: readonly Json[]): string {
  const rankOf = ({ set, chain, rule }: Json) => {
    const kind = set !== undefined ? 0 : chain !== undefined ? 1 : rule !== undefined ? 2 : 3;
    const { name, chain: owner } = (set ?? chain ?? rule ?? {}) as Json;
    return `${kind} ${rule === undefined ? name : owner}`;
  };
  const ours = objects.filter(({ metainfo, table }) => metainfo === undefined && table === undefined);
  const ranked = ours.map((object) => ({ rank: rankOf(object), object: withoutAccidents(object) }));
  ranked.sort((a, b) => a.rank < b.rank ? -1 : a.rank > b.rank ? 1 : 0);
  return JSON.stringify(ranked.map(({ object }) => object));
}

/** Of a set that packets fill, only what somebody else has put there to stay: with a timeout or a comment of its own. */
function membersOf(set: Json): Set<string> {
  const elements = (Array.isArray(set.elem) ? set.elem : []) as readonly { elem?: Json }[];
  const stay = set.timeout === undefined ? elements : elements.filter(({ elem }) =>
    // Kernels from 5.11 to 6.11 tell the set's own timeout of what packets put there, too.
    elem === undefined || (elem.timeout ?? set.timeout) !== set.timeout || "comment" in elem
  );
  return new Set(stay.map(memberText));
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
function isAccidental([name, value]: readonly [string, unknown]): boolean {
  // A statement that adds to a set has an `elem` too, which is no list.
  return name === "handle" || name === "table" || name === "elem" && Array.isArray(value);
}

function withoutAccidents(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutAccidents);
  if (typeof value !== "object" || value === null) return value;
  const fields = Object.entries(value).filter((field) => !isAccidental(field));
  return Object.fromEntries(
    fields.map(([name, field]) => [name, name === "counter" ? null : withoutAccidents(field)]),
  );
}
