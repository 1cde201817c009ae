// Gives the kernel associations of IPsec: keys are derived here, and go to the standard input of `ip` in the same moment. No error holds any of
// what was told to it.

import type { Association, Nonce } from "../core/transport/ipsec/association.ts";
import type { ObservedAssociation } from "../core/transport/ipsec/rollover.ts";
import { additionOf, removalOf } from "../core/transport/ipsec/xfrm_text.ts";
import type { PublicKey } from "../core/net/keys.ts";
import { attempt, CommandError } from "./command.ts";
import { deriveKeys } from "./derive_keys.ts";
import { readText } from "./files.ts";
import { currentNonce, retire, use, usedSpis } from "./ipsec_nonce.ts";
import { publicKeyOf } from "./key_file.ts";

/** What it complains of fits into a pipe. */
const PER_BATCH = 500;

/** What is given and taken. */
export interface Exchange {
  readonly added: readonly Association[];
  readonly removed: readonly ObservedAssociation[];
  readonly privateKeyPath: string;
}

/**
 * Adds, then removes; what fails of it holds up nothing else.
 * @throws Error with the first of `ip`'s complaints
 */
export async function associate({ added, removed, privateKeyPath }: Exchange): Promise<void> {
  const lines = added.length === 0 ? [] : await additions(added, privateKeyPath);
  retire(removed.map(({ spi }) => spi));
  const all = [...lines, ...removed.map(removalOf)];
  const failures: string[] = [];
  for (let i = 0; i < all.length; i += PER_BATCH) {
    const input = all.slice(i, i + PER_BATCH).join("");
    const { stderr, failure } = await attempt({ program: "ip", args: ["-force", "-batch", "-"], input });
    if (failure !== undefined) failures.push(complaintIn(stderr) ?? failure);
  }
  if (failures.length > 0) {
    throw new CommandError("ip -force -batch -", failures[0]!, "failed for some associations");
  }
}

/** What the kernel, or ip, says first; never anything of the lines themselves: of a key it does not take ip repeats it. */
export function complaintIn(stderr: string): string | undefined {
  return stderr.split("\n").find((line) => /^(?:RTNETLINK answers|Error): [^0]*$/.test(line));
}

async function additions(added: readonly Association[], path: string): Promise<string[]> {
  const privateKey = (await readText(path))?.trim();
  if (privateKey === undefined) {
    throw new Error(`no private key file ${path}: no key of IPsec can be derived`);
  }
  const publicKey = await publicKeyOf(privateKey);
  requireOwn(added, publicKey);
  requireNew(added, { nonce: currentNonce(), given: usedSpis(), publicKey });
  const keys = await deriveKeys({ publicKey, privateKey }, added);
  const known = added.filter((_, i) => keys[i] !== undefined);
  use(known.map(({ spi }) => spi)); // before the kernel is given any
  return added.flatMap((association, i) => {
    const [before, behind] = additionOf(association);
    return keys[i] === undefined ? [] : [`${before}${keys[i]}${behind}`];
  });
}

/** What this process knows of itself. */
interface Own {
  readonly publicKey: PublicKey;
  readonly nonce: Nonce;
  readonly given: ReadonlySet<number>;
}

/**
 * Whatever led here, be it facts from before a draw: no key ever numbers its packets from 1 twice.
 * @throws Error which says what must happen first
 */
export function requireNew(added: readonly Association[], { publicKey, nonce, given }: Own): void {
  if (added.some(({ from, to }) => (from.publicKey === publicKey ? from : to).nonce !== nonce)) {
    throw new Error("associations of a nonce that this agent has no more: facts must be read anew");
  }
  const twice = added.find(({ spi }) => given.has(spi));
  if (twice === undefined) return;
  throw new Error(`association ${twice.spi} was given to the kernel before: another nonce must be drawn`);
}

function requireOwn(added: readonly Association[], own: PublicKey): void {
  if (added.every(({ from, to }) => from.publicKey === own || to.publicKey === own)) return;
  throw new Error("the private key file holds another key than the others know this host by");
}
