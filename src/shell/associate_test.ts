import assert from "node:assert/strict";
import { keyOf } from "../../test/cluster.ts";
import { associationOf, type End, type Nonce } from "../core/transport/ipsec/association.ts";
import { associate, complaintIn } from "./associate.ts";
import { currentNonce, drawNonce } from "./ipsec_nonce.ts";
import { publicKeyOf } from "./key_file.ts";

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

Deno.test("after a draw nothing of the former nonce is given to the kernel, whatever was planned from facts of before; nor does that draw again", async () => {
  const privateKeyPath = await Deno.makeTempFile();
  const privateKey = new Uint8Array(32).fill(64).toBase64();
  await Deno.writeTextFile(privateKeyPath, privateKey);
  const own: End = { publicKey: await publicKeyOf(privateKey), nonce: currentNonce(), address: "10.9.1.1" };
  const peer: End = { publicKey: keyOf(2), nonce: `${"A".repeat(43)}=` as Nonce, address: "10.9.1.2" };
  drawNonce(own.nonce);
  const drawn = currentNonce();
  assert.notEqual(drawn, own.nonce);
  for (const planned of [associationOf(own, peer, "data"), associationOf(peer, own, "greeting")]) {
    await assert.rejects(
      associate({ added: [planned], removed: [], privateKeyPath }),
      /of a nonce that this agent has no more/,
    );
  }
  drawNonce(own.nonce);
  assert.equal(currentNonce(), drawn);
  await Deno.remove(privateKeyPath);
});
