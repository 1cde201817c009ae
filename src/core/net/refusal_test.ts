import assert from "node:assert/strict";
import { quote, Refusal, refused } from "./refusal.ts";

const quoted: readonly [what: string, input: unknown, text: string][] = [
  ["a plain text in quotes", "10.0.0.0/8", '"10.0.0.0/8"'],
  ["the empty text in quotes", "", '""'],
  ["quotes and backslashes escaped", 'a"b\\c', '"a\\"b\\\\c"'],
  ["newlines escaped", "a\r\nb\tc", '"a\\r\\nb\\tc"'],
  ["Unicode's own line ends escaped", "a\u0085b\u2028c\u2029d", '"a\\u0085b\\u2028c\\u2029d"'],
  ["a terminal's escape sequence escaped", "\u001b[2J\u001b]0;x\u0007", '"\\u001b[2J\\u001b]0;x\\u0007"'],
  ["a one-byte escape sequence escaped", "\u009b2J", '"\\u009b2J"'],
  ["NUL and DEL escaped", "\0\u007f", '"\\u0000\\u007f"'],
  ["a change of writing direction escaped", "a\u202eb", '"a\\u202eb"'],
  ["a look-alike letter escaped", "n\u043ede", '"n\\u043ede"'],
  ["a character of two halves escaped", "\u{1f600}", '"\\ud83d\\ude00"'],
  ["a lone half escaped", "\ud800 \udfff", '"\\ud800 \\udfff"'],
  ["an ellipsis escaped", "\u2026", '"\\u2026"'],
  ["64 characters in full", "a".repeat(64), `"${"a".repeat(64)}"`],
  ["65 characters cut", "a".repeat(65), `"${"a".repeat(64)}"...`],
  ["a character cut in half escaped", `${"a".repeat(63)}\u{1f600}`, `"${"a".repeat(63)}\\ud83d"...`],
  ["nft's syntax as it is", "1.1.1.1 }; drop", '"1.1.1.1 }; drop"'],
  ["nothing by its kind", undefined, "nothing"],
  ["null by its kind", null, "null"],
  ["a list by its kind", ["10.0.0.1"], "a list"],
  ["an object by its kind", { toString: () => "10.0.0.1" }, "an object"],
  ["a date of YAML by its kind", new Date(0), "an object"],
  ["a number as it is", 10.5, "10.5"],
  ["a truth value as it is", true, "true"],
];

for (const [what, input, text] of quoted) {
  Deno.test(`quote prints ${what}`, () => assert.equal(quote(input), text));
}

Deno.test("quote of a megabyte is as long as quote of 65 characters, and never longer than 389", () => {
  assert.equal(quote("a".repeat(1 << 20)), quote("a".repeat(65)));
  assert.equal(quote("\0".repeat(1 << 20)).length, 64 * 6 + 2 + 3);
});

Deno.test("refused tells a Refusal from everything else", () => {
  assert.equal(refused(new Refusal("because")), true);
  for (const value of [undefined, null, "because", { reason: "because" }, Error("because")]) {
    assert.equal(refused(value), false);
  }
});
