// Untrusted LabelSelector JSON -> Selector. All or nothing: a selector that leaves out a requirement selects more.

import { isObject } from "../kubernetes/fields.ts";
import { quote, Refusal, refused } from "../net/refusal.ts";
import { listOf, parseLabelKey, parseLabels, parseLabelValue } from "./object_reader.ts";
import { type Operator, type Requirement, type Selector, selectorOf } from "./selector.ts";
import { unknownField } from "./unknown_field.ts";

const SELECTOR_FIELDS = ["matchLabels", "matchExpressions"];
const REQUIREMENT_FIELDS = ["key", "operator", "values"];

/** Reads a meta/v1 LabelSelector that is there: `{}` selects everything. (Whoever asks knows what a missing one means.) */
export function parseSelector(json: unknown): Selector | Refusal {
  if (!isObject(json)) return new Refusal(`${quote(json)} is not a selector`);
  const unknown = unknownField(json, SELECTOR_FIELDS);
  if (unknown !== undefined) return unknown;
  const labels = parseLabels(json.matchLabels);
  if (refused(labels)) return new Refusal(`matchLabels: ${labels.reason}`);
  const expressions = listOf(json.matchExpressions, "matchExpressions");
  if (refused(expressions)) return expressions;
  const requirements: Requirement[] = [...labels].map(([key, value]) => ({
    key,
    operator: "In",
    values: [value],
  }));
  for (const expression of expressions) {
    const requirement = parseRequirement(expression);
    if (refused(requirement)) return requirement;
    requirements.push(requirement);
  }
  return shared(selectorOf(requirements));
}

// Ten thousand policies are made of a few templates: equal selectors are one value, as far as they fit.
const SHARED = new Map<string, Selector>();
const MOST_SHARED = 10_000;

function shared(selector: Selector): Selector {
  const same = SHARED.get(selector.text);
  if (same !== undefined) return same;
  if (SHARED.size === MOST_SHARED) SHARED.clear();
  SHARED.set(selector.text, selector);
  return selector;
}

const NEEDS_VALUES: ReadonlyMap<unknown, boolean> = new Map([
  ["In", true],
  ["NotIn", true],
  ["Exists", false],
  ["DoesNotExist", false],
]);

function parseRequirement(json: unknown): Requirement | Refusal {
  if (!isObject(json)) return new Refusal(`matchExpressions: ${quote(json)} is not a requirement`);
  const unknown = unknownField(json, REQUIREMENT_FIELDS);
  if (unknown !== undefined) return unknown;
  const key = parseLabelKey(json.key);
  if (refused(key)) return key;
  const needsValues = NEEDS_VALUES.get(json.operator);
  if (needsValues === undefined) {
    return new Refusal(
      `${key}: ${quote(json.operator)} is not an operator (In, NotIn, Exists, DoesNotExist)`,
    );
  }
  const items = listOf(json.values, "values");
  if (refused(items)) return items;
  if (needsValues !== items.length > 0) {
    return new Refusal(`${key}: ${json.operator} ${needsValues ? "needs values" : "takes no values"}`);
  }
  const values = new Set<string>();
  for (const item of items) {
    const value = parseLabelValue(item);
    if (refused(value)) return new Refusal(`${key}: ${value.reason}`);
    values.add(value);
  }
  return { key, operator: json.operator as Operator, values: [...values].sort() };
}
