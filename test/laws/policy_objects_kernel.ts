// nft as far as policy's objects go: it makes what it is told in the order of renderPolicyDelta, and refuses what the kernel would.

import assert from "node:assert/strict";
import { keyOf, type PolicyObjects } from "../../src/core/policy/policy_objects.ts";
import type { PolicyDelta, PolicyGarbage } from "../../src/core/render/render_policy.ts";
import { CORE_SETS } from "../../src/core/render/policy_templates.ts";

/** What a transaction finds and leaves. */
export class ObjectsKernel {
  readonly sets = new Map<string, { declaration: string; members: Map<string, string> }>();
  readonly chains = new Map<string, readonly string[]>([["policies", []]]);
  readonly counters = new Set<string>();

  /** Throws where nft would. */
  apply({ sets, chains, flushed, counters }: PolicyDelta): void {
    for (const name of flushed) this.chains.set(name, []);
    for (const { name, isFlushed, deleted } of sets) {
      if (isFlushed) this.#set(name).clear();
      for (const member of deleted) {
        assert.ok(this.#set(name).delete(keyOf(member)), `${name} has no ${member}`);
      }
    }
    for (const name of counters) this.counters.add(name);
    for (const { name, declaration, added } of sets) {
      const { members } = this.sets.get(name) ?? { members: new Map<string, string>() };
      assert.equal(this.sets.get(name)?.declaration ?? declaration, declaration);
      this.sets.set(name, { declaration, members });
      for (const member of added) {
        assert.equal(members.get(keyOf(member)) ?? member, member, `${name} has ${keyOf(member)} already`);
        members.set(keyOf(member), member);
      }
    }
    for (const [name, rules] of chains) this.chains.set(name, [...this.chains.get(name) ?? [], ...rules]);
    this.#check();
  }

  /** Throws where something is in use or not there. */
  collect({ chains, sets, counters }: PolicyGarbage): void {
    for (const name of chains) assert.ok(this.chains.delete(name), `there is no chain ${name}`);
    for (const [, name] of sets) assert.ok(this.sets.delete(name), `there is no set ${name}`);
    for (const name of counters) assert.ok(this.counters.delete(name), `there is no counter ${name}`);
    this.#check();
  }

  #set(name: string): Map<string, string> {
    const set = this.sets.get(name);
    assert.ok(set !== undefined, `there is no set ${name}`);
    return set.members;
  }

  /** All that something refers to is there. */
  #check(): void {
    const targets = [...this.sets.values()].flatMap(({ members }) => [...members.values()]);
    const rules = [...this.chains.values()].flat();
    for (const text of [...targets, ...rules]) {
      for (const [, target] of text.matchAll(/(?:goto|jump) ([^\s,]+)/g)) {
        assert.ok(this.chains.has(target!), `${text}: no such chain`);
      }
      const [, counter] = /counter name "?([^" ]+)/.exec(text) ?? [];
      if (counter !== undefined) assert.ok(this.counters.has(counter), `${text}: no such counter`);
      for (const [, set] of text.matchAll(/@(\S+)/g)) {
        assert.ok(this.sets.has(set!) || CORE_SETS.has(set!), `${text}: no such set`);
      }
    }
  }

  /** Without what `isGarbage` says. */
  objects({ chains, sets, counters }: PolicyGarbage): PolicyObjects {
    const gone = new Set([...chains, ...counters, ...sets.map(([, name]) => name)]);
    const byName = <T>(entries: Iterable<readonly [string, T]>) =>
      new Map([...entries].filter(([name]) => !gone.has(name)).sort(([a], [b]) => a < b ? -1 : 1));
    return {
      sets: byName([...this.sets].map(([name, { declaration, members }]) => {
        const kind = /^policy-(?:in|e)gress/.test(name) ? "map" : "set";
        return [name, { kind, declaration, members: [...members.values()].sort() }];
      })),
      chains: byName(this.chains),
      counters: new Set([...this.counters].filter((name) => !gone.has(name)).sort()),
    };
  }
}
