// Gives the kernel associations of IPsec: keys are derived here, and go to the standard input of `ip` in the same moment. No error holds any of
// what was told to it.

import type { Association, Nonce } from "../core/transport/ipsec/association.ts";
import { type ObservedAssociation, placeIn, placeOf } from "../core/transport/ipsec/rollover.ts";
import { additionOf, removalOf } from "../core/transport/ipsec/xfrm_text.ts";
import type { PublicKey } from "../core/net/keys.ts";
import { attempt, CommandError } from "./command.ts";
import { deriveKeys } from "./derive_keys.ts";
import { readText } from "./files.ts";
import { currentNonce, retire, takeBack, use, usedPlaces } from "./ipsec_nonce.ts";
import { publicKeyOf } from "./key_file.ts";

/** With a mark behind each. */
const PER_BATCH = 500;

/** What is given and taken. */
export interface Exchange {
  readonly added: readonly Association[];
  readonly removed: readonly ObservedAssociation[];
  readonly privateKeyPath: string;
}

/** One line for `ip`, and of an addition its place (rollover.ts). */
export interface Line {
  readonly text: string;
  readonly place?: string;
}

/**
 * Adds, then removes; what fails of it holds up nothing else.
 * @throws Error with the first of `ip`'s complaints
 */
export async function associate({ added, removed, privateKeyPath }: Exchange): Promise<void> {
  const lines = added.length === 0 ? [] : await additions(added, privateKeyPath);
  const failures = await tell(lines);
  retire(removed.map(placeOf));
  failures.push(...await tell(removed.map((it) => ({ text: removalOf(it) }))));
  if (failures.length > 0) {
    throw new CommandError("ip -batch -", failures[0]!, "failed for some associations");
  }
}

/** A kernel that lacks something refuses all alike. */
const MOST_REFUSED = 20;
/** Prints one line, and is no work: so many are printed as lines before were carried out. */
const MARK = "xfrm state count\n";

/**
 * All lines, past those that are refused: of `xfrm` each ends `ip` there and then, with `-force` as without (iproute2 6.1), so it is begun
 * again behind it. What never came to the kernel, or was refused by it, is not remembered as used: it is no loss for which another nonce
 * would be drawn, again and again.
 * @param attemptRun as `attempt`
 * @returns complaints
 */
export async function tell(lines: readonly Line[], attemptRun = attempt): Promise<string[]> {
  const failures: string[] = [];
  for (let at = 0; at < lines.length && failures.length < MOST_REFUSED;) {
    const batch = lines.slice(at, at + PER_BATCH);
    const placesFrom = (first: number) => batch.slice(first).flatMap(({ place }) => place ?? []);
    use(placesFrom(0)); // before the kernel is given any
    const input = batch.map(({ text }) => `${text}${MARK}`).join("");
    const { stdout, stderr, failure } = await attemptRun({ program: "ip", args: ["-batch", "-"], input });
    if (failure === undefined) {
      at += batch.length;
      continue;
    }
    failures.push(complaintIn(stderr) ?? failure);
    const done = stdout.split("count").length - 1;
    // Of a line that ended otherwise nobody knows.
    takeBack(failure === REFUSED ? placesFrom(done) : []);
    at += done + 1;
  }
  return failures;
}

/** How `ip` ends where the kernel says no: nothing behind that line was read. */
const REFUSED = "exited 2";

/** What the kernel, or ip, says first; never anything of the lines themselves: of a key it does not take ip repeats it. */
export function complaintIn(stderr: string): string | undefined {
  return stderr.split("\n").find((line) => /^(?:RTNETLINK answers|Error): [^0]*$/.test(line));
}

async function additions(added: readonly Association[], path: string): Promise<Line[]> {
  const privateKey = (await readText(path))?.trim();
  if (privateKey === undefined) {
    throw new Error(`no private key file ${path}: no key of IPsec can be derived`);
  }
  const publicKey = await publicKeyOf(privateKey);
  requireOwn(added, publicKey);
  requireNew(added, { nonce: currentNonce(), given: usedPlaces(), publicKey });
  const keys = await deriveKeys({ publicKey, privateKey }, added);
  return added.flatMap((association, i) => {
    const [before, behind] = additionOf(association);
    return keys[i] === undefined
      ? []
      : [{ text: `${before}${keys[i]}${behind}`, place: placeIn(association) }];
  });
}

/** What this process knows of itself. */
interface Own {
  readonly publicKey: PublicKey;
  readonly nonce: Nonce;
  readonly given: ReadonlySet<string>;
}

/**
 * Whatever led here, be it facts from before a draw: no key ever numbers its packets from 1 twice.
 * @throws Error which says what must happen first
 */
export function requireNew(added: readonly Association[], { publicKey, nonce, given }: Own): void {
  if (added.some(({ from, to }) => (from.publicKey === publicKey ? from : to).nonce !== nonce)) {
    throw new Error("associations of a nonce that this agent has no more: facts must be read anew");
  }
  const twice = added.find((it) => given.has(placeIn(it)));
  if (twice === undefined) return;
  throw new Error(`association ${twice.spi} was given to the kernel before: another nonce must be drawn`);
}

function requireOwn(added: readonly Association[], own: PublicKey): void {
  if (added.every(({ from, to }) => from.publicKey === own || to.publicKey === own)) return;
  throw new Error("the private key file holds another key than the others know this host by");
}
