// Names of chains and sets in the kernel: a letter for what it is, and a digest of what is in it. Equal contents meet under
// one name whatever the policies are called, and after a restart a name says all that must be compared.

import type { Family } from "../net/address.ts";
import { sha256 } from "./sha256.ts";

// 80 bits: nobody makes a second content for a name of somebody else's.
const CHARACTERS = 16;
const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";

/** What a name stands for: contents of ingress and egress, peer sets, port sets. */
export type NameLetter = "i" | "e" | "p" | "n";

/** `i4-mfrggzdfmztwq2lk`. */
export function contentName(letter: NameLetter, family: Family, content: string): string {
  const digest = sha256(content);
  let name = `${letter}${family}-`;
  let [bits, held] = [0, 0];
  for (let i = 0, characters = 0; characters < CHARACTERS; characters++) {
    if (held < 5) {
      bits = (bits & 31) << 8 | digest[i++]!;
      held += 8;
    }
    held -= 5;
    name += ALPHABET[bits >> held & 31];
  }
  return name;
}
