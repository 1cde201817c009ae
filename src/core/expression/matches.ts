// `matches` of an expression, in bounded time. The library's own is JavaScript's RegExp, which may try exponentially
// many ways, and reads some of RE2's syntax as something else without a word.

import { quote, Refusal } from "../net/refusal.ts";

const MAX_TRIES = 1e7;
const MAX_PATTERN = 253;
/** An escape, a class, or a character. */
const TOKEN = /\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|./gsu;
const BACKREFERENCE = /^\\[1-9k]$/;
const REPEATED = new Set(["*", "+", "{"]);

/** True when the pattern is found in the text. Refused: what RE2 has not, what it reads differently, what may take long. */
export function matches(text: string, pattern: string): boolean | Refusal {
  const refuse = (reason: string) => new Refusal(`matches(${quote(pattern)}): ${reason}`);
  if (pattern.length > MAX_PATTERN) return refuse(`${pattern.length} characters, at most ${MAX_PATTERN}`);
  const tokens = pattern.match(TOKEN) ?? [];
  let tries = text.length + 1;
  for (const [i, token] of tokens.entries()) {
    const next = tokens[i + 1];
    if (token === "(" && next === "?" && tokens[i + 2] !== ":") {
      return refuse("of groups with `?` only `(?:` can be used here");
    }
    if (BACKREFERENCE.test(token) || token.startsWith("[[:")) return refuse(`${token} cannot be used here`);
    if (token === ")" && REPEATED.has(next ?? "")) {
      return refuse("a group cannot be repeated here, only a character or a class");
    }
    if (REPEATED.has(token)) tries *= text.length + 1;
    if (token === "?" || token === "|") tries *= 2;
  }
  if (tries > MAX_TRIES) return refuse(`too many repetitions and alternatives for ${text.length} characters`);
  try {
    return new RegExp(pattern, "u").test(text);
  } catch {
    return refuse("it is not a regular expression");
  }
}
