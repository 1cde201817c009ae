// The policies that select the same pods: compiled once for all of them, when a pod is bound to what comes out.

import type { Family } from "../net/address.ts";
import { compileContent, type CompiledContent, type SourcedRule } from "./compile_content.ts";
import type { NetworkPolicy, PortName } from "./objects.ts";
import type { NamespaceRecord, PodRecord } from "./pod_class.ts";
import type { Direction } from "./policy_table.ts";

/** A NetworkPolicy that is there. */
export interface PolicyRecord {
  /** Another one for each version. */
  readonly id: number;
  readonly policy: NetworkPolicy;
  /** False: it, or its namespace, is in audit. */
  readonly isEnforced: boolean;
  readonly namespace: NamespaceRecord;
}

/** True when the policy says something of either direction. */
export function isolates({ ingress, egress }: NetworkPolicy): boolean {
  return ingress !== undefined || egress !== undefined;
}

/** See above. */
export class PolicyList {
  /** Classes of pods that have it. */
  references = 0;
  /** In order of their names. */
  readonly policies: readonly PolicyRecord[];
  /** What was asked for; undefined: open. */
  readonly #compiled = new Map<string, CompiledContent | undefined>();
  readonly #names: readonly PortName[];

  constructor(readonly key: string, policies: Iterable<PolicyRecord>) {
    this.policies = [...policies].sort((a, b) => a.policy.name < b.policy.name ? -1 : 1);
    this.#names = portNames(this.policies);
  }

  /** Those that isolate in this direction. */
  isolating(direction: Direction): readonly PolicyRecord[] {
    return this.policies.filter(({ policy }) => policy[direction] !== undefined);
  }

  /** What decides over this pod; undefined: nothing, it is open. */
  contentFor(direction: Direction, family: Family, record: PodRecord): CompiledContent | undefined {
    const numbersOf = (port: PortName) => numbersAt(record, port);
    const numbers = direction === "egress" ? "" : this.#names.map((port) => numbersOf(port).join()).join(" ");
    const key = `${direction} ${family} ${numbers}`;
    if (this.#compiled.has(key)) return this.#compiled.get(key);
    const policies = this.isolating(direction);
    const rules = policies.flatMap(({ policy }): SourcedRule[] =>
      policy[direction]!.map((rule) => ({ namespace: policy.namespace, rule }))
    );
    // Who is held by one policy is held; the others, in audit, may still allow.
    const otherwise = policies.some(({ isEnforced }) => isEnforced) ? "drop" : "audit";
    const compiled = policies.length === 0
      ? undefined
      : compileContent({ direction, family, rules, otherwise, numbersOf });
    this.#compiled.set(key, compiled);
    return compiled;
  }

  /** All contents that were asked for. */
  contents(): CompiledContent[] {
    return [...this.#compiled.values()].filter((it) => it !== undefined);
  }
}

/** Names of the policies that contents are made of, sorted: those that isolate in their direction. */
export function policiesByContent(lists: Iterable<PolicyList>): Map<string, readonly string[]> {
  const policies = new Map<string, Set<string>>();
  for (const list of lists) {
    for (const { content: { name, direction } } of list.contents()) {
      const names = policies.get(name) ?? new Set();
      policies.set(name, names);
      for (const { policy } of list.isolating(direction)) names.add(`${policy.namespace}/${policy.name}`);
    }
  }
  return new Map([...policies].map(([content, names]) => [content, [...names].sort()]));
}

/** The names by which rules of ingress ask for ports, each once. */
function portNames(policies: readonly PolicyRecord[]): PortName[] {
  const names = new Map<string, PortName>();
  for (const { policy } of policies) {
    for (const { ports } of policy.ingress ?? []) {
      for (const port of ports ?? []) {
        if (port.kind === "name") names.set(`${port.name}/${port.protocol}`, port);
      }
    }
  }
  return [...names].sort(([a], [b]) => a < b ? -1 : 1).map(([, port]) => port);
}

/** The numbers that a name has at a pod: none, one, or one for each container that uses it (R5). */
export function numbersAt({ pod }: PodRecord, { name, protocol }: PortName): number[] {
  const ports = pod.ports.filter((port) => port.name === name && port.protocol === protocol);
  return ports.map(({ port }) => port).sort((a, b) => a - b);
}
