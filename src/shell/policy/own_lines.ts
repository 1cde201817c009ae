// Lines of `nft monitor` that our own transactions are still to make. They come late, when more has changed, and say what is not wanted
// any more. Whatever happens to something before our own last word on it is undone by that word: so lines of which we have still to
// hear are passed over, once each, and only others are held against what is wanted. A stranger's line that is the same takes the place
// of ours, and ours is judged.

import { keyOf } from "../../core/policy/policy_objects.ts";
import type { PolicyLine } from "../../core/observed/policy_lines.ts";
import type { PolicyDelta, PolicyGarbage } from "../../core/render/render_policy.ts";

/** A line comes within this, or never: a monitor that has died tells nothing of what it missed. */
const LIFETIME_MS = 30_000;
/** Rules have no names. */
const RULE = "rule";

/** What is still to be told of one object: how often, by member or {@link RULE}. */
interface Untold {
  readonly added: Map<string, number>;
  readonly deleted: Map<string, number>;
  /** Its old content goes, whatever that is, and is told of before all that comes. */
  isFlushed: boolean;
  /** How often it ends. */
  ends: number;
}

/** Counts them down as they come. */
export class OwnLines {
  /** By name, chains and sets apart: of this lifetime and of the last. */
  #untold: readonly [Map<string, Untold>, Map<string, Untold>] = [new Map(), new Map()];
  #begunMs: number;

  constructor(private readonly nowMs = () => performance.now()) {
    this.#begunMs = nowMs();
  }

  /**
   * A transaction that is about to be made.
   * @param rulesOf how many rules a chain has before it, if that is known
   */
  expect({ sets, chains, flushed }: PolicyDelta, rulesOf: (chain: string) => number): void {
    for (const { name, isFlushed, added, deleted } of sets) {
      const untold = this.#of("set", name);
      for (const member of deleted) add(untold.deleted, keyOf(member));
      for (const member of added) add(untold.added, keyOf(member));
      if (isFlushed && added.length > 0) untold.isFlushed = true;
    }
    for (const [name, rules] of chains) add(this.#of("chain", name).added, RULE, rules.length);
    for (const name of flushed) {
      const untold = this.#of("chain", name);
      add(untold.deleted, RULE, rulesOf(name));
      untold.isFlushed = untold.added.size > 0;
    }
  }

  /** Objects that are about to be deleted: until a line says so, all lines about them are of before. */
  expectEnd({ chains, sets, counters }: PolicyGarbage): void {
    for (const name of chains) this.#of("chain", name).ends++;
    for (const [, name] of sets) this.#of("set", name).ends++;
    for (const name of counters) this.#of("counter", name).ends++;
  }

  /** A transaction has failed, or the monitor begins: nobody knows what will be told. */
  forget(): void {
    this.#untold = [new Map(), new Map()];
  }

  /** True when the line is passed over. */
  take({ isAddition, kind, name, member }: PolicyLine): boolean {
    this.#turn();
    const object = kind === "rule" ? "chain" : kind === "element" || kind === "map" ? "set" : kind;
    const isWhole = kind !== "rule" && kind !== "element";
    const [now, before] = this.#untold.map((untold) => untold.get(`${object} ${name}`));
    // What was to be told first comes first.
    return [before, now].some((untold) => {
      if (untold === undefined) return false;
      if (isWhole) return untold.ends > 0 && (isAddition || untold.ends-- > 0);
      const { isFlushed, ends } = untold;
      const isOurs = subtract(
        isAddition ? untold.added : untold.deleted,
        kind === "rule" ? RULE : keyOf(member),
      );
      if (untold.added.size === 0) untold.isFlushed = false;
      return isOurs || isFlushed || ends > 0;
    });
  }

  #of(kind: "chain" | "set" | "counter", name: string): Untold {
    this.#turn();
    const key = `${kind} ${name}`;
    let untold = this.#untold[0].get(key);
    if (untold === undefined) {
      this.#untold[0].set(key, untold = { added: new Map(), deleted: new Map(), isFlushed: false, ends: 0 });
    }
    return untold;
  }

  #turn(): void {
    if (this.nowMs() - this.#begunMs <= LIFETIME_MS) return;
    this.#begunMs = this.nowMs();
    this.#untold = [new Map(), this.#untold[0]];
  }
}

function add(counts: Map<string, number>, what: string, count = 1): void {
  if (count > 0) counts.set(what, (counts.get(what) ?? 0) + count);
}

/** False when there was none. */
function subtract(counts: Map<string, number>, what: string): boolean {
  const count = counts.get(what) ?? 0;
  if (count > 1) counts.set(what, count - 1);
  else counts.delete(what);
  return count > 0;
}
