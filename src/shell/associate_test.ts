import assert from "node:assert/strict";
import { complaintIn } from "./associate.ts";

const KEY = `0x${"c0ffee".repeat(12)}`;

Deno.test("what ip complains of is told without any piece of a line that has a key in it", () => {
  // As iproute2 6.1 says it.
  assert.equal(
    complaintIn("RTNETLINK answers: File exists\nCommand failed -:1\n"),
    "RTNETLINK answers: File exists",
  );
  assert.equal(
    complaintIn("Error: Protocol not supported.\nCommand failed -:3\n"),
    "Error: Protocol not supported.",
  );
  for (
    const text of [
      `Error: argument "${KEY}" is wrong: "ALGO-KEYMAT" value makes buffer overflow\n`,
      `Error: either "src" is duplicate, or "${KEY}" is a garbage.\nCommand failed -:1\n`,
      `Command "xfrm state add aead rfc4106(gcm(aes)) ${KEY} 128" is unknown, try "ip help".\n`,
    ]
  ) assert.equal(complaintIn(text), undefined);
});
