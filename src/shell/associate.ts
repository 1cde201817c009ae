// Gives the kernel associations of IPsec: keys are derived here, and go to the standard input of `ip` in the same moment. No error holds any of
// what was told to it.

import type { Association } from "../core/transport/ipsec/association.ts";
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
  const { lines, refusals } = added.length === 0 ? NOTHING : await additions(added, privateKeyPath);
  const failures = [...refusals, ...await tell(lines)];
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
    const complaint = complaintIn(stderr);
    failures.push(complaint ?? failure);
    const done = stdout.split("count").length - 1;
    // Of a line that ended otherwise nobody knows.
    takeBack(failure === REFUSED && complaint !== undefined ? placesFrom(done) : []);
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

/** Lines, and why there is none of an association. */
interface Additions {
  readonly lines: readonly Line[];
  readonly refusals: readonly string[];
}

const NOTHING: Additions = { lines: [], refusals: [] };

async function additions(added: readonly Association[], path: string): Promise<Additions> {
  const privateKey = (await readText(path))?.trim();
  if (privateKey === undefined) {
    throw new Error(`no private key file ${path}: no key of IPsec can be derived`);
  }
  const publicKey = await publicKeyOf(privateKey);
  const refused = added.map((association) => refusalOf(association, publicKey));
  const given = added.filter((_, i) => refused[i] === undefined);
  const keys = await deriveKeys({ publicKey, privateKey }, given);
  const lines = given.flatMap((association, i) => {
    const [before, behind] = additionOf(association, association.from.publicKey === publicKey);
    return keys[i] === undefined
      ? []
      : [{ text: `${before}${keys[i]}${behind}`, place: placeIn(association) }];
  });
  return { lines, refusals: refused.filter((why) => why !== undefined) };
}

/** Whatever led here, be it facts from before a draw: no key ever numbers its packets from 1 twice. */
function refusalOf(association: Association, publicKey: PublicKey): string | undefined {
  const { from, to, spi } = association;
  const own = [from, to].filter((end) => end.publicKey === publicKey);
  if (own.length !== 1) return "the private key file holds another key than the others know this host by";
  if (own[0]!.nonce !== currentNonce()) {
    return "associations of a nonce that this agent has no more: facts must be read anew";
  }
  if (!usedPlaces().has(placeIn(association))) return undefined;
  return `association ${spi} was given to the kernel before: another nonce must be drawn`;
}
