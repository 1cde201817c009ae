import assert from "node:assert/strict";
import { isTrace, tracedDropOf } from "./traced_drop.ts";

const CHAIN = "trace id 1e9b5fca inet wigglenet i4-aaaaaaaaaaaaaaaa.drop";
const IP = "ip saddr 10.244.1.5 ip daddr 10.244.2.7 ip dscp cs0 ip ecn not-ect ip ttl 64 ip id 9637";

function said(line: string): string {
  assert.ok(isTrace(line), line);
  const drop = tracedDropOf(line);
  if (drop === undefined) return "nothing";
  const { flow, protocol, content, isAudit } = drop;
  return `${flow.source.text} ${flow.destination.text} ${flow.protocol} ${protocol} ${flow.port} ${content} ${isAudit}`;
}

// As nft 1.0.6 prints them (2026-11-22).
const LINES: Readonly<Record<string, readonly [line: string, says: string]>> = {
  "TCP, with the interfaces that it came and would leave by": [
    `${CHAIN} packet: iif "veth1" oif "veth2" ether saddr 02:00:00:00:00:01 ether daddr 02:00:00:00:00:02 ${IP} ` +
    "ip protocol tcp ip length 60 tcp sport 38473 tcp dport 5432 tcp flags == syn tcp window 64240 ",
    "10.244.1.5 10.244.2.7 tcp tcp 5432 i4-aaaaaaaaaaaaaaaa false",
  ],
  "UDP that is audited": [
    `${
      CHAIN.replace("drop", "audit")
    } packet: oif "lo" ${IP} ip protocol udp ip length 30 udp sport 1 udp dport 53`,
    "10.244.1.5 10.244.2.7 udp udp 53 i4-aaaaaaaaaaaaaaaa true",
  ],
  "ICMP has a type in place of a port": [
    `${CHAIN} packet: ${IP} ip protocol icmp ip length 84 icmp type echo-request icmp code net-unreachable icmp id 1 `,
    "10.244.1.5 10.244.2.7 other icmp echo-request 0 i4-aaaaaaaaaaaaaaaa false",
  ],
  "IPv6, to an address that no known pod has": [
    'trace id a1 inet wigglenet policy-unknown-v6 packet: iif "wigglenet" ip6 saddr fd00::1 ip6 daddr fd00::2 ' +
    "ip6 dscp cs0 ip6 nexthdr gre ip6 length 8 ",
    "fd00::1 fd00::2 other gre 0 undefined false",
  ],
  "what became of it is known by the chain": [`${CHAIN} unknown rule handle 12 (verdict drop)`, "nothing"],
  "an interface may be called as it likes": [
    `${CHAIN} packet: iif " ip saddr 1.2" ${IP} ip protocol udp udp sport 1 udp dport 53 `,
    "10.244.1.5 10.244.2.7 udp udp 53 i4-aaaaaaaaaaaaaaaa false",
  ],
  "what somebody else traces is none of ours": [
    `trace id 1 inet wigglenet forward packet: ${IP} ip protocol udp udp sport 1 udp dport 53`,
    "nothing",
  ],
  "nor is another table": [`${CHAIN.replace("wigglenet", "other")} packet: ${IP} ip protocol udp`, "nothing"],
  "half a line is nothing": [`${CHAIN} packet: ip saddr 10.244.1.5 ip daddr`, "nothing"],
};

for (const [name, [line, says]] of Object.entries(LINES)) {
  Deno.test(`A traced packet: ${name}`, () => assert.equal(said(line), says));
}
