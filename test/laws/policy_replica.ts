// A kernel as far as policy goes: it knows nothing but the changes that it was told, refuses what nft would refuse, and
// decides over flows by what it has.

import assert from "node:assert/strict";
import { isInRanges, readRange } from "../../src/core/policy/address_ranges.ts";
import type {
  Content,
  DesiredPolicy,
  Match,
  PolicyChange,
  Subject,
} from "../../src/core/policy/policy_table.ts";
import { parseAddress } from "../../src/core/net/address.ts";
import type { OracleFlow } from "./policy_oracle.ts";

/** See above. */
export class PolicyReplica {
  isGuarded = false;
  readonly #contents = new Map<string, Content>();
  readonly #sets = new Map<string, Set<string>>();
  readonly #subjects = new Map<string, Subject>();

  /** Throws where nft would: what is added twice, deleted without being there, bound to or in use without being there. */
  apply(change: PolicyChange): void {
    this.isGuarded = change.isGuarded ?? this.isGuarded;
    for (const { set, isNew, added, deleted } of change.sets) {
      assert.equal(this.#sets.has(set.name), !isNew, set.name);
      const members = this.#sets.get(set.name) ?? new Set();
      this.#sets.set(set.name, members);
      for (const member of deleted) assert.ok(members.delete(member), `${set.name}: ${member} is not there`);
      for (const member of added) {
        assert.ok(!members.has(member), `${set.name}: ${member} is there`);
        members.add(member);
      }
    }
    for (const content of change.contents) {
      assert.ok(!this.#contents.has(content.name), content.name);
      for (const name of setsOf(content)) assert.ok(this.#sets.has(name), `${content.name} without ${name}`);
      this.#contents.set(content.name, content);
    }
    for (const [address, subject] of change.subjects) this.#subjects.set(address, subject);
    for (const address of change.goneSubjects) assert.ok(this.#subjects.delete(address), address);
    for (const name of change.goneContents) assert.ok(this.#contents.delete(name), name);
    for (const name of change.goneSets) assert.ok(this.#sets.delete(name), name);
    this.#check();
  }

  /** Nothing refers to what is not there. */
  #check(): void {
    for (const { ingress, egress } of this.#subjects.values()) {
      for (const name of [ingress, egress]) assert.ok(name === undefined || this.#contents.has(name), name);
    }
    for (const content of this.#contents.values()) {
      for (const name of setsOf(content)) assert.ok(this.#sets.has(name), `${content.name} without ${name}`);
    }
  }

  /** As `PolicyModel.desired`. */
  get state(): DesiredPolicy {
    const sorted = <T>(map: ReadonlyMap<string, T>) => new Map([...map].sort(([a], [b]) => a < b ? -1 : 1));
    const sets = [...sorted(this.#sets)].map(([name, members]) => [name, [...members].sort()] as const);
    return {
      isGuarded: this.isGuarded,
      contents: sorted(this.#contents),
      sets: new Map(sets) as unknown as DesiredPolicy["sets"],
      subjects: sorted(this.#subjects),
    };
  }

  /** What the chains come to. */
  passes({ source, destination, protocol, port }: OracleFlow): boolean {
    if (source === destination) return true;
    const packet = { protocol: protocol.toLowerCase(), port, destination };
    const from = this.#decide(this.#subjects.get(source)?.egress, { ...packet, far: destination });
    const to = this.#decide(this.#subjects.get(destination)?.ingress, { ...packet, far: source });
    return from && to;
  }

  #decide(name: string | undefined, packet: Packet): boolean {
    if (name === undefined) return true;
    const { segments, leaves, otherwise } = this.#contents.get(name)!;
    const segment = segments.filter((it) =>
      it.protocol === packet.protocol && it.first <= packet.port && packet.port <= it.last
    );
    assert.ok(segment.length <= 1, "segments overlap");
    const entry = leaves[segment[0]?.leaf ?? 0]!.find(({ match }) => this.#matches(match, packet));
    return (entry?.verdict ?? otherwise) !== "drop";
  }

  #matches(match: Match, { far, protocol, port }: Packet): boolean {
    const address = parseAddress(far);
    if (!("value" in address)) throw new TypeError(far);
    switch (match.kind) {
      case "any":
        return true;
      case "ranges":
        return isInRanges(match.ranges.map(readRange), address.value);
      case "peers":
        return this.#sets.get(match.set)!.has(far);
      case "ports":
        return this.#sets.get(match.set)!.has(`${far} . ${protocol} . ${port}`);
    }
  }
}

interface Packet {
  readonly far: string;
  readonly protocol: string;
  readonly port: number;
}

function setsOf({ leaves }: Content): string[] {
  return leaves.flat().flatMap(({ match }) => "set" in match ? match.set : []);
}

/** The same with only the members of the sets, to be compared with a replica's. */
export function membersOnly(desired: DesiredPolicy): DesiredPolicy {
  const sets = [...desired.sets].map(([name, { members }]) => [name, members] as const);
  return { ...desired, sets: new Map(sets) as unknown as DesiredPolicy["sets"] };
}
