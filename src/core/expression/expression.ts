// POD_CIDR_EXPRESSION: text -> what computes this node's pod CIDRs of its interfaces and its Node. Never throws.

import type { Family } from "../net/address.ts";
import type { Prefix } from "../net/prefix.ts";
import { Refusal } from "../net/refusal.ts";
import { unusablePodCidr } from "../net/scope.ts";
import type { NodeMetadata } from "../nodes/node.ts";
import { MAX_EXPRESSION } from "../settings/settings.ts";
import type { CelError, CelLibrary, CelProgram } from "./cel_library.ts";
import { NodeValue, podCidrEnvironment } from "./environment.ts";
import type { Interfaces } from "./interfaces.ts";
import { EXHAUSTED, Meter } from "./meter.ts";
import { CidrValue } from "./net_values.ts";

/** What an expression is evaluated against. */
export interface ExpressionInputs {
  readonly interfaces: Interfaces;
  readonly node: NodeMetadata;
  /** Those that it must give a prefix of; what it gives of another one is left out. */
  readonly families: readonly Family[];
}

/** A checked expression: gives the prefixes without host bits and repeats, in its own order, or why there are none. */
export type Expression = (inputs: ExpressionInputs) => readonly Prefix[] | Refusal;

/** As many as other nodes read of one Node. */
const MAX_PREFIXES = 64;
/** What the check may find; of `dyn` and lists of it only the value tells. */
const RESULTS: readonly string[] = ["net.CIDR", "list<net.CIDR>", "dyn", "list", "list<T>"];

/** Parses and type-checks. A Refusal says where and why. */
export function compileExpression(cel: CelLibrary, text: string): Expression | Refusal {
  if (text.trim() === "") return new Refusal("it is empty");
  if (text.length > MAX_EXPRESSION) {
    return new Refusal(`it has ${text.length} characters, at most ${MAX_EXPRESSION} are read`);
  }
  const environment = podCidrEnvironment(cel);
  const meter = new Meter(cel, environment);
  let program: CelProgram;
  try {
    program = environment.parse(text);
  } catch (error) {
    return refusalOf(text, error);
  }
  const { type, error } = program.check();
  if (error !== undefined || type === undefined) return refusalOf(text, error);
  if (!RESULTS.includes(type)) return new Refusal(`it gives ${type}, not a cidr or a list of cidrs`);
  return (inputs) => evaluate({ program, text, meter }, inputs);
}

function evaluate(
  { program, text, meter }: { program: CelProgram; text: string; meter: Meter },
  { interfaces, node, families }: ExpressionInputs,
): readonly Prefix[] | Refusal {
  const { name, labels, annotations } = node;
  let value: unknown;
  meter.reset();
  try {
    value = program({
      // The library knows a map by its constructor, and takes no other kind of list than an array.
      interfaces: new Map(interfaces),
      node: new NodeValue(name, new Map(Object.entries(labels)), new Map(Object.entries(annotations))),
    });
  } catch (error) {
    if (!meter.isExhausted) return refusalOf(text, error);
  }
  if (meter.isExhausted) return new Refusal(EXHAUSTED);
  return prefixesOf(Array.isArray(value) ? value : [value], families);
}

function prefixesOf(values: readonly unknown[], families: readonly Family[]): readonly Prefix[] | Refusal {
  const found = new Map<string, Prefix>();
  for (const value of values) {
    if (!(value instanceof CidrValue)) {
      return new Refusal("it gives something else than a cidr or a list of cidrs");
    }
    const { prefix } = value;
    if (!families.includes(prefix.family)) continue;
    const reason = unusablePodCidr(prefix);
    if (reason !== undefined) return new Refusal(`it gives a prefix that no pod can have: ${reason}`);
    found.set(prefix.text, prefix);
  }
  if (found.size > MAX_PREFIXES) {
    return new Refusal(`it gives ${found.size} prefixes, at most ${MAX_PREFIXES} are used`);
  }
  const prefixes = [...found.values()];
  const missing = families.filter((family) => !prefixes.some((prefix) => prefix.family === family));
  if (missing.length === 0) return prefixes;
  const given = values.length === 0
    ? ""
    : `, only ${values.map((value) => (value as CidrValue).text).join(", ")}`;
  return new Refusal(`it gives no IPv${missing.join(" and no IPv")} prefix${given}`);
}

/** One line with the place, in an operator's words where the library has its own. */
function refusalOf(text: string, error: unknown): Refusal {
  const { summary, message, range } = error as CelError;
  const words = REWORDED.reduce(
    (what, [pattern, better]) => what.replace(pattern, better),
    summary ?? message,
  );
  return new Refusal(placeOf(text, range) + onOneLine(words));
}

/** Printable ASCII, as all that is quoted. */
function onOneLine(text: string): string {
  return text.trim().replaceAll(/\s+/g, " ").replaceAll(
    /[^ -~]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

const REWORDED: readonly (readonly [RegExp, string])[] = [
  [
    /^(found no matching overload for 'list\..*)$/,
    "$1: an interface and filter() give lists, [0] takes the first one",
  ],
  [/^No such key: index out of bounds, index (\d+) >= size undefined$/, "no item $1 in an empty list"],
  [
    /^No such key: index out of bounds, index (\d+) >= size (\d+)$/,
    "no item $1 in a list of $2, which counts from 0",
  ],
  [/^No such key: index out of bounds, index (-\d+) < 0$/, "no item $1 in a list, which counts from 0"],
  // The library's names of tokens.
  [/\bEOF\b/g, "the end"],
  [/\bLPAREN\b/g, "("],
  [/\bRPAREN\b/g, ")"],
  [/\bLBRACKET\b/g, "["],
  [/\bRBRACKET\b/g, "]"],
  [/\bRBRACE\b/g, "}"],
  [/\bCOMMA\b/g, ","],
  [/\bCOLON\b/g, ":"],
];
const NEAR_CHARACTERS = 64;

function placeOf(text: string, range: CelError["range"]): string {
  if (range === undefined) return "";
  const before = text.slice(0, range.start).split("\n");
  const piece = onOneLine(text.slice(range.start, range.end));
  const cut = piece.length > NEAR_CHARACTERS ? `${piece.slice(0, NEAR_CHARACTERS)}...` : piece;
  const near = piece === "" ? "" : ` at \`${cut}\``;
  return `line ${before.length}, column ${before.at(-1)!.length + 1}${near}: `;
}
