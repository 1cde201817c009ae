// What a WireGuard interface waits for, in words: who serves it, its key, its peers' keys and names.

import { troubleWith } from "../../desired/endpoints.ts";
import type { PublicKey } from "../../net/keys.ts";
import type { SecretId } from "../want/secrets.ts";
import type { WantedInterface, WantedKind } from "../want/wanted_interface.ts";
import type { DeclaredMoment, DeclaredWaiting } from "./diff_declared.ts";
import { unreadOf } from "./diff_preshared.ts";

type WireguardKind = Extract<WantedKind, { kind: "wireguard" }>;

/** WIREGUARD_GO=awaited, and nobody serves it yet. */
export function awaited({ owner, name }: WantedInterface): DeclaredWaiting {
  return {
    owner,
    what: `interface ${name}`,
    why: "this kernel has no WireGuard, and no wireguard-go serves it (WIREGUARD_GO=awaited)",
    next: `run wireguard-go -f ${name}; with systemd: systemctl enable --now wigglenet-wireguard-go@${name}`,
    isBlocking: true,
  };
}

/** A key, and where it is from. */
export interface Keyed {
  /** On the interface, as its peers have to know it. */
  readonly key: PublicKey | undefined;
  /** In the file or Secret; undefined: none can be read. */
  readonly found: PublicKey | undefined;
  /** The file. */
  readonly path: string;
}

/** All that is waited for. */
export function waitingOf(
  wanted: WantedInterface,
  kind: WireguardKind,
  { key, moment }: { readonly key: Keyed; readonly moment: DeclaredMoment },
): DeclaredWaiting[] {
  const lost = key.found === undefined ? [keyless(wanted, kind, { path: key.path, moment })] : [];
  if (key.key === undefined) return lost;
  const unread = unreadOf(kind, moment.secrets).map(({ presharedSecret }) =>
    waitingFor(wanted, presharedSecret!, moment)
  );
  return [
    ...lost,
    ...unread,
    ...peersWaiting(wanted, kind, key.key),
    ...unresolved(wanted, kind, moment),
    ...otherKey(wanted, kind, key),
  ];
}

interface Keyless {
  readonly path: string;
  readonly moment: DeclaredMoment;
}

function keyless(
  wanted: WantedInterface,
  { secret }: WireguardKind,
  { path, moment }: Keyless,
): DeclaredWaiting {
  if (secret !== undefined) return waitingFor(wanted, secret, moment);
  return {
    owner: wanted.owner,
    what: `key of ${wanted.name}`,
    why: `${path} cannot be read, or is no key`,
    next: "restore it, or remove it to have it written anew",
    isBlocking: true,
  };
}

function waitingFor(
  { owner, name }: WantedInterface,
  secret: SecretId,
  { secrets }: DeclaredMoment,
): DeclaredWaiting {
  const known = secrets?.get(secret);
  return {
    owner,
    what: `Secret ${nameOfSecret(secret)} for ${name}`,
    why: known !== undefined && "reason" in known ? known.reason : "it was not read yet",
    next: "mend it: it is read again by itself; the key that stands stays",
    isBlocking: true,
  };
}

function nameOfSecret(secret: SecretId): string {
  return secret.slice(0, secret.lastIndexOf("/"));
}

function peersWaiting(
  { name, owner }: WantedInterface,
  { peers }: WireguardKind,
  key: PublicKey,
): DeclaredWaiting[] {
  const object = `${owner.kind} ${owner.name}`;
  const unknown = peers.filter(({ publicKey }) => publicKey === undefined).map(({ node }) => ({
    owner,
    what: `peer ${node} of ${name}`,
    why: "nobody has said its public key yet",
    next: `its agent publishes it; where there is none: nodes[].publicKey of ${object}`,
  }));
  const same = peers.filter(({ publicKey }) => publicKey === key).map(({ node }) => ({
    owner,
    what: `peer ${node} of ${name}`,
    why: `it is said to have this host's own key ${key}`,
    next: `say its own in ${object}; of machines that were copied remove the key file of one`,
    isTrouble: true,
  } as const));
  return [...unknown, ...same];
}

/** Names of endpoints that lead nowhere, or as the last answer had it. */
function unresolved(
  { name, owner }: WantedInterface,
  { peers }: WireguardKind,
  { resolved }: DeclaredMoment,
): DeclaredWaiting[] {
  return peers.flatMap(({ node, endpoint }) => {
    if (typeof endpoint?.host !== "string") return [];
    const trouble = troubleWith(endpoint.host, resolved.get(endpoint.host), true);
    return trouble === undefined ? [] : [{ owner, what: `endpoint of peer ${node} of ${name}`, ...trouble }];
  });
}

/** A key that was replaced before its plan says so: taken up at once it would cut the links that stand by the old one. */
function otherKey(
  { name, owner }: WantedInterface,
  { statedKey, secret }: WireguardKind,
  { key, found, path }: Keyed,
): DeclaredWaiting[] {
  if (statedKey === undefined || statedKey === found || found === undefined) return [];
  const object = `${owner.kind} ${owner.name}`;
  const place = secret === undefined ? path : `Secret ${nameOfSecret(secret)}`;
  const why = key === statedKey
    ? `it has the key that ${object} says, and ${place} holds that of ${found}`
    : `${object} says ${statedKey}, by which the others know this node, and its key is ${found}`;
  const next = key === statedKey
    ? `say ${found} there: then it is taken up; or put the former key back`
    : `say ${found} there, or put the private key to it into place`;
  return [{ owner, what: `key of ${name}`, why, next, isTrouble: true }];
}
