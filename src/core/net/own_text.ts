// A piece of a long text keeps all of that text in memory (V8's sliced strings): a name of 20 characters its manifest of 15 KB.

const SLICED_LENGTH = 13;

/** The same text with memory of its own, for what is kept long after the text that it was cut from. */
export function ownText<T extends string>(text: T): T {
  return text.length < SLICED_LENGTH ? text : JSON.parse(JSON.stringify(text)) as T;
}
