// A node's report -> the status of its WireGuardNode, and the conditions of objects. Never a private key, nor a preshared one: the
// report has none.

import { SESSION_SECONDS } from "../../observed/follow_peer.ts";
import type { Stated } from "../declared_object.ts";
import { type Condition, LONGEST_MESSAGE } from "../kinds/status.ts";
import type { DeclaredReport, InterfaceReport, ObjectReport, PeerReport, Trouble } from "./report.ts";

type Json = Readonly<Record<string, unknown>>;

/** How a list of objects fits into one: the longest that the definition takes. */
const MOST_INTERFACES = 4_096;

/**
 * The status of a WireGuardNode.
 * @param nowSeconds since 1970; undefined: without all that grows old by itself, by which two of them are compared
 */
export function nodeStatus({ objects, interfaces }: DeclaredReport, nowSeconds: number | undefined): Json {
  return {
    plans: objects.filter(({ kind }) => kind === "WireGuardNetworkPlan").map((plan) =>
      planPart(
        plan,
        interfaces.filter(({ owner }) => owner.kind === plan.kind && owner.name === plan.name),
        nowSeconds,
      )
    ),
    interfaces: interfaces.slice(0, MOST_INTERFACES).map((it) => interfacePart(it, nowSeconds)),
  };
}

function planPart(
  { name, generation, troubles }: ObjectReport,
  interfaces: readonly InterfaceReport[],
  nowSeconds: number | undefined,
): Json {
  const peers = interfaces.flatMap((it) => it.peers);
  const publicKey = interfaces.find((it) => it.publicKey !== undefined)?.publicKey;
  return {
    name,
    ...(publicKey !== undefined && { publicKey }),
    ...(generation !== undefined && { observedGeneration: generation }),
    ready: troubles.length === 0,
    ...verdict(troubles),
    links: interfaces.length,
    ...(nowSeconds !== undefined && {
      linksUp: peers.filter((peer) => isAlive(peer, nowSeconds)).length,
      ...handshake(Math.max(0, ...peers.map(({ handshakeSeconds }) => handshakeSeconds))),
    }),
  };
}

/** By a clock that went back it was in the future: that says nothing. */
function isAlive({ handshakeSeconds }: PeerReport, nowSeconds: number): boolean {
  return handshakeSeconds > 0 && Math.abs(nowSeconds - handshakeSeconds) <= SESSION_SECONDS;
}

function interfacePart(it: InterfaceReport, nowSeconds: number | undefined): Json {
  const { name, container, owner, type, state, listenPort, publicKey, mtuBytes, addresses, peers } = it;
  return {
    interfaceName: name,
    ...(container !== undefined && { container }),
    owner: `${owner.kind}/${owner.name}`,
    type,
    state,
    ...(listenPort !== undefined && { listenPort }),
    ...(publicKey !== undefined && { publicKey }),
    ...(mtuBytes !== undefined && { mtu: mtuBytes }),
    ...(addresses.length > 0 && { addresses }),
    ...(peers.length > 0 && {
      peers: peers.map((peer) => ({
        name: peer.node,
        ...(peer.publicKey !== undefined && { publicKey: peer.publicKey }),
        ...(peer.endpoint !== undefined && { endpoint: peer.endpoint }),
        ...(nowSeconds !== undefined && handshake(peer.handshakeSeconds)),
      })),
    }),
  };
}

function handshake(seconds: number): Json {
  return seconds === 0 ? {} : { lastHandshake: timeText(seconds * 1000) };
}

/** RFC 3339, to the second. */
export function timeText(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
}

const ORDER = ["Rejected", "Failing", "Waiting", "Pending"] as const;
const DONE = { reason: "Done", message: "" } as const;

/** The worst reason, and all messages as far as they fit. */
export function verdict(troubles: readonly Trouble[]): { readonly reason: string; readonly message: string } {
  const reason = ORDER.find((it) => troubles.some((trouble) => trouble.reason === it));
  if (reason === undefined) return DONE;
  const sorted = ORDER.flatMap((it) => troubles.filter((trouble) => trouble.reason === it));
  return { reason, message: joined(sorted.map(({ message }) => message)) };
}

/** Texts behind each other, and how many more there are. */
export function joined(texts: readonly string[]): string {
  const room = LONGEST_MESSAGE - 40;
  let message = "";
  for (const [i, text] of texts.entries()) {
    const next = i === 0 ? text : `${message}; ${text}`;
    if (next.length > room) {
      return `${message || next.slice(0, room)}; and ${texts.length - Math.max(1, i)} more`;
    }
    message = next;
  }
  return message;
}

/** What an object's status should say. */
export interface Verdict {
  /** Undefined: nobody has taken it up. */
  readonly generation: number | undefined;
  readonly troubles: readonly Trouble[];
  /** Of a kind that says it; left out: it is not known, and what was told stays. */
  readonly publicKey?: string | undefined;
}

/**
 * The status that is to be written; undefined: it says so already.
 * @param nowMs since 1970
 */
export function conditionPatch(
  { generation, troubles, publicKey }: Verdict,
  stated: Stated | undefined,
  nowMs: number,
): Json | undefined {
  const { reason, message } = verdict(troubles);
  const status = troubles.length === 0 ? "True" : "False";
  const observed = generation === undefined ? {} : { observedGeneration: generation };
  const last = stated?.conditions?.find(({ type }) => type === "Ready");
  const wanted = { type: "Ready", status, reason, message, ...observed };
  const isSame = last !== undefined && stated?.conditions?.length === 1 &&
    stated.observedGeneration === generation && isAsWanted(last, wanted) &&
    (publicKey === undefined || publicKey === stated.publicKey);
  if (isSame) return undefined;
  const lastTransitionTime = last?.status === status ? last.lastTransitionTime : timeText(nowMs);
  const key = publicKey === undefined ? {} : { publicKey };
  return { ...observed, ...key, conditions: [{ ...wanted, lastTransitionTime }] };
}

function isAsWanted(last: Condition, wanted: Readonly<Record<string, unknown>>): boolean {
  return (["status", "reason", "message", "observedGeneration"] as const).every((it) =>
    last[it] === wanted[it]
  );
}
