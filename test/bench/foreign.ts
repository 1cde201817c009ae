// Somebody else on the same host, ten times a second: rules and sets of another table, routes, addresses, links.
// None of it is the agent's business, and each event is told by the monitors that the agent listens to.

import type { Host } from "../lab/host.ts";

const INTERVAL_MS = 100;
const ROUTES = 50;

/** What somebody did. */
export interface Deeds {
  /** Transactions of nftables. */
  readonly transactions: number;
  readonly all: number;
}

type Deed = (host: Host, i: number) => Promise<unknown>;

const NFT: readonly Deed[] = [
  (host, i) => nft(host, `add element inet foreign seen { 192.0.2.${i % 250} }`),
  (host, i) => nft(host, `delete element inet foreign seen { 192.0.2.${i % 250} }`),
  (host) => nft(host, "add rule inet foreign forward counter"),
  (host) => nft(host, "flush chain inet foreign forward"),
];
const IP: readonly Deed[] = [
  (host, i) => host.run(["ip", "route", "replace", `198.51.100.${i % ROUTES}/32`, "dev", "eth0"]),
  (host) => host.run(["ip", "link", "add", "foreign0", "type", "veth", "peer", "name", "foreign1"]),
  (host) => host.run(["ip", "address", "add", "203.0.113.1/24", "dev", "foreign0"]),
  (host) => host.run(["ip", "link", "set", "foreign0", "up"]),
  (host) => host.run(["ip", "-6", "route", "replace", "2001:db8::/64", "dev", "eth0"]),
  (host) => host.run(["ip", "link", "del", "foreign0"]),
];

function nft(host: Host, line: string): Promise<unknown> {
  return host.run(["nft", line]);
}

/** Makes the other table that the deeds need. */
export async function settleIn(host: Host): Promise<void> {
  await host.run(["nft", "-f", "-"], {
    stdin:
      "table inet foreign { set seen { type ipv4_addr; }; chain forward { type filter hook forward priority 10; }; }",
  });
}

/** Keeps at it for so long. */
export async function meddle(host: Host, durationMs: number): Promise<Deeds> {
  const deeds = [...NFT, ...IP];
  const start = performance.now();
  let all = 0;
  let transactions = 0;
  while (all * INTERVAL_MS < durationMs) {
    const deed = deeds[all % deeds.length]!;
    await deed(host, Math.floor(all / deeds.length) * deeds.length + 1);
    all++;
    if (NFT.includes(deed)) transactions++;
    await new Promise((resolve) => setTimeout(resolve, start + all * INTERVAL_MS - performance.now()));
  }
  return { all, transactions };
}
