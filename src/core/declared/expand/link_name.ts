// The name of a plan's interface: it follows from the two nodes alone, so that nothing that comes or goes changes it.

import { sha256 } from "../../policy/sha256.ts";

const LONGEST = 15;
const CHARACTERS = 12;
const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";

/**
 * `wg-lax1-lax2-0` on lax1. Where that is too long, or has a dot, which sysctl reads as a separator: `wg-` and 60 bits of a
 * digest. Such a name has no second dash, so that the two kinds never meet; on one node the other's name tells all apart.
 */
export function linkName(from: string, to: string): string {
  const name = `wg-${from}-${to}-0`;
  return name.length <= LONGEST && !name.includes(".") ? name : `wg-${digestName(`${from}\n${to}`)}`;
}

function digestName(text: string): string {
  return [...sha256(text).subarray(0, CHARACTERS)].map((byte) => ALPHABET[byte & 31]).join("");
}
