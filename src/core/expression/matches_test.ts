import assert from "node:assert/strict";
import { refused } from "../net/refusal.ts";
import { matches } from "./matches.ts";

const CASES: readonly (readonly [text: string, pattern: string, found: boolean | string])[] = [
  ["eth0", "^eth[0-9]+$", true],
  ["eth0.100", "^eth[0-9]+$", false],
  ["enp3s0f1np1", "^(?:en|eth)", true],
  ["enp3s0", "^en(p[0-9]+)?s[0-9]+$", true],
  ["veth", "^eth", false],
  ["eu-central", "central", true],
  ["a(b", "a\\(b", true],
  ["a)+", "a[)]+", true],
  ["a.b", "^a\\.b$", true],
  ["axb", "^a\\.b$", false],
  ["aab", "^(a+)+$", "a group cannot be repeated here, only a character or a class"],
  ["aab", "^(a|b)*$", "a group cannot be repeated here, only a character or a class"],
  ["aab", "^(a?){30}", "a group cannot be repeated here, only a character or a class"],
  ["aab", "(a)\\1", "\\1 cannot be used here"],
  ["aab", "(?=a)", "of groups with `?` only `(?:` can be used here"],
  ["aab", "(?i)A", "of groups with `?` only `(?:` can be used here"],
  ["aab", "(?P<name>a)", "of groups with `?` only `(?:` can be used here"],
  ["aab", "[[:alpha:]]", "[[:alpha:] cannot be used here"],
  ["aab", "\\Aa", "it is not a regular expression"],
  ["aab", "(", "it is not a regular expression"],
  ["aab", "a".repeat(300), "300 characters, at most 253"],
  ["a".repeat(200), "a*a*a*b", "too many repetitions and alternatives for 200 characters"],
  ["a".repeat(30), "a?".repeat(30) + "a{30}", "too many repetitions and alternatives for 30 characters"],
  ["a".repeat(63), "(?:a|aa)".repeat(31) + "b", "too many repetitions and alternatives for 63 characters"],
];
for (const [text, pattern, found] of CASES) {
  Deno.test(`${pattern.slice(0, 40)} on ${text.slice(0, 20)}: ${found}`, () => {
    const result = matches(text, pattern);
    if (!refused(result)) assert.equal(result, found);
    else {assert.ok(
        result.reason.startsWith("matches(") && result.reason.endsWith(`: ${found}`),
        result.reason,
      );}
  });
}

Deno.test("the costliest pattern that is tried ends soon", () => {
  const startMs = performance.now();
  for (
    const [text, pattern] of [["a".repeat(213), "a*a*b"], ["a".repeat(22), "a?".repeat(18) + "b"]] as const
  ) {
    assert.equal(matches(text, pattern), false);
  }
  assert.ok(performance.now() - startMs < 10_000);
});
