// What the contents say of one flow, as the kernel would: the model's own reading of what it hands out. For `explain`, and
// to find the flows that are no longer allowed.

import type { Address } from "../net/address.ts";
import { type AddressRange, isInRanges, readRange } from "./address_ranges.ts";
import type { Bindings } from "./bindings.ts";
import type { Protocol } from "./objects.ts";
import type { PeerSets } from "./peer_sets.ts";
import type { PodBook } from "./pod_book.ts";
import type { Content, Direction, Entry, Match, Verdict } from "./policy_table.ts";

/** The first packet of a connection, where policy sees it: behind the Service's address, before the node's own. */
export interface Flow {
  readonly source: Address;
  readonly destination: Address;
  /** `other`: without ports, as ICMP. */
  readonly protocol: Protocol | "other";
  /** Of the destination; 0 where there is none. */
  readonly port: number;
}

/** What one end's content says. */
export interface Decision {
  readonly direction: Direction;
  readonly verdict: Verdict;
  /** undefined: an address of this node's pods that no known pod has (POLICY_UNKNOWN_PODS). */
  readonly content: string | undefined;
  /** The entry that matched; undefined: none did, and `verdict` is what becomes of the rest. */
  readonly entry: Entry | undefined;
}

/** A direction without a decision is open. */
export interface Ruled {
  readonly verdict: Verdict;
  readonly egress: Decision | undefined;
  readonly ingress: Decision | undefined;
}

/** What is asked. */
export interface Court {
  readonly book: PodBook;
  readonly sets: PeerSets;
  readonly bindings: Bindings;
  /** True for an address of this node's pods, while unknown ones are closed. */
  readonly isClosed: (address: Address) => boolean;
}

/** Both must pass (S14); a pod reaches itself (N6). */
export function judgeFlow(flow: Flow, court: Court): Ruled {
  const isSelf = flow.source.text === flow.destination.text;
  const egress = isSelf ? undefined : decide("egress", flow, court);
  const ingress = isSelf ? undefined : decide("ingress", flow, court);
  const verdicts = [egress?.verdict, ingress?.verdict];
  const verdict = verdicts.includes("drop") ? "drop" : verdicts.includes("audit") ? "audit" : "accept";
  return { verdict, egress, ingress };
}

function decide(direction: Direction, flow: Flow, court: Court): Decision | undefined {
  const [local, far] = direction === "egress"
    ? [flow.source, flow.destination]
    : [flow.destination, flow.source];
  const subject = court.bindings.subject(local.text);
  if (subject === undefined) {
    return court.isClosed(local)
      ? { direction, verdict: "drop", content: undefined, entry: undefined }
      : undefined;
  }
  const name = subject[direction];
  const content = name === undefined ? undefined : court.bindings.content(name);
  if (content === undefined) return undefined;
  const entry = leafFor(content, flow).find(({ match }) => matches(match, { flow, far, court }));
  return { direction, verdict: entry?.verdict ?? content.otherwise, content: content.name, entry };
}

function leafFor({ segments, leaves }: Content, { protocol, port }: Flow): readonly Entry[] {
  const segment = segments.find((it) => it.protocol === protocol && it.first <= port && port <= it.last);
  return leaves[segment?.leaf ?? 0]!;
}

interface Question {
  readonly flow: Flow;
  readonly far: Address;
  readonly court: Court;
}

function matches(match: Match, { flow, far, court }: Question): boolean {
  switch (match.kind) {
    case "any":
      return true;
    case "ranges":
      return isInRanges(rangesOfMatch(match), far.value);
    case "peers":
    case "ports": {
      const set = court.sets.get(match.set);
      const owner = court.book.peerAt(far);
      if (set === undefined || owner?.podClass === undefined || !set.classes.has(owner.podClass)) {
        return false;
      }
      const member = match.kind === "peers" ? far.text : `${far.text} . ${flow.protocol} . ${flow.port}`;
      return set.membersOf(owner, far).includes(member);
    }
  }
}

/** Contents never change, so neither do these. */
const RANGES = new WeakMap<Match, readonly AddressRange[]>();

function rangesOfMatch(match: Extract<Match, { kind: "ranges" }>): readonly AddressRange[] {
  let ranges = RANGES.get(match);
  if (ranges === undefined) RANGES.set(match, ranges = match.ranges.map(readRange));
  return ranges;
}
