import assert from "node:assert/strict";
import { ownText } from "./own_text.ts";

Deno.test("an own text is equal to what it was cut from, whatever is in it", () => {
  for (
    const text of ["", "short", "a".repeat(44), `quotes " and \\ and \n and \u2028 and é and 𝄞 and \ud800`]
  ) {
    assert.equal(ownText(text), text);
  }
});
