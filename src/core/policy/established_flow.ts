// Lines of `conntrack -L -o save`: flows that were allowed once, as policy would see their first packet, and what ends them.

import { parseAddress } from "../net/address.ts";
import { refused } from "../net/refusal.ts";
import type { Flow } from "./judge_flow.ts";

/** A flow that conntrack lets pass; all as conntrack has printed it, which is canonical. */
export interface EstablishedFlow {
  readonly source: string;
  /** Who answers: behind a Service's address and before the node's own. */
  readonly destination: string;
  readonly protocol: string;
  /** Of the destination; empty where there is none, as the next. */
  readonly port: string;
  readonly sourcePort: string;
  /** Is read back by conntrack. */
  readonly line: string;
}

/** Reads a line, by hundreds of thousands: nothing is made of it that is not needed to compare. */
export function parseEstablishedFlow(line: string): EstablishedFlow | undefined {
  const source = option(line, " -s ");
  const destination = option(line, " -r ");
  if (source === "" || destination === "") return undefined;
  return {
    source,
    destination,
    protocol: option(line, " -p "),
    port: option(line, " --reply-port-src "),
    sourcePort: option(line, " --sport "),
    line,
  };
}

/** The part of a line that policies look at: of flows with the same text they say the same. Cut out, not read: half of the work. */
export function keyOfFlow(line: string): string {
  const from = line.indexOf(" -s ");
  const ports = line.indexOf(" --sport ", from);
  const answer = line.indexOf(" --reply-port-src ", ports);
  const end = line.indexOf(" --reply-port-dst ", answer);
  const isWhole = from >= 0 && ports >= 0 && answer >= 0 && end >= 0;
  return isWhole ? line.slice(from, ports) + line.slice(answer, end) : line;
}

function option(line: string, name: string): string {
  const at = line.indexOf(name);
  if (at < 0) return "";
  const start = at + name.length;
  const end = line.indexOf(" ", start);
  return end < 0 ? line.slice(start) : line.slice(start, end);
}

/** True of a flow that a flowtable carries: it passes no rule. */
export function isOffloaded({ line }: EstablishedFlow): boolean {
  return option(line, " -u ").includes("OFFLOAD");
}

/**
 * The flow as policy saw its first packet.
 * @returns undefined when its ends are no addresses
 */
export function firstPacketOf({ source, destination, protocol, port }: EstablishedFlow): Flow | undefined {
  const [from, to] = [parseAddress(source), parseAddress(destination)];
  if (refused(from) || refused(to)) return undefined;
  const hasPorts = protocol === "tcp" || protocol === "udp" || protocol === "sctp";
  return {
    source: from,
    destination: to,
    protocol: hasPorts ? protocol : "other",
    port: hasPorts ? Number(port) : 0,
  };
}

/**
 * For `conntrack -R`: entries that have expired. One request each, and no pass over the table: 1,000 of 100,000 take 65 ms,
 * where `-D` takes 200 ms each (conntrack 1.4.8, kernel 6.18, 2026-11-21).
 * @param canReplace from 1.4.8 on `-A` changes the entry that is there; before that `-U` does, by a pass for each line: for all
 * flows between two ends to one port, of which policies say the same
 */
export function renderRevocation(flows: readonly EstablishedFlow[], canReplace: boolean): string {
  const lines = flows.map((flow) => canReplace ? flow.line.replace(/ -t \d+/, " -t 0") : updateOf(flow));
  return [...new Set(lines)].map((line) => `${line}\n`).join("");
}

function updateOf({ source, destination, protocol, port }: EstablishedFlow): string {
  const ports = port === "" ? "" : ` --reply-port-src ${port}`;
  return `-U -t 0 -s ${source} -r ${destination} -p ${protocol}${ports}`;
}
