// What a node is in its network: links, default routes, forwarding. By two starts of ip, for `route` tells of one family,
// the others of both.

import type { LinkAddresses } from "../core/expression/interfaces.ts";
import { parseLink } from "../core/observed/parse_network.ts";
import type { ObservedLink } from "../core/observed/observed_state.ts";
import { parseUplinks, type Uplink } from "../core/observed/parse_uplinks.ts";
import type { GivenSettings } from "../core/settings/settings.ts";
import { attempt, CommandError, run } from "./command.ts";
import { type Netconf, parseNetconf } from "./read_netconf.ts";

/** What `ip -j -d address show` tells of a link. */
export interface LinkJson extends LinkAddresses {
  readonly mtu?: number;
  readonly group?: string;
  readonly master?: string;
  readonly flags?: readonly string[];
}

/** What a node is in its network. */
export interface Network extends Netconf {
  readonly links: readonly LinkJson[];
  /** Interfaces of the default routes: what WireGuard's packets leave by, if no interface holds a node address. */
  readonly uplinks: ReadonlyMap<string, Uplink>;
}

/** What an agent sees of the network before all else. */
export interface FirstSight {
  readonly network: Network;
  /** The interface of the tunnel's name, if there is one. */
  readonly link: ObservedLink | undefined;
  /** The kernel makes WireGuard interfaces. False: it does not, or does not say. */
  readonly makesWireguard: boolean;
  /** Neither a table nor an interface of ours is there. */
  readonly isBare: boolean;
  /** When, by performance.now(). */
  readonly seenMs: number;
}

/** Reads what a node is in its network. Throws CommandError when ip tells too little. */
export async function readNetwork(): Promise<Network> {
  return (await read("")).network;
}

/**
 * A queue too few: the kernel looks for the kind of the interface, loading its module, and then makes none of that size
 * (net/core/rtnetlink.c since 5.0).
 */
const ASK_FOR_WIREGUARD = "link add dev wigglenet-probe numtxqueues 0 type wireguard\n";
const IS_KNOWN = /Invalid number of transmit queues|RTNETLINK answers: Invalid argument/;

const ASK_FOR_VXLAN = "link add dev wigglenet-probe numtxqueues 0 type vxlan external gpe dstport 1\n";

/** True when the kernel makes VXLAN interfaces; by the same question. */
export async function makesVxlan(): Promise<boolean> {
  return IS_KNOWN.test(
    (await attempt({ program: "ip", args: ["-batch", "-"], input: ASK_FOR_VXLAN })).stderr,
  );
}

/**
 * The same with what an agent must know besides.
 * @param mayHaveTables there may be tables of ours
 * @throws CommandError when ip tells too little
 */
export async function readFirstSight(
  { interfaceName }: GivenSettings,
  mayHaveTables: boolean,
): Promise<FirstSight> {
  const seenMs = performance.now();
  const { network, stderr } = await read(ASK_FOR_WIREGUARD);
  const link = parseLink(JSON.stringify(network.links.filter(({ ifname }) => ifname === interfaceName)));
  const isBare = !mayHaveTables && link === undefined;
  return { network, link, makesWireguard: IS_KNOWN.test(stderr), isBare, seenMs };
}

async function read(question: string): Promise<{ readonly network: Network; readonly stderr: string }> {
  const input = `address show\nroute show default\nnetconf\n${question}`;
  const [{ stdout, stderr }, ipv6] = await Promise.all([
    attempt({ program: "ip", args: ["-j", "-d", "-batch", "-"], input }),
    run({ program: "ip", args: ["-j", "-6", "route", "show", "default"] }),
  ]);
  const [links, ipv4, netconf = "[]"] = stdout.split("\n").filter((line) => line !== "");
  // Without netconf, which an old kernel may lack, forwarding is not known, and no more.
  if (links === undefined || ipv4 === undefined) {
    throw new CommandError("ip -batch", stderr, "told too little");
  }
  const network = {
    links: JSON.parse(links),
    uplinks: parseUplinks([ipv4, ipv6]),
    ...parseNetconf(netconf),
  };
  return { network, stderr };
}
