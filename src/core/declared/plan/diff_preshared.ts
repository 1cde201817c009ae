// Preshared keys of peers, which stand in Secrets: one that is missing keeps its peer out, or with the one that it has; no peer is ever let in without.

import type { ObservedWireguard } from "../../observed/observed_state.ts";
import { type Action, STAGE, type Step } from "../../plan/plan.ts";
import type { ObservedServing } from "../observed/observed_interfaces.ts";
import type { KnownSecrets, SecretId } from "../want/secrets.ts";
import type { WantedKind, WantedPeer } from "../want/wanted_interface.ts";
import { partOf } from "./configure_interface.ts";

type WithPeers = Pick<Extract<WantedKind, { kind: "wireguard" }>, "peers">;

/** A key that was read, for a peer. */
interface Preshared {
  readonly node: string;
  readonly secret: SecretId;
  /** Of the file that has it. */
  readonly path: string;
  readonly mark: string;
}

/** By the peer's public key. */
type PresharedKeys = ReadonlyMap<string, Preshared>;

/** Those that were read. */
export function presharedOf({ peers }: WithPeers, secrets: KnownSecrets | undefined): PresharedKeys {
  return new Map(peers.flatMap(({ node, publicKey, presharedSecret: secret }) => {
    const known = secret === undefined ? undefined : secrets?.get(secret);
    if (publicKey === undefined || secret === undefined || known === undefined || "reason" in known) {
      return [];
    }
    return [[publicKey, { node, secret, path: known.path, mark: known.mark }] as const];
  }));
}

/** Peers whose key cannot be had: without it they would be let in by less than is asked for. */
export function unreadOf({ peers }: WithPeers, secrets: KnownSecrets | undefined): readonly WantedPeer[] {
  return peers.filter(({ presharedSecret }) => {
    const known = presharedSecret === undefined ? undefined : secrets?.get(presharedSecret);
    return presharedSecret !== undefined && (known === undefined || "reason" in known);
  });
}

/** Those of them that are not there: one that is goes on with what it has, for what is taken from it must go at once. */
export function heldOf(
  kind: WithPeers,
  secrets: KnownSecrets | undefined,
  standing: ObservedWireguard | undefined,
): readonly WantedPeer[] {
  return unreadOf(kind, secrets).filter(({ publicKey }) => !standing?.peers.has(publicKey ?? ""));
}

/** What is wanted of preshared keys is {@link presharedSteps}' to see. */
export function withoutPreshared(wireguard: ObservedWireguard, { peers }: WithPeers): ObservedWireguard {
  const keyed = peers.filter(({ presharedSecret }) => presharedSecret !== undefined);
  if (keyed.length === 0) return wireguard;
  const found = new Map(wireguard.peers);
  for (const { publicKey = "" } of keyed) {
    const has = found.get(publicKey);
    if (has !== undefined) found.set(publicKey, { ...has, hasPresharedKey: false });
  }
  return { ...wireguard, peers: found };
}

/** A peer that comes has its preshared key before anything else of it. */
export function withPreshared(name: string, steps: readonly Step[], keys: PresharedKeys): Step[] {
  return steps.map((step) => {
    const made = step.confirms?.peers?.set.filter(({ publicKey }) => keys.has(publicKey)) ?? [];
    if (made.length === 0) return step;
    const args = made.flatMap(({ publicKey }) => wordsFor(publicKey, keys.get(publicKey)!));
    return { ...step, actions: [set(name, args), ...step.actions] };
  });
}

/** Steps for peers that are there, with another one or none. */
export function presharedSteps(name: string, keys: PresharedKeys, serving: ObservedServing): Step[] {
  return [...keys].flatMap(([publicKey, key]): Step[] => {
    const isThere = serving.wireguard?.peers.has(publicKey);
    if (!isThere || serving.preshared?.get(publicKey) === key.mark) return [];
    return [{
      part: partOf(name, `preshared ${publicKey}`),
      stage: STAGE.configure,
      needs: [],
      changes: [{
        op: "~",
        kind: "peer",
        target: key.node,
        text: `preshared key of Secret ${key.secret}`,
        reason: "it has another, or none",
      }],
      actions: [set(name, wordsFor(publicKey, key))],
    }];
  });
}

function wordsFor(publicKey: string, { path }: Preshared): string[] {
  return ["peer", publicKey, "preshared-key", path];
}

function set(name: string, args: readonly string[]): Action {
  return { kind: "run", program: "wg", args: ["set", name, ...args] };
}
