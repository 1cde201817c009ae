// What the parsers of Pods, Namespaces and NetworkPolicies share: who the object is, fields of anything, labels, and a
// bounded list of what was refused.

import { type Fields, fieldsOf, isObject } from "../kubernetes/fields.ts";
import { ownText } from "../net/own_text.ts";
import { quote, Refusal, refused } from "../net/refusal.ts";
import type { ObjectId, Parsed, PolicyKind, RejectedPart } from "./objects.ts";
import type { Labels } from "./selector.ts";

/** A list; missing or null is an empty one. */
export function listOf(json: unknown, field: string): readonly unknown[] | Refusal {
  if (json === undefined || json === null) return [];
  return Array.isArray(json) ? json : new Refusal(`${field} ${quote(json)} is not a list`);
}

const SUBDOMAIN = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/;
const LABEL_NAME = /^[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;

function isSubdomain(text: unknown, longest: number): text is string {
  return typeof text === "string" && text.length <= longest && SUBDOMAIN.test(text);
}

/** Reads the name of an object: a DNS-1123 subdomain. */
export function parseObjectName(name: unknown): string | Refusal {
  if (name === undefined || name === null) return new Refusal("the object has no metadata.name");
  return isSubdomain(name, 253)
    ? ownText(name)
    : new Refusal(`${quote(name)} is not a name (a DNS-1123 subdomain)`);
}

/** Reads `metadata.namespace`, or a Namespace's name; missing: `default`, as kubectl has it. */
export function parseNamespaceName(name: unknown): string | Refusal {
  if (name === undefined || name === null || name === "") return "default";
  return isSubdomain(name, 63) && !name.includes(".")
    ? ownText(name)
    : new Refusal(`${quote(name)} is not a namespace (a DNS-1123 label)`);
}

/** Reads a label's key: `app`, `example.org/app`. */
export function parseLabelKey(key: unknown): string | Refusal {
  if (typeof key === "string") {
    const slash = key.indexOf("/");
    const isPrefixed = slash < 0 || isSubdomain(key.slice(0, slash), 253);
    if (isPrefixed && LABEL_NAME.test(key.slice(slash + 1))) return ownText(key);
  }
  return new Refusal(`${quote(key)} is not a label key`);
}

/** Reads a label's value: empty, or at most 63 letters, digits, `-`, `_` and `.`. */
export function parseLabelValue(value: unknown): string | Refusal {
  const isValue = typeof value === "string" && (value === "" || LABEL_NAME.test(value));
  return isValue ? ownText(value) : new Refusal(`${quote(value)} is not a label value`);
}

/** Reads `metadata.labels` as a whole: with one of them unreadable nobody can say whom a selector means. */
export function parseLabels(json: unknown): Labels | Refusal {
  if (json === undefined || json === null) return NO_LABELS;
  if (!isObject(json)) return new Refusal(`${quote(json)} is not an object`);
  const labels = new Map<string, string>();
  for (const [name, text] of Object.entries(json)) {
    const key = parseLabelKey(name);
    if (refused(key)) return key;
    const value = parseLabelValue(text);
    if (refused(value)) return new Refusal(`${key}: ${value.reason}`);
    labels.set(key, value);
  }
  return labels;
}

/** One for all that have none. */
const NO_LABELS: Labels = new Map();

const AUDIT = "wigglenet/audit";

// A policy of 1 MB may be wrong in 100,000 places.
const MAX_REJECTED = 16;

/** Reads one object: knows who it is and keeps what is refused of it. */
export class ObjectReader {
  readonly #rejected: RejectedPart[] = [];
  #more = 0;

  constructor(readonly id: ObjectId) {}

  /** A part is not believed. */
  reject(claim: string, reason: string): void {
    if (this.#rejected.length < MAX_REJECTED) this.#rejected.push({ ...this.id, claim, reason });
    else this.#more++;
  }

  /** `wigglenet/audit: "true"`: whatever else stands there is not audit, because audit opens. */
  isAudit(metadata: Fields): boolean {
    const annotations = fieldsOf(metadata.annotations);
    const text = Object.hasOwn(annotations, AUDIT) ? annotations[AUDIT] : undefined;
    if (text !== undefined && text !== "true" && text !== "false") {
      this.reject(AUDIT, `${quote(text)} is neither "true" nor "false": it is enforced`);
    }
    return text === "true";
  }

  /** The value, and what was refused on the way to it. */
  parsed<T>(value: T): Parsed<T> {
    if (this.#more > 0) {
      const { kind } = this.id;
      this.#rejected.push({ ...this.id, claim: kind, reason: `${this.#more} more parts are refused` });
      this.#more = 0;
    }
    return { value, rejected: this.#rejected.length === 0 ? NOTHING : this.#rejected };
  }
}

/** One for thousands. */
const NOTHING: readonly RejectedPart[] = [];

/** The object's reader; an object without a readable name is refused as a whole and told by where it came from. */
export function readerOf(kind: PolicyKind, json: unknown, origin: string): ObjectReader | Parsed<never> {
  const metadata = fieldsOf(fieldsOf(json).metadata);
  const name = kind === "Namespace" && metadata.name !== undefined
    ? parseNamespaceName(metadata.name)
    : parseObjectName(metadata.name);
  const namespace = kind === "Namespace" ? "" : parseNamespaceName(metadata.namespace);
  const refusal = refused(name) ? name : refused(namespace) ? namespace : undefined;
  if (refusal === undefined) {
    return new ObjectReader({ kind, namespace: namespace as string, name: name as string });
  }
  const rejected = [{ kind, namespace: "", name: origin, claim: kind, reason: refusal.reason }];
  return { value: undefined, rejected };
}
