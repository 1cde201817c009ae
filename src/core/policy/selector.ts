// Label selectors as values: requirements that all must hold, in one canonical order, so that two ways of writing the
// same selector have one text and share what is made of it.

/** The labels of an object. A Map: `constructor` is a valid label key. */
export type Labels = ReadonlyMap<string, string>;

/** How a requirement compares. */
export type Operator = "In" | "NotIn" | "Exists" | "DoesNotExist";

/** One condition on one label. */
export interface Requirement {
  readonly key: string;
  readonly operator: Operator;
  /** Sorted, without repeats; none for Exists and DoesNotExist. */
  readonly values: readonly string[];
}

/** All requirements must hold; without any it selects everything. Build it with {@link selectorOf} only. */
export interface Selector {
  readonly requirements: readonly Requirement[];
  /** Canonical and printable: equal texts are equal selectors; empty when it selects everything. */
  readonly text: string;
}

/** The selector of these requirements, in whatever order and however often they stand there. */
export function selectorOf(requirements: readonly Requirement[]): Selector {
  const texts = new Map(requirements.map((requirement) => [textOf(requirement), requirement]));
  const sorted = [...texts].sort(([a], [b]) => a < b ? -1 : 1);
  return { requirements: sorted.map(([, it]) => it), text: sorted.map(([text]) => text).join(",") };
}

/** Selects everything. */
export const EVERYTHING: Selector = { requirements: [], text: "" };

function textOf({ key, operator, values }: Requirement): string {
  switch (operator) {
    case "In":
      return values.length === 1 ? `${key}=${values[0]}` : `${key} in (${values.join("|")})`;
    case "NotIn":
      return `${key} notin (${values.join("|")})`;
    case "Exists":
      return key;
    case "DoesNotExist":
      return `!${key}`;
  }
}

/** True when all requirements hold; NotIn and DoesNotExist hold where the key is missing. */
export function selects(selector: Selector, labels: Labels): boolean {
  return selector.requirements.every((requirement) => holds(requirement, labels.get(requirement.key)));
}

function holds({ operator, values }: Requirement, value: string | undefined): boolean {
  switch (operator) {
    case "In":
      return value !== undefined && values.includes(value);
    case "NotIn":
      return value === undefined || !values.includes(value);
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
  }
}
