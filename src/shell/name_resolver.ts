// What DNS names lead to, asked of the host's own resolver (/etc/hosts and nsswitch included) every half minute, beside
// the loop and never waited for by it. A name that cannot be resolved keeps its last good answer.

import type { Resolution } from "../core/desired/host_facts.ts";
import { type Address, compareAddresses, parseAddress } from "../core/net/address.ts";
import { refused } from "../core/net/refusal.ts";

/** At the longest: a bit is taken off by chance, so that the nodes of a cluster do not ask together. */
const INTERVAL_MS = 30_000;
const TIMEOUT_MS = 5_000;
const AT_ONCE = 8;
/** Of a family; a node has a few. */
const MAX_ADDRESSES = 8;

/** Answers by name. */
export type Answers = ReadonlyMap<string, Resolution>;

/** Keeps the answers for a set of names fresh. */
export class NameResolver {
  #wanted: ReadonlySet<string> = new Set();
  #answers: Answers = new Map();
  /** A look-up cannot be ended: there is at most one for each name, however long the host's resolver takes. */
  readonly #pending = new Set<string>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param onChange called after {@link answers} has become another map */
  constructor(readonly onChange: () => void) {}

  /** What is known, of wanted names only. The same map until something changes. */
  get answers(): Answers {
    return this.#answers;
  }

  /** Resolves these names from now on, and no others; settles when the new ones were tried. */
  async want(names: ReadonlySet<string>): Promise<void> {
    const fresh = [...names].filter((name) => !this.#wanted.has(name));
    const isLess = [...this.#wanted].some((name) => !names.has(name));
    this.#wanted = names;
    if (isLess) this.#answers = new Map([...this.#answers].filter(([name]) => names.has(name)));
    if (names.size === 0) this.close();
    else this.#timer ??= this.#later();
    await this.#ask(fresh);
  }

  /** Asks no more. */
  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #later(): ReturnType<typeof setTimeout> {
    return setTimeout(() => {
      this.#timer = this.#later();
      this.#ask([...this.#wanted]);
    }, INTERVAL_MS * (0.9 + Math.random() / 10));
  }

  async #ask(names: readonly string[]): Promise<void> {
    const queue = names.filter((name) => !this.#pending.has(name));
    const work = async () => {
      for (let name = queue.shift(); name !== undefined; name = queue.shift()) await this.#askFor(name);
    };
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, queue.length) }, work));
  }

  /** Settles with the answer, or when it is late; a late answer is taken all the same. */
  #askFor(name: string): Promise<void> {
    this.#pending.add(name);
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        // What was the trouble before is known better.
        this.#take(name, this.#answers.get(name)?.trouble ?? "no answer in time");
        resolve();
      }, TIMEOUT_MS);
      lookUp(name).then(
        (found) => this.#take(name, addressesOf(found)),
        (error) => this.#take(name, troubleOf(error)),
      ).finally(() => {
        clearTimeout(timer);
        this.#pending.delete(name);
        resolve();
      });
    });
  }

  #take(name: string, answer: readonly Address[] | string): void {
    if (!this.#wanted.has(name)) return;
    const last = this.#answers.get(name);
    const next: Resolution = typeof answer === "string"
      ? { addresses: last?.addresses ?? [], trouble: answer }
      : { addresses: answer, trouble: undefined };
    if (last !== undefined && textOf(last) === textOf(next)) return;
    this.#answers = new Map(this.#answers).set(name, next);
    this.onChange();
  }
}

const PATIENCE_MS = 10_000;

/** Resolves names once, for a command that looks once. */
export async function resolveNames(names: ReadonlySet<string>): Promise<Answers> {
  const resolver = new NameResolver(() => {});
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<void>((resolve) => timer = setTimeout(resolve, PATIENCE_MS));
  await Promise.race([resolver.want(names), late]);
  clearTimeout(timer);
  resolver.close();
  return resolver.answers;
}

async function lookUp(name: string): Promise<string[]> {
  const { lookup } = await import("node:dns/promises"); // most clusters have no names
  return (await lookup(name, { all: true })).map(({ address }) => address);
}

/** Sorted: resolvers turn the order about. An answer without a usable address is none. */
function addressesOf(texts: readonly string[]): readonly Address[] | string {
  const addresses = new Map<string, Address>();
  for (const text of texts) {
    const address = parseAddress(text);
    if (!refused(address)) addresses.set(address.text, address);
  }
  if (addresses.size === 0) return "no address";
  const sorted = [...addresses.values()].sort(compareAddresses);
  return ([4, 6] as const).flatMap((family) =>
    sorted.filter((address) => address.family === family).slice(0, MAX_ADDRESSES)
  );
}

/** The code alone: the message holds the name once more. */
function troubleOf(error: unknown): string {
  const { code } = error as { code?: unknown };
  return typeof code === "string" && /^[A-Z_]{1,20}$/.test(code) ? code : "it failed";
}

function textOf({ addresses, trouble }: Resolution): string {
  return `${trouble} ${addresses.map(({ text }) => text)}`;
}
