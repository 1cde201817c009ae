// What a host tells of rotations: who is waited for, what keeps one from beginning, why the second interface stands.

import type { DesiredState, Waiting } from "../desired/desired_state.ts";
import { listed } from "../net/listed.ts";
import { ANNOTATION } from "../nodes/node.ts";
import type { OwnTurn, Turn } from "./turn.ts";

/** In words. */
export function waitingOf(
  desired: DesiredState,
  { members, own }: Pick<Turn, "members"> & Partial<Pick<Turn, "own">>,
): Waiting[] {
  if (own !== undefined) return ownWaiting(desired, own);
  const impossible = impossibleIn(desired);
  return impossible.length > 0 ? impossible : othersWaiting(desired, members);
}

/** What keeps this host from taking part is told to who asks; and always what somebody has put in its way. */
function impossibleIn({ node, link, rotation: { isDue, obstacle } }: DesiredState): Waiting[] {
  if (link === undefined || obstacle === undefined || !isDue && obstacle.isRemarkable !== true) return [];
  const { why, next } = obstacle;
  return [{ what: `key rotation of ${node}`, why, next }];
}

/** One at a time: who wants the next one is told whose this is, and so is who finds a second interface. */
function othersWaiting(
  { node, rotation: { name, peers, isDue, isPublished } }: DesiredState,
  members: Turn["members"],
): Waiting[] {
  const what = isDue ? `key rotation of ${node}` : `interface ${name}`;
  const behind = isDue ? "this one begins behind that" : "it goes behind that";
  const others = [...new Set([...peers, ...members].map(({ node }) => node))];
  if (others.length === 0) return [];
  // What they send would be lost, whatever their Nodes say.
  if (peers.length === 0 && members.every(({ isAnnounced }) => !isAnnounced)) {
    const next = `${behind}: their agents must run, or their Nodes be deleted`;
    return [{ what, why: `${listed(others)} may still send by ${name}`, next }];
  }
  const next = `${behind}; ${withdrawal(isPublished, "that is off, or does not come to an end,")}`;
  return [{ what, why: `a key rotates, of ${listed(others)}`, next }];
}

/** How somebody is taken out of a rotation. */
function withdrawal(isPublished: boolean, which: string): string {
  return isPublished
    ? `a Node ${which} is no longer waited for without its annotation: kubectl annotate node NAME ${ANNOTATION.nextKey}-`
    : `take ${ANNOTATION.nextKey} out of the manifest of a Node ${which}`;
}

function ownWaiting({ node, rotation }: DesiredState, { stage, nextKey, awaited }: OwnTurn): Waiting[] {
  const what = `key rotation of ${node}`;
  const { disbelief, isPublished, obstacle, link } = rotation;
  if (obstacle !== undefined) return [{ what, why: obstacle.why, next: obstacle.next }];
  if (disbelief !== undefined && stage === "announced") {
    const next = "it goes on once that is mended; until then all use the first interface";
    return [{ what, why: `the others do not believe its next key: ${disbelief}`, next }];
  }
  if (awaited.length === 0) return [];
  const names = listed(awaited);
  const ports = listed([...new Set([link!.port, ...portsOf(rotation, awaited)])].map(String));
  return [{
    what,
    why: stage === "announced"
      ? `${names} cannot be reached with the next key yet`
      : `${names} have not gone back to the first interface yet`,
    next: isPublished
      ? `their agents must run, and UDP port ${ports} be open; ${withdrawal(true, "that is off")}`
      : `their agents must run and know ${ANNOTATION.nextKey} ${nextKey}, and UDP port ${ports} be open; take the ` +
        "manifest of a node that is gone away",
  }];
}

/** Where their Nodes say that they are reached, which may be by another port: one that is forwarded to them. */
function portsOf({ peers }: DesiredState["rotation"], names: readonly string[]): number[] {
  const nodes = new Set(names);
  const awaited = peers.filter(({ node }) => nodes.has(node));
  return awaited.flatMap(({ candidates }) =>
    candidates.map((text) => Number(text.slice(text.lastIndexOf(":") + 1)))
  );
}
