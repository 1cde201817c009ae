// The nft table of the model host. A value: a transaction gives a new table or fails as a whole.

import { overlaps, parsePrefix, type Prefix } from "../../src/core/net/prefix.ts";
import { refused } from "../../src/core/net/refusal.ts";
import { Refused } from "./refused.ts";

const OPENS = "table inet wigglenet\n";
const REPLACES = "table inet wigglenet\ndelete table inet wigglenet\n";
const ADDS =
  /^add set inet wigglenet (\S+) \{ typeof (ip6?) saddr;(?: flags interval;)? elements = \{ (.*) \}; \}$/;
/** What empties a table of all but its sets, and the structure behind it. */
const RULES =
  /^((?:flush (?:table|chain|set) inet wigglenet.*\n)+(?:delete (?:chain|set) .*\n)*)?(define [^]*)$/;
const FLUSHES = /^flush set inet wigglenet (\S+)$/;
const DELETES = /^delete element inet wigglenet (\S+) \{ (.*) \}$/;

/** Our table: its structure as text, and members by set. */
export class ModelTable {
  constructor(
    readonly structure: string,
    readonly sets: ReadonlyMap<string, ReadonlySet<string>>,
    readonly isDormant = false,
  ) {}

  /** A table without members. */
  static of(structure: string): ModelTable {
    const names = [...structure.matchAll(/^[ \t]*set (\S+) \{/gm)].map(([, name]) => name!);
    return new ModelTable(structure, new Map(names.map((name) => [name, new Set()])));
  }

  /** What `nft -f` makes of a table and a text. */
  static load(table: ModelTable | undefined, text: string): ModelTable {
    let rest = text;
    if (text.startsWith(REPLACES)) {
      const structure = /^.*?(?=^add set |(?![\s\S]))/ms.exec(text.slice(REPLACES.length))![0];
      table = ModelTable.of(structure);
      rest = text.slice(REPLACES.length + structure.length);
    } else if (text.startsWith(OPENS)) {
      table ??= new ModelTable("", new Map());
      rest = text.slice(OPENS.length);
    } else if (RULES.test(text)) return ModelTable.#ruled(table, text);
    if (table === undefined) throw new Refused("No such file or directory");
    return rest.split("\n").filter((line) => line !== "").reduce(
      (next, line) => next.#statement(line),
      table,
    );
  }

  /** Other rules, and the sets that they know with the members that are there. */
  static #ruled(table: ModelTable | undefined, text: string): ModelTable {
    const [, flushes, structure] = RULES.exec(text)!;
    if (table === undefined && flushes !== undefined) throw new Refused("No such file or directory");
    if (table?.structure && flushes === undefined) throw new Refused("the model has rules already");
    for (const line of flushes?.split("\n") ?? []) table!.#flushed(FLUSHES.exec(line)?.[1]);
    const { sets } = ModelTable.of(structure!);
    const has = new Map([...table?.sets ?? []].filter(([name]) => !flushes?.includes(` ${name}\n`)));
    return new ModelTable(structure!, new Map([...sets, ...has]), table?.isDormant);
  }

  #statement(line: string): ModelTable {
    const [, added, family, additions] = ADDS.exec(line) ?? [];
    if (additions !== undefined) {
      const table = this.sets.has(added!) ? this : this.withMembers(added!, []);
      return table.#with(added!, membersOf(added!, additions), family === "ip" ? 4 : 6);
    }
    const [, flushed] = FLUSHES.exec(line) ?? [];
    if (flushed !== undefined) return this.#flushed(flushed);
    const [, from, members] = DELETES.exec(line) ?? [];
    if (members !== undefined) return this.#without(from!, membersOf(from!, members));
    throw new Refused(`unknown statement: ${line}`);
  }

  #with(name: string, members: readonly string[], family: number): ModelTable {
    const present = [...this.#setNamed(name)].filter((text) => !members.includes(text));
    const prefixes = [...present, ...members].map(prefixOrNothing);
    for (const [i, text] of members.entries()) {
      const prefix = prefixes[present.length + i];
      if (prefix?.family !== family || prefix.text !== text) throw new Refused(`syntax error: ${text}`);
      const rival = prefixes.find((other) =>
        other !== prefix && other !== undefined && overlaps(other, prefix)
      );
      if (rival !== undefined) throw new Refused(`File exists: ${text} and ${rival.text}`);
    }
    return this.withMembers(name, [...present, ...members]);
  }

  #without(name: string, members: readonly string[]): ModelTable {
    const set = this.#setNamed(name);
    const odd = members.find((text) => prefixOrNothing(text) === undefined);
    if (odd !== undefined) throw new Refused(`syntax error: ${odd}`);
    const unknown = members.find((text) => !set.has(text));
    if (unknown !== undefined) throw new Refused(`No such file or directory: ${unknown}`);
    return this.withMembers(name, [...set].filter((text) => !members.includes(text)));
  }

  #flushed(name: string | undefined): ModelTable {
    if (name === undefined) return this;
    this.#setNamed(name);
    return this.withMembers(name, []);
  }

  #setNamed(name: string): ReadonlySet<string> {
    const set = this.sets.get(name);
    if (set === undefined) throw new Refused(`No such file or directory: ${name}`);
    return set;
  }

  /** The table with these members in a set. */
  withMembers(name: string, members: readonly string[]): ModelTable {
    return new ModelTable(this.structure, new Map(this.sets).set(name, new Set(members)), this.isDormant);
  }

  /** What `nft -j list table` prints: prefixes as prefixes, full-length ones as addresses, all else as it is. */
  json(): string {
    const sets = [...this.sets].map(([name, members]) => ({
      set: { name, table: "wigglenet", handle: 7, elem: [...members].map(elementOf) },
    }));
    const table = { table: { name: "wigglenet", ...(this.isDormant ? { flags: "inet" } : {}) } };
    return JSON.stringify({ nftables: [table, ...sets, { chain: { name: "model", text: this.structure } }] });
  }
}

/** As a set shows them. One that is no interval set takes addresses, and no prefix. */
function membersOf(name: string, text: string): string[] {
  const members = text.split(", ");
  if (!/^(?:host|outer)-/.test(name)) return members;
  return members.map((member) => {
    if (member.includes("/")) throw new Refused("You must add 'flags interval' to your set declaration");
    return `${member}/${member.includes(":") ? 128 : 32}`;
  });
}

function prefixOrNothing(text: string): Prefix | undefined {
  const prefix = parsePrefix(text);
  return refused(prefix) ? undefined : prefix;
}

function elementOf(text: string): unknown {
  const [addr, len] = text.split("/");
  if (prefixOrNothing(text) === undefined) return JSON.parse(text);
  return Number(len) === (addr!.includes(":") ? 128 : 32) ? addr : { prefix: { addr, len: Number(len) } };
}
