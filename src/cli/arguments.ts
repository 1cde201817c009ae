// Flags -> Settings. Every setting is a flag; verbs add their own.

import type { ParseArgsConfig } from "node:util";
import { parseSettings, type RawSettings } from "../core/settings/parse_settings.ts";
import { flagOf, type GivenSettings, SETTINGS } from "../core/settings/settings.ts";
import { nearest } from "./nearest.ts";
import { UsageError } from "./usage_error.ts";

/** A verb's arguments. */
export interface Arguments {
  readonly settings: GivenSettings;
  /** Flags of the verb's own that were given. */
  readonly given: ReadonlySet<string>;
}

const FLAGS = new Map(Object.values(SETTINGS).map(({ env }) => [flagOf(env).slice(2), env] as const));
const SWITCHES = new Set(
  Object.values(SETTINGS).filter(({ accepts }) => accepts === "true or false").map(({ env }) => flagOf(env)),
);

/**
 * Reads flags and environment.
 * @param own the verb's own flags, which take no value
 * @throws UsageError that names every bad setting
 */
export async function parseArguments(args: readonly string[], own: readonly string[]): Promise<Arguments> {
  const { raw, given } = await parseFlags(args, own);
  const settings = parseSettings(environment(), raw);
  if (!("nodeName" in settings)) throw new UsageError(`bad settings:\n  ${settings.join("\n  ")}`);
  return { settings, given };
}

/** By name: as shipped, nothing else of the environment may be read. */
function environment(): RawSettings {
  return Object.fromEntries(Object.values(SETTINGS).map(({ env }) => [env, Deno.env.get(env)]));
}

/** Flags as they are written, for a verb that does with or without settings. */
export async function parseFlags(
  args: readonly string[],
  own: readonly string[],
): Promise<{ readonly raw: RawSettings; readonly given: ReadonlySet<string> }> {
  const options: NonNullable<ParseArgsConfig["options"]> = {};
  for (const flag of own) options[flag] = { type: "boolean" };
  for (const flag of FLAGS.keys()) options[flag] = { type: "string", multiple: true };
  // A flag of the verb's own that is a setting's too (`check --mtu`) is the verb's when it stands alone.
  const bare = new Set(own.filter((flag) => FLAGS.has(flag) && isAlone(args, args.indexOf(`--${flag}`))));
  const rest = args.filter((arg) => !bare.has(arg.slice(2)));
  const values = await parse(
    rest.map((arg, i) => isBareSwitch(arg, rest[i + 1]) ? `${arg}=true` : arg),
    options,
  );
  const raw: Record<string, string> = {};
  for (const [flag, env] of FLAGS) {
    const texts = values[flag] as string[] | undefined;
    if (texts === undefined) continue;
    if (texts.length > 1 && env !== SETTINGS.nodes.env) {
      throw new UsageError(`--${flag} is given ${texts.length} times`);
    }
    raw[env] = texts.join(",");
  }
  return { raw, given: new Set(own.filter((flag) => bare.has(flag) || values[flag] === true)) };
}

function isAlone(args: readonly string[], i: number): boolean {
  return i >= 0 && (args[i + 1] ?? "--").startsWith("--");
}

function isBareSwitch(arg: string, next: string | undefined): boolean {
  return SWITCHES.has(arg) && (next === undefined || next.startsWith("--"));
}

async function parse(
  args: string[],
  options: NonNullable<ParseArgsConfig["options"]>,
): Promise<Record<string, unknown>> {
  if (args.length === 0) return {};
  const unknown = args.find((arg) => arg.startsWith("--") && !(arg.slice(2).split("=")[0]! in options));
  if (unknown !== undefined) {
    const guess = nearest(unknown.slice(2).split("=")[0]!, Object.keys(options));
    const hint = guess === undefined ? "" : `: did you mean --${guess}?`;
    throw new UsageError(`there is no flag ${unknown.split("=")[0]}${hint}`);
  }
  const { parseArgs } = await import("node:util");
  try {
    return parseArgs({ args, options, strict: true, allowPositionals: false }).values;
  } catch (error) {
    throw new UsageError((error as Error).message.split(". ")[0]!, { cause: error });
  }
}

/** The verb's own flags only. */
export async function parseSwitches(
  args: readonly string[],
  own: readonly string[],
): Promise<ReadonlySet<string>> {
  const options = Object.fromEntries(own.map((flag) => [flag, { type: "boolean" } as const]));
  const values = await parse([...args], options);
  return new Set(own.filter((flag) => values[flag] === true));
}
