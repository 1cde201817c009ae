// Fields of what may be any JSON.

/** An object's fields by name. */
export type Fields = Readonly<Record<string, unknown>>;

/** The object's own fields; anything that is not an object has none. */
export function fieldsOf(json: unknown): Fields {
  return isObject(json) ? json : {};
}

/** True for a JSON object: no list, not null. */
export function isObject(json: unknown): json is Fields {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}
