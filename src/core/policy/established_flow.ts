// Lines of `conntrack -L -o save`: flows that were allowed once, as policy would see their first packet, and what ends them.

import { parseAddress } from "../net/address.ts";
import { refused } from "../net/refusal.ts";
import type { Flow } from "./judge_flow.ts";

/** A flow that conntrack lets pass. */
export interface EstablishedFlow extends Flow {
  /** 0 where there is none. */
  readonly sourcePort: number;
  /** As conntrack has printed it, and reads it back. */
  readonly line: string;
  readonly isOffloaded: boolean;
}

const OPTION = / (-[pusrq]|--sport|--reply-port-src) (\S+)/g;

/**
 * Reads a line. The destination is who answers: behind a Service's address and before the node's own.
 * @returns undefined when it is no flow with two addresses
 */
export function parseEstablishedFlow(line: string): EstablishedFlow | undefined {
  const options = new Map<string, string>();
  for (const [, name, value] of line.matchAll(OPTION)) options.set(name!, value!);
  const source = parseAddress(options.get("-s"));
  const destination = parseAddress(options.get("-r"));
  if (refused(source) || refused(destination)) return undefined;
  const protocol = options.get("-p");
  const isKnown = protocol === "tcp" || protocol === "udp" || protocol === "sctp";
  return {
    source,
    destination,
    protocol: isKnown ? protocol : "other",
    port: isKnown ? Number(options.get("--reply-port-src")) : 0,
    sourcePort: isKnown ? Number(options.get("--sport")) : 0,
    line,
    isOffloaded: options.get("-u")?.includes("OFFLOAD") ?? false,
  };
}

/**
 * For `conntrack -R`: entries that have expired. One request each, and no pass over the table: 1,000 of 100,000 take 65 ms,
 * where `-D` takes 200 ms each (conntrack 1.4.8, kernel 6.18, 2026-11-21).
 * @param canReplace from 1.4.8 on `-A` changes the entry that is there; before that `-U` does, by a pass for each
 */
export function renderRevocation(flows: readonly EstablishedFlow[], canReplace: boolean): string {
  return flows.map(({ line }) => {
    const expired = line.replace(/ -t \d+/, " -t 0");
    return `${canReplace ? expired : expired.replace(/^-A/, "-U").replace(/ -u \S+/, "")}\n`;
  }).join("");
}
