// Objects with fields that are known by name. A field that nobody here knows may narrow what stands beside it, or be one that
// was meant and misspelt: it is refused, as kubectl and the API server do by `--validate=strict`.

import { quote, refused } from "../../net/refusal.ts";
import { isObject } from "../../kubernetes/fields.ts";
import { Misfit, type OpenApi, type Rule, type Schema } from "./schema.ts";

/** A field: what it holds, and what `kubectl explain` says of it. */
export interface Field<T> {
  readonly openApi: OpenApi;
  readonly isRequired: boolean;
  readonly parse: (json: unknown) => T | Misfit;
}

/** A field that must be there. */
export function required<T>({ openApi, parse }: Schema<T>, description: string): Field<T> {
  return {
    openApi: { description, ...openApi },
    isRequired: true,
    parse: (json) => isAbsent(json) ? new Misfit("", "it is missing") : parse(json),
  };
}

/** A field that may be missing. */
export function optional<T>({ openApi, parse }: Schema<T>, description: string): Field<T | undefined> {
  return {
    openApi: { description, ...openApi },
    isRequired: false,
    parse: (json) => isAbsent(json) ? undefined : parse(json),
  };
}

/** A field that has a value where it is missing; `fallback` as JSON has it. */
export function defaulted<T>(
  { openApi, parse }: Schema<T>,
  fallback: unknown,
  description: string,
): Field<T> {
  return {
    openApi: { description, ...openApi, default: fallback },
    isRequired: false,
    parse: (json) => parse(isAbsent(json) ? fallback : json),
  };
}

/** Null is what is missing, as the API server prunes it. */
function isAbsent(json: unknown): boolean {
  return json === undefined || json === null;
}

type Fields = Readonly<Record<string, Field<unknown>>>;
type Values<F extends Fields> = { readonly [K in keyof F]: F[K] extends Field<infer T> ? T : never };

/** An object with these fields and no others, of which each rule holds. */
export function struct<F extends Fields>(
  fields: F,
  rules: readonly Rule<Values<F>>[] = [],
): Schema<Values<F>> {
  const names = Object.keys(fields);
  const requiredNames = names.filter((name) => fields[name]!.isRequired);
  const validations = rules.map(({ cel, message }) => ({ rule: cel, message }));
  return {
    openApi: {
      type: "object",
      ...(requiredNames.length > 0 && { required: requiredNames }),
      properties: Object.fromEntries(names.map((name) => [name, fields[name]!.openApi])),
      ...(rules.length > 0 && { "x-kubernetes-validations": validations }),
    },
    parse: (json) => {
      if (!isObject(json)) return new Misfit("", `${quote(json)} is not an object`);
      const unknown = Object.keys(json).find((name) => !names.includes(name));
      if (unknown !== undefined) return new Misfit("", `unknown field ${quote(unknown)}`);
      const values: Record<string, unknown> = {};
      for (const name of names) {
        const value = fields[name]!.parse(Object.hasOwn(json, name) ? json[name] : undefined);
        if (refused(value)) return (value as Misfit).within(name);
        values[name] = value;
      }
      const broken = rules.find(({ holds }) => !holds(values as Values<F>));
      return broken === undefined ? values as Values<F> : new Misfit("", broken.message);
    },
  };
}
