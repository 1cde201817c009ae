// Lines of `nft monitor` about policy's objects: do they say something else than what is wanted? Our own changes are wanted
// before they are made; what more has changed since then is in shell/policy/own_lines.ts.

import { isPassing, isPolicyName, POLICY_CHAIN } from "../policy/policy_objects.ts";
import { TABLE } from "../render/render_table.ts";

/** What a line says. */
export interface PolicyLine {
  readonly isAddition: boolean;
  readonly kind: "element" | "set" | "map" | "chain" | "rule" | "counter";
  /** Of the object; of an element its set, of a rule its chain. */
  readonly name: string;
  /** Of an element: as it is written. */
  readonly member: string;
}

const LINE = new RegExp(
  `^(add|insert|replace|delete|destroy) (element|set|map|chain|rule|counter) inet ${TABLE} (\\S+)(?: \\{ (.*) \\})?`,
);
const NAMELESS = /^__(?:set|map)\d+$/;

/** The line, if it is about policy; "nothing" of one about a set that came or went with its rule, of which a line tells, too. */
export function policyLineOf(line: string): PolicyLine | "nothing" | undefined {
  const match = LINE.exec(line);
  if (match === null) return undefined;
  const [, verb, kind, name, member = ""] = match as unknown as [
    string,
    string,
    PolicyLine["kind"],
    string,
    string?,
  ];
  if (NAMELESS.test(name)) return "nothing";
  const isOurs = isPolicyName(name) || kind === "rule" && name === POLICY_CHAIN;
  if (!isOurs) return undefined;
  return { isAddition: verb === "add" || verb === "insert" || verb === "replace", kind, name, member };
}

/** What is known of the objects that policy wants. */
export interface WantedPolicy {
  /** It is wanted. */
  readonly has: (name: string) => boolean;
  /** Nobody wants it any more: whatever happens to it. */
  readonly isGarbage: (name: string) => boolean;
  readonly hasMember: (set: string, member: string) => boolean;
}

/** True when a line that is not of our own says what is not wanted: the table must be read. Rules of strangers are never wanted. */
export function surprisesPolicy(
  { isAddition, kind, name, member }: PolicyLine,
  wanted: WantedPolicy,
): boolean {
  if (wanted.isGarbage(name)) return false;
  if (kind === "element" && isPassing(name)) return false;
  if (kind === "element") return wanted.hasMember(name, member) !== isAddition;
  return kind === "rule" || wanted.has(name) !== isAddition;
}

/** In a list that is sorted by text. */
export function isAmong(sorted: readonly string[], text: string): boolean {
  let [low, high] = [0, sorted.length - 1];
  while (low <= high) {
    const middle = (low + high) >> 1;
    const found = sorted[middle]!;
    if (found === text) return true;
    if (found < text) low = middle + 1;
    else high = middle - 1;
  }
  return false;
}
