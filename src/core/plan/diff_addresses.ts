// Addresses of an interface, with a step for each family: the kernel may have one of them switched off.

import type { Family } from "../net/address.ts";
import type { Change, Step } from "./plan.ts";

/** Addresses with their lengths, as `ip` writes them. */
export interface AddressWish {
  /** The interface. */
  readonly name: string;
  readonly wanted: Iterable<string>;
  /** What it has; undefined: it is about to be made. */
  readonly found: ReadonlySet<string> | undefined;
}

/** Where the step of a family stands among the others. */
export type Place = Pick<Step, "part" | "stage" | "needs">;

const FAMILIES = [4, 6] as const;

/** Steps for the families that differ: first what is missing, so that the interface is never without any. */
export function replaceAddresses(wish: AddressWish, placeOf: (family: Family) => Place): Step[] {
  return stepsOf(wish, placeOf, ({ missing, surplus }) => ({
    changes: [...missing.map(added), ...surplus.map(gone)],
    args: ["-batch"],
    lines: [...missing.map((it) => `replace ${it.text}`), ...surplus.map((it) => `del ${it.text}`)],
  }));
}

/**
 * The same, but first what goes: an address with another peer or length is another entry, and with the first one of a network the
 * kernel would take those that came behind it. One that the kernel refuses keeps no other out.
 */
export function renewAddresses(wish: AddressWish, placeOf: (family: Family) => Place): Step[] {
  return stepsOf(wish, placeOf, ({ missing, surplus }) => ({
    changes: [...surplus.map(gone), ...missing.map(added)],
    args: ["-force", "-batch"],
    lines: [...surplus.map((it) => `del ${it.text}`), ...missing.map((it) => `add ${it.text}`)],
  }));
}

/** What an interface lacks, in the order in which it is wanted, and what it has beside it, sorted. */
export function addressDifference(
  { wanted, found = new Set() }: Omit<AddressWish, "name">,
): { readonly missing: readonly string[]; readonly surplus: readonly string[] } {
  const all = new Set(wanted);
  return { missing: [...all.difference(found)], surplus: [...found.difference(all)].sort() };
}

interface Entry {
  readonly name: string;
  readonly text: string;
}

/** One that is missing. */
export function added({ name, text }: Entry): Change {
  return { op: "+", kind: "address", target: name, text, reason: "missing" };
}

/** One that is not wanted. */
export function gone({ name, text }: Entry): Change {
  return { op: "-", kind: "address", target: name, text, reason: "not wanted" };
}

type Words = Pick<Step, "changes"> & { readonly args: readonly string[]; readonly lines: readonly string[] };

function stepsOf(
  wish: AddressWish,
  placeOf: (family: Family) => Place,
  wordsOf: (entries: { readonly missing: readonly Entry[]; readonly surplus: readonly Entry[] }) => Words,
): Step[] {
  const { name } = wish;
  const { missing, surplus } = addressDifference(wish);
  return FAMILIES.flatMap((family): Step[] => {
    const ofFamily = (texts: readonly string[]) =>
      texts.filter((text) => text.includes(":") === (family === 6)).map((text) => ({ name, text }));
    const entries = { missing: ofFamily(missing), surplus: ofFamily(surplus) };
    if (entries.missing.length + entries.surplus.length === 0) return [];
    const { changes, args, lines } = wordsOf(entries);
    const input = lines.map((line) => `address ${line} dev ${name}\n`).join("");
    return [{ ...placeOf(family), changes, actions: [{ kind: "run", program: "ip", args, input }] }];
  });
}
