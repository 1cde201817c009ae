// The private key stands in its file and on the interface. It goes from one to the other by `wg`, and to Web Crypto to
// learn the public key: never into an argument list, a log or an error.

import type { PublicKey } from "../core/net/keys.ts";
import type { Settings } from "../core/settings/settings.ts";
import { locate, run } from "./command.ts";
import { readText, writeAtomically } from "./files.ts";
import { readRotation, type Rotation } from "./key_rotation.ts";
import { unlessAbsent } from "./observe.ts";

// The DER head of an X25519 private key (RFC 8410 section 7); the 32 key bytes follow.
const PKCS8_HEAD = Uint8Array.fromHex("302e020100300506032b656e04220420");
const KEY_BYTES = 32;
const KEY = /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=\s*$/; // wg takes white space behind it, too

/** This host's key. */
export interface HostKey extends Rotation {
  readonly publicKey: PublicKey;
  /** Where it was found: the file is written from anywhere else. */
  readonly origin: "file" | "interface" | "chance";
  /** Why the file could not be written, while the interface has the key for as long as it stands; or who else may read it. */
  readonly problem?: string;
}

/**
 * The key of the private key file. One that is missing is written anew: with the key that the interface has, by which
 * all others know this host, else with a new one (docs/decisions/0019).
 * @throws Error when the file is there but holds no key: it is never overwritten; when a new one cannot be written
 */
export async function ensureKey(
  settings: Pick<Settings, "privateKeyPath" | "interfaceName" | "keyRotation" | "nodeName">,
): Promise<HostKey> {
  return { ...await readOrMake(settings), ...await readRotation(settings) };
}

async function readOrMake(
  { privateKeyPath: path, interfaceName }: Pick<Settings, "privateKeyPath" | "interfaceName">,
): Promise<HostKey> {
  const existing = await readPublicKey(path);
  if (existing !== undefined) {
    const problem = `others than its owner may read the private key file ${path}: chmod 600 ${path}`;
    return { publicKey: existing, origin: "file", ...(await isExposed(path) ? { problem } : {}) };
  }
  const standing = await readInterfaceKey(interfaceName);
  const key = standing ?? makeKey();
  const found = {
    publicKey: await publicKeyOf(key),
    origin: standing === undefined ? "chance" : "interface",
  } as const;
  try {
    await writeAtomically(path, key, 0o600);
  } catch (error) {
    const problem = `cannot write the private key file ${path}: ${reasonIn(error)}`;
    if (standing === undefined) throw new Error(problem, { cause: error });
    return { ...found, problem };
  }
  return found;
}

/** Without the path in it, which may be that of a temporary file: another one each time. */
export function reasonIn(error: unknown): string {
  return (error as Error).message.replace(/: \w+ '.*$/, "");
}

const BY_OTHERS = 0o077;

/** True where others than its owner may read the file. */
export async function isExposed(path: string): Promise<boolean> {
  return await Deno.stat(path).then(({ mode }) => ((mode ?? 0) & BY_OTHERS) !== 0, () => false);
}

/** Any 32 bytes are one: whoever uses it sets and clears the bits that must be (RFC 7748 section 5). */
export function makeKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(KEY_BYTES));
  bytes[0]! &= 248;
  bytes[31] = bytes[31]! & 127 | 64; // as `wg genkey` prints them
  return bytes.toBase64();
}

/** The private key of an interface; undefined when there is no interface, nobody serves it, or it has none yet. */
export async function readInterfaceKey(interfaceName: string): Promise<string | undefined> {
  if (locate("wg") === undefined) return undefined;
  const args = ["show", interfaceName, "private-key"];
  const key = (await unlessAbsent(run({ program: "wg", args })))?.trim();
  return key !== undefined && KEY.test(key) ? key : undefined;
}

/**
 * Public key of the private key file; undefined when there is no file.
 * @throws Error when the file holds no key, or cannot be read: root without more rights may read its own files only
 */
export async function readPublicKey(path: string): Promise<PublicKey | undefined> {
  const text = await readText(path).catch((error) => {
    const why = `${reasonIn(error)}; chown root ${path}, chmod 600 ${path}`;
    throw new Error(`cannot read the private key file ${path}: ${why}`, { cause: error });
  });
  if (text === undefined) return undefined;
  if (!KEY.test(text)) {
    throw new Error(
      `Private key file ${path} holds no WireGuard key: restore it, or remove it to have it written anew`,
    );
  }
  return await publicKeyOf(text.trim());
}

/** The public key to a private one. */
export async function publicKeyOf(privateKey: string): Promise<PublicKey> {
  const key = await crypto.subtle.importKey("pkcs8", pkcs8Of(privateKey), { name: "X25519" }, true, [
    "deriveBits",
  ]);
  const { x } = await crypto.subtle.exportKey("jwk", key);
  return Uint8Array.fromBase64(x!, { alphabet: "base64url" }).toBase64() as PublicKey;
}

/** A private key of WireGuard as Web Crypto reads it. */
export function pkcs8Of(privateKey: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array([...PKCS8_HEAD, ...Uint8Array.fromBase64(privateKey)]);
}
