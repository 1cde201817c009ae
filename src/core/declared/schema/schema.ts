// What a field may be, said once: a structural schema for the API server and a strict parser for everybody else. Both must
// refuse the same values; test/api asks the API server whether they do.

import { quote, Refusal, refused } from "../../net/refusal.ts";

/** A piece of an OpenAPI v3 schema, as a CustomResourceDefinition has it. */
export type OpenApi = Readonly<Record<string, unknown>>;

/** What is not as the schema says, and where: `nodes[1].mtu: 70000 is not 576 to 65535`. */
export class Misfit extends Refusal {
  constructor(readonly path: string, readonly why: string) {
    super(path === "" ? why : `${path}: ${why}`);
  }

  /** The same, seen from the value that holds this one. */
  within(step: string): Misfit {
    const isFurther = this.path === "" || this.path.startsWith("[");
    return new Misfit(`${step}${isFurther ? "" : "."}${this.path}`, this.why);
  }
}

/** A kind of value. */
export interface Schema<T> {
  readonly openApi: OpenApi;
  readonly parse: (json: unknown) => T | Misfit;
}

/** The value that a schema reads. */
export type Read<S> = S extends Schema<infer T> ? T : never;

/** Something that holds for all values: in CEL for the API server, as a predicate for the parser. */
export interface Rule<T> {
  readonly cel: string;
  /** What must be, in words. */
  readonly message: string;
  readonly holds: (value: T) => boolean;
}

interface TextRules<T> {
  /** Go's and JavaScript's regular expressions alike; the whole text. */
  readonly pattern?: string;
  readonly longest: number;
  /** What the API server asks of it beyond its pattern, with `self`. */
  readonly cel?: readonly { readonly rule: string; readonly message: string }[];
  readonly parse: (text: string) => T | Refusal;
}

/** A text, which the parser makes a value of. */
export function text<T>({ pattern, longest, cel, parse }: TextRules<T>): Schema<T> {
  return {
    openApi: {
      type: "string",
      maxLength: longest,
      ...(pattern !== undefined && { pattern }),
      ...(cel !== undefined && { "x-kubernetes-validations": cel }),
    },
    parse: (json) => {
      if (typeof json !== "string") return new Misfit("", `${quote(json)} is not a text`);
      const value = json.length > longest
        ? new Refusal(`${quote(json)} is longer than ${longest} characters`)
        : parse(json);
      return refused(value) ? new Misfit("", value.reason) : value as T;
    },
  };
}

/** One of a few words. */
export function word<const T extends string>(words: readonly T[]): Schema<T> {
  return {
    openApi: { type: "string", enum: words },
    parse: (json) =>
      words.find((it) => it === json) ?? new Misfit("", `${quote(json)} is none of ${words.join(", ")}`),
  };
}

/** A whole number from `minimum` to `maximum`. */
export function integer(minimum: number, maximum: number): Schema<number> {
  return {
    openApi: { type: "integer", format: "int32", minimum, maximum },
    parse: (json) => {
      if (!Number.isInteger(json)) return new Misfit("", `${quote(json)} is not a whole number`);
      const number = json as number;
      return number >= minimum && number <= maximum
        ? number
        : new Misfit("", `${number} is not ${minimum} to ${maximum}`);
    },
  };
}

/** True or false. */
export const BOOLEAN: Schema<boolean> = {
  openApi: { type: "boolean" },
  parse: (json) => typeof json === "boolean" ? json : new Misfit("", `${quote(json)} is not true or false`),
};

interface ListRules {
  readonly most: number;
  readonly least?: number;
  /** The field of its items that no two of them share; `self`: the items themselves. */
  readonly unique?: string;
  /** The API server does not look at that: it would keep an entry for each item, which is as long as the item. */
  readonly isLong?: true;
}

/** A list. */
export function list<T>(
  item: Schema<T>,
  { most, least = 0, unique, isLong }: ListRules,
): Schema<readonly T[]> {
  const listType = unique === undefined || isLong
    ? { "x-kubernetes-list-type": "atomic" }
    : unique === "self"
    ? { "x-kubernetes-list-type": "set" }
    : { "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [unique] };
  return {
    openApi: {
      type: "array",
      maxItems: most,
      ...(least > 0 && { minItems: least }),
      ...listType,
      items: item.openApi,
    },
    parse: (json) => {
      if (!Array.isArray(json)) return new Misfit("", `${quote(json)} is not a list`);
      if (json.length > most) return new Misfit("", `${json.length} items, at most ${most} are allowed`);
      if (json.length < least) return new Misfit("", `${json.length} items, at least ${least} are needed`);
      const keys = new Set<unknown>();
      const values: T[] = [];
      for (const [i, it] of json.entries()) {
        const value = item.parse(it);
        if (refused(value)) return (value as Misfit).within(`[${i}]`);
        const key = unique === undefined || unique === "self" ? it : it[unique];
        if (unique !== undefined && keys.has(key)) {
          return new Misfit(`[${i}]`, `${quote(key)} is there already`);
        }
        keys.add(key);
        values.push(value as T);
      }
      return values;
    },
  };
}
