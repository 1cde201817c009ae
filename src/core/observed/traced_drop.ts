// Lines of `nft monitor` about packets that policies drop: what policy's chains trace, somebody is to be told of.

import { parseAddress } from "../net/address.ts";
import { refused } from "../net/refusal.ts";
import type { Flow } from "../policy/judge_flow.ts";
import { TABLE } from "../render/render_table.ts";

/** A packet that a policy's chain has traced: one of a flow, some of a chain. */
export interface TracedDrop {
  readonly flow: Flow;
  /** As nft calls it: `tcp`, `icmp`; with the type of ICMP: `icmp echo-request`. */
  readonly protocol: string;
  /** It passes, and is counted. */
  readonly isAudit: boolean;
  /** Undefined: no known pod has the address. */
  readonly content: string | undefined;
}

const TRACE = "trace id ";
const PACKET = new RegExp(
  `^${TRACE}[0-9a-f]+ inet ${TABLE} (?:([ie][46]-[a-z2-7]{16})\\.(drop|audit)|policy-unknown-v[46]) packet: (.*)$`,
);
const ENDS = / ip6? saddr (\S+) ip6? daddr (\S+) /;
const PORTS = / (tcp|udp|sctp) sport \d+ (?:tcp|udp|sctp) dport (\d+)(?: |$)/;
const PROTOCOL = / ip(?: protocol|6 nexthdr) (\S+)(?: |$)/;
const ICMP = / (icmp|icmpv6) type (\S+)(?: |$)/;

/** True of all lines about packets: they say nothing of the rules. */
export function isTrace(line: string): boolean {
  return line.startsWith(TRACE);
}

/** What a line says of a packet that a policy has dropped; undefined when it says nothing of one. */
export function tracedDropOf(line: string): TracedDrop | undefined {
  const match = PACKET.exec(line);
  if (match === null) return undefined;
  const [, content, end, packet] = match as unknown as [string, string?, string?, string?];
  const text = ` ${packet} `;
  const [, from = "", to = ""] = ENDS.exec(text) ?? [];
  const [source, destination] = [parseAddress(from), parseAddress(to)];
  if (refused(source) || refused(destination)) return undefined;
  const [, transport, port = "0"] = PORTS.exec(text) ?? [];
  const [, icmp, type] = ICMP.exec(text) ?? [];
  const other = icmp === undefined ? PROTOCOL.exec(text)?.[1] ?? "other" : `${icmp} ${type}`;
  return {
    flow: { source, destination, protocol: (transport ?? "other") as Flow["protocol"], port: Number(port) },
    protocol: transport ?? other,
    isAudit: end === "audit",
    content,
  };
}
