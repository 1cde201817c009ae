// Untrusted NetworkPolicy JSON -> NetworkPolicy and what was refused of it. Never throws, and never opens: a part that
// cannot be read allows nothing, and the pods that the policy selects stay isolated.

import { type Fields, fieldsOf, isObject } from "../kubernetes/fields.ts";
import { ownText } from "../net/own_text.ts";
import { quote, Refusal, refused } from "../net/refusal.ts";
import { ObjectReader, readerOf } from "./object_reader.ts";
import type { NetworkPolicy, Parsed, PolicyRule } from "./objects.ts";
import { parseRule } from "./parse_rule.ts";
import type { Direction } from "./policy_table.ts";
import { parseSelector } from "./parse_selector.ts";
import { EVERYTHING, type Selector } from "./selector.ts";
import { unknownField } from "./unknown_field.ts";

const SPEC_FIELDS = ["podSelector", "policyTypes", "ingress", "egress"];
const TYPES = ["Ingress", "Egress"];
const PEERS = { ingress: "from", egress: "to" } as const;

/**
 * Reads a networking.k8s.io/v1 NetworkPolicy.
 * @param json any JSON value, with all its fields: unknown ones are refused
 * @param origin where it came from (a path), named when the object has no name of its own
 */
export function parseNetworkPolicy(json: unknown, origin: string): Parsed<NetworkPolicy> {
  const reader = readerOf("NetworkPolicy", json, origin);
  if (!(reader instanceof ObjectReader)) return reader;
  const { metadata: meta, spec: specified } = fieldsOf(json);
  const metadata = fieldsOf(meta);
  const { namespace, name } = reader.id;
  return reader.parsed({
    namespace,
    name,
    uid: typeof metadata.uid === "string" ? ownText(metadata.uid) : "",
    isAudit: reader.isAudit(metadata),
    ...new SpecReader(reader, specified).read(),
  });
}

class SpecReader {
  readonly #reader: ObjectReader;
  readonly #spec: Fields;
  /** Something is wrong beside the rules: no direction is left open then because nothing was said of it. */
  #isDoubtful = false;

  constructor(reader: ObjectReader, spec: unknown) {
    this.#reader = reader;
    this.#spec = fieldsOf(spec);
    if (spec !== undefined && spec !== null && !isObject(spec)) {
      this.#doubt("spec", `${quote(spec)} is not an object`);
    }
    const unknown = unknownField(this.#spec, SPEC_FIELDS);
    if (unknown !== undefined) this.#doubt("spec", unknown.reason);
  }

  read(): Pick<NetworkPolicy, "podSelector" | "ingress" | "egress"> {
    const podSelector = this.#podSelector();
    const types = this.#types();
    return {
      podSelector,
      ingress: types.includes("Ingress") ? this.#rules("ingress") : undefined,
      egress: types.includes("Egress") ? this.#rules("egress") : undefined,
    };
  }

  #podSelector(): Selector {
    const { podSelector } = this.#spec;
    if (podSelector === undefined || podSelector === null) return EVERYTHING;
    const selector = parseSelector(podSelector);
    if (!refused(selector)) return selector;
    this.#reader.reject("spec.podSelector", `${selector.reason}: it stands for all pods of the namespace`);
    return EVERYTHING;
  }

  /** As the API server defaults them (S1): Ingress, and Egress where there is a rule for it. */
  #types(): readonly string[] {
    const { policyTypes, egress } = this.#spec;
    if (Array.isArray(policyTypes) && policyTypes.length > 0) {
      if (policyTypes.every((type) => TYPES.includes(type))) return policyTypes;
      this.#doubt("spec.policyTypes", `${quote(policyTypes.find((type) => !TYPES.includes(type)))} is none`);
    } else if (policyTypes !== undefined && policyTypes !== null && !Array.isArray(policyTypes)) {
      this.#doubt("spec.policyTypes", `${quote(policyTypes)} is not a list`);
    }
    if (this.#isDoubtful) return TYPES;
    const isEmpty = egress === undefined || egress === null || Array.isArray(egress) && egress.length === 0;
    return isEmpty ? ["Ingress"] : TYPES;
  }

  #rules(direction: Direction): readonly PolicyRule[] {
    const items = this.#spec[direction] ?? [];
    if (!Array.isArray(items)) {
      this.#reader.reject(`spec.${direction}`, `${quote(items)} is not a list: nothing is allowed`);
      return [];
    }
    const rules = items.flatMap((item, index) => {
      const rule = parseRule(item, index, PEERS[direction]);
      if (!(rule instanceof Refusal)) return rule;
      this.#reader.reject(`spec.${direction}[${index}]`, `${rule.reason}: the rule allows nothing`);
      return [];
    });
    return rules.slice(); // no room to grow
  }

  #doubt(claim: string, reason: string): void {
    this.#isDoubtful = true;
    this.#reader.reject(claim, `${reason}: both directions are isolated unless policyTypes says otherwise`);
  }
}
