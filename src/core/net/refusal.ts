// A value that could not be parsed, with the reason in an operator's words.
// Parsers return it instead of throwing: a bad claim is data, not an exception.

/** Why a text is not the value it claims to be. The reason quotes at most {@link quote}'s share of the input. */
export class Refusal {
  constructor(readonly reason: string) {}
}

/** True for a parse result that is not a value. */
export function refused(result: unknown): result is Refusal {
  return result instanceof Refusal;
}

const QUOTED_CHARACTERS = 64;

/**
 * Untrusted input on one line of printable ASCII: a text in JSON's quotes and escapes, cut behind 64 characters
 * ("..." follows the quotes then); of anything else its kind, without quotes.
 */
export function quote(input: unknown): string {
  if (typeof input !== "string") return kindOf(input);
  const json = JSON.stringify(input.slice(0, QUOTED_CHARACTERS));
  const ascii = json.replace(/[^ -~]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
  return input.length > QUOTED_CHARACTERS ? `${ascii}...` : ascii;
}

function kindOf(input: unknown): string {
  if (input === null) return "null";
  if (input === undefined) return "nothing";
  return Array.isArray(input) ? "a list" : typeof input === "object" ? "an object" : String(input);
}
