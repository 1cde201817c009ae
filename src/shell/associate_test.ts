import assert from "node:assert/strict";
import { keyOf } from "../../test/cluster.ts";
import { associationOf, type End, type Nonce } from "../core/transport/ipsec/association.ts";
import { associate, complaintIn, tell } from "./associate.ts";
import { currentNonce, drawNonce, usedPlaces } from "./ipsec_nonce.ts";
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
  drawNonce(own.nonce, false);
  const drawn = currentNonce();
  assert.notEqual(drawn, own.nonce);
  for (const planned of [associationOf(own, peer, "data"), associationOf(peer, own, "greeting")]) {
    await assert.rejects(
      associate({ added: [planned], removed: [], privateKeyPath }),
      /of a nonce that this agent has no more/,
    );
  }
  drawNonce(own.nonce, false);
  assert.equal(currentNonce(), drawn);
  await Deno.remove(privateKeyPath);
});

Deno.test("a line that the kernel refuses ends ip: all others are told to it, and only what it may have taken counts as used", async () => {
  const lines = Array.from(
    { length: 6 },
    (_, i) => ({ text: `xfrm state add spi ${1000 + i}\n`, place: `10.9.1.2 ${1000 + i}` }),
  );
  const taken: string[] = [];
  const complaints = await tell(lines, ({ input }) => {
    const given = input!.split("\n").filter((line) => line.includes("add"));
    const end = given.findIndex((line) => /100[14]/.test(line));
    const done = end === -1 ? given : given.slice(0, end);
    taken.push(...done);
    const stdout = "\t SAD count 7\n".repeat(done.length);
    if (end === -1) return Promise.resolve({ stdout, stderr: "", failure: undefined });
    const isKilled = given[end]!.includes("1004");
    return Promise.resolve(
      isKilled
        ? { stdout, stderr: "", failure: "exited SIGSEGV" }
        : { stdout, stderr: "Error: Requested type not found.\n", failure: "exited 2" },
    );
  });
  assert.deepEqual(complaints, ["Error: Requested type not found.", "exited SIGSEGV"]);
  assert.deepEqual(taken.map((text) => Number(text.slice(-4))), [1000, 1002, 1003, 1005]);
  const used = usedPlaces();
  assert.deepEqual(lines.map(({ place }) => used.has(place)), [true, false, true, true, true, true]);
});
