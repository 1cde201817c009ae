// How the values of settings are written: the kinds that several settings share.

import type { Refusal } from "../net/refusal.ts";

/** A setting: where it comes from and what it may be. */
export interface Setting<T> {
  /** Environment variable. */
  readonly env: string;
  /** What the default reads as, in the variable's own grammar. */
  readonly fallback: string;
  /** What is accepted, in words. */
  readonly accepts: string;
  readonly meaning: string;
  /** Undefined: not acceptable. A Refusal says why. */
  readonly parse: (text: string) => T | Refusal | undefined;
}

const BOOLEANS = new Map([
  ...["1", "t", "T", "TRUE", "true", "True"].map((word) => [word, true] as const),
  ...["0", "f", "F", "FALSE", "false", "False"].map((word) => [word, false] as const),
]);

/** True or false, in the original's words. */
export function boolean(env: string, fallback: boolean, meaning: string): Setting<boolean> {
  return {
    env,
    fallback: String(fallback),
    accepts: "true or false",
    meaning,
    parse: (text) => BOOLEANS.get(text),
  };
}

interface Choice<T extends string> {
  readonly words: readonly T[];
  readonly fallback: T;
  readonly meaning: string;
}

/** One of a few words. */
export function choice<T extends string>(env: string, { words, fallback, meaning }: Choice<T>): Setting<T> {
  return {
    env,
    fallback,
    accepts: words.join(", "),
    meaning,
    parse: (text) => words.find((word) => word === text),
  };
}

/** An absolute path. */
export function path(env: string, fallback: string, meaning: string): Setting<string> {
  return {
    env,
    fallback,
    accepts: "an absolute path",
    meaning,
    parse: (text) => text.startsWith("/") ? text : undefined,
  };
}

/** An absolute path, or nothing. */
export function optionalPath(env: string, meaning: string): Setting<string> {
  return {
    env,
    fallback: "",
    accepts: "an absolute path",
    meaning,
    parse: (text) => text === "" || text.startsWith("/") ? text : undefined,
  };
}

/** A number of at most six digits within bounds; undefined for anything else. */
export function integer(text: string, min: number, max: number): number | undefined {
  const value = /^\d{1,6}$/.test(text) ? Number(text) : NaN;
  return value >= min && value <= max ? value : undefined;
}

/** Items between commas, without empty ones. */
export function list(text: string): string[] {
  return text.split(",").map((item) => item.trim()).filter((item) => item !== "");
}

// The kernel's rule for interface names (dev_valid_name), without the characters that ip and nft read as patterns.
// `wg show interfaces` is a question of its own.
const INTERFACE = /^(?!\.\.?$|interfaces$)[A-Za-z0-9_.-]{1,15}$/;

/** True for a name that ip and nft take as it stands. */
export function isInterfaceName(text: string): boolean {
  return INTERFACE.test(text);
}

const LONGEST_INTERFACE = 15;

/**
 * The name of an interface of ours beside the one of that name; the kernel takes 15 characters.
 * @param otherwise the suffix where the name ends so already, and is its own cut
 */
export function interfaceBeside(name: string, suffix: string, otherwise: string): string {
  const cut = (end: string) => `${name.slice(0, LONGEST_INTERFACE - end.length)}${end}`;
  return cut(suffix) === name ? cut(otherwise) : cut(suffix);
}

/** A list of interface names; undefined when one of them is none. */
export function interfaceNames(text: string): string[] | undefined {
  return list(text).every(isInterfaceName) ? list(text) : undefined;
}

const MOST_HOURS = 3650 * 24;

/** How old a key becomes, in hours; `manual`: until somebody asks for another. */
export type KeyAge = "off" | "manual" | number;

/** `off`, `manual`, or a number of hours or days; undefined for anything else. */
export function keyAge(text: string): KeyAge | undefined {
  if (text === "off" || text === "manual") return text;
  const count = integer(text.slice(0, -1), 1, MOST_HOURS);
  const unit = text.endsWith("d") ? 24 : text.endsWith("h") ? 1 : undefined;
  return count === undefined || unit === undefined || count * unit > MOST_HOURS ? undefined : count * unit;
}
