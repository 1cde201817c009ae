// What a list and a watch of the Kubernetes API say, beside the objects in it. Anything may stand there: a proxy's
// error page, a list of something else, a text that was cut. JSON or protocol buffers, as the API answers.

import { quote, Refusal } from "../net/refusal.ts";
import { continueIn, decodeEvent, decodeObject } from "./protobuf_objects.ts";

/** One page of a list. */
export interface ListPage {
  /** The version of the whole list: where a watch goes on. */
  readonly resourceVersion: string;
  /** What the next page is asked for with; empty: this is the last one. */
  readonly next: string;
  readonly items: readonly unknown[];
}

/** One event of a watch. */
export type WatchEvent =
  | { readonly type: "put" | "delete"; readonly name: string; readonly object: unknown }
  | { readonly type: "bookmark" }
  | { readonly type: "error"; readonly code: number; readonly message: string };

type Fields = Readonly<Record<string, unknown>>;

/** How what the API says is written: what the bytes of an object and of an event are in JSON; undefined: nothing. */
export interface Encoding {
  readonly object: (bytes: Uint8Array) => unknown;
  readonly event: (bytes: Uint8Array) => unknown;
  /** What the next page is asked for with, of a list of which only so much has come; undefined: that is not known yet. */
  readonly continueIn: (beginning: Uint8Array) => string | undefined;
}

/** JSON. */
export const JSON_ENCODING: Encoding = { object: parseJson, event: parseJson, continueIn: () => undefined };
/** Protocol buffers, of which only what the agent reads is made into values. */
export const PROTOBUF_ENCODING: Encoding = { object: decodeObject, event: decodeEvent, continueIn };

/**
 * Reads a page of a list.
 * @param expected of its items
 */
export function parseListPage(bytes: Uint8Array, encoding: Encoding, expected: string): ListPage | Refusal {
  const { kind, metadata, items } = fieldsOf(encoding.object(bytes));
  if (kind !== `${expected}List` && kind !== "List") {
    return new Refusal(`the answer is no ${expected}List but ${quote(kind ?? startOf(bytes))}`);
  }
  const { resourceVersion, continue: next } = fieldsOf(metadata);
  if (typeof resourceVersion !== "string" || resourceVersion === "") {
    return new Refusal(`the list has no metadata.resourceVersion but ${quote(resourceVersion)}`);
  }
  const list = items ?? [];
  if (!Array.isArray(list)) return new Refusal(`items of the list is no list but ${quote(items)}`);
  return { resourceVersion, next: typeof next === "string" ? next : "", items: list };
}

const TYPES: Readonly<Record<string, "put" | "delete">> = {
  ADDED: "put",
  MODIFIED: "put",
  DELETED: "delete",
};

/** Reads what a watch sent, with the version after it; an event of an unknown type says the version alone. */
export function parseWatchEvent(
  bytes: Uint8Array,
  encoding: Encoding,
): { version: string; event: WatchEvent } | Refusal {
  const { type, object } = fieldsOf(encoding.event(bytes));
  if (typeof type !== "string") return new Refusal(`the watch sent ${quote(startOf(bytes))}`);
  if (type === "ERROR") {
    const { code, message } = fieldsOf(object);
    const event = {
      type: "error",
      code: typeof code === "number" ? code : 0,
      message: typeof message === "string" ? message : "it says no reason",
    } as const;
    return { version: "", event };
  }
  const { resourceVersion } = fieldsOf(fieldsOf(object).metadata);
  if (typeof resourceVersion !== "string" || resourceVersion === "") {
    return new Refusal(`the watch sent ${type} without metadata.resourceVersion`);
  }
  const kind = TYPES[type];
  if (kind === undefined) return { version: resourceVersion, event: { type: "bookmark" } };
  const name = nameOf(object);
  if (name === undefined) return new Refusal(`the watch sent ${type} of an object without a name`);
  return { version: resourceVersion, event: { type: kind, name, object } };
}

const DECIMAL = /^\d+$/;

/** True when a version is older than another; of versions that are no numbers nobody can say it. */
export function isEarlier(version: string, other: string): boolean {
  return DECIMAL.test(version) && DECIMAL.test(other) && BigInt(version) < BigInt(other);
}

/** The name of a listed object, with its namespace before it where it has one: `default/web`; undefined where it has none. */
export function nameOf(object: unknown): string | undefined {
  const { name, namespace } = fieldsOf(fieldsOf(object).metadata);
  if (typeof name !== "string" || name === "") return undefined;
  return typeof namespace === "string" && namespace !== "" ? `${namespace}/${name}` : name;
}

const SHOWN_BYTES = 60;

function startOf(bytes: Uint8Array): string {
  return textOf(bytes.subarray(0, SHOWN_BYTES));
}

function fieldsOf(json: unknown): Fields {
  return typeof json === "object" && json !== null && !Array.isArray(json) ? json as Fields : {};
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(textOf(bytes));
  } catch {
    return undefined;
  }
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
