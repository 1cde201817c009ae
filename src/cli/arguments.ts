// Flags -> Settings. Every setting is a flag; verbs add their own.

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
export function parseArguments(args: readonly string[], own: readonly string[]): Arguments {
  const { raw, given } = parseFlags(args, own);
  const settings = parseSettings(environment(), raw);
  if (!("nodeName" in settings)) throw new UsageError(`bad settings:\n  ${settings.join("\n  ")}`);
  return { settings, given };
}

/** By name: as shipped, nothing else of the environment may be read. */
function environment(): RawSettings {
  return Object.fromEntries(Object.values(SETTINGS).map(({ env }) => [env, Deno.env.get(env)]));
}

/** Flags as they are written, for a verb that does with or without settings. */
export function parseFlags(
  args: readonly string[],
  own: readonly string[],
): { readonly raw: RawSettings; readonly given: ReadonlySet<string> } {
  // A flag of the verb's own that is a setting's too (`check --mtu`) is the verb's when it stands alone.
  const bare = new Set(own.filter((flag) => FLAGS.has(flag) && isAlone(args, args.indexOf(`--${flag}`))));
  const rest = args.filter((arg) => !bare.has(arg.slice(2)));
  const { texts, switches } = parse(
    rest.map((arg, i) => isBareSwitch(arg, rest[i + 1]) ? `${arg}=true` : arg),
    { valued: [...FLAGS.keys()], own: own.filter((flag) => !FLAGS.has(flag)) },
  );
  const raw: Record<string, string> = {};
  for (const [flag, given] of texts) {
    const env = FLAGS.get(flag)!;
    if (given.length > 1 && env !== SETTINGS.nodes.env) {
      throw new UsageError(`--${flag} is given ${given.length} times`);
    }
    raw[env] = given.join(",");
  }
  return { raw, given: bare.union(switches) };
}

function isAlone(args: readonly string[], i: number): boolean {
  return i >= 0 && (args[i + 1] ?? "--").startsWith("--");
}

function isBareSwitch(arg: string, next: string | undefined): boolean {
  return SWITCHES.has(arg) && (next === undefined || next.startsWith("--"));
}

interface Flags {
  /** Those that take a value, as often as they like. */
  readonly valued: readonly string[];
  /** Those that take none. */
  readonly own: readonly string[];
}

interface Parsed {
  readonly texts: ReadonlyMap<string, readonly string[]>;
  readonly switches: ReadonlySet<string>;
}

/** Not by `node:util`: it takes an agent as long to load as all of its own program (docs/decisions/0032). */
function parse(args: readonly string[], { valued, own }: Flags): Parsed {
  const texts = new Map<string, string[]>();
  const switches = new Set<string>();
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (!arg.startsWith("--")) {
      throw new UsageError(`unexpected argument ${JSON.stringify(arg)}: flags begin with --`);
    }
    const [, flag, value] = /^--([^=]*)(?:=([^]*))?$/.exec(arg)!;
    if (own.includes(flag!)) {
      if (value !== undefined) throw new UsageError(`--${flag} takes no value`);
      switches.add(flag!);
    } else if (valued.includes(flag!)) {
      const text = value ?? args[++i];
      if (text === undefined || (value === undefined && text.startsWith("-"))) {
        throw new UsageError(`--${flag} needs a value: --${flag}=VALUE`);
      }
      texts.set(flag!, [...texts.get(flag!) ?? [], text]);
    } else {
      const guess = nearest(flag!, [...own, ...valued]);
      const hint = guess === undefined ? "" : `: did you mean --${guess}?`;
      throw new UsageError(`there is no flag --${flag}${hint}`);
    }
  }
  return { texts, switches };
}

/** The verb's own flags only. */
export function parseSwitches(args: readonly string[], own: readonly string[]): ReadonlySet<string> {
  return parse(args, { valued: [], own }).switches;
}
