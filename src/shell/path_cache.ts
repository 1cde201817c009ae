// How the kernel would reach each endpoint: asked once for an address, and again when routes may have changed.

import type { HostInterface, Path } from "../core/desired/host_facts.ts";
import type { Address } from "../core/net/address.ts";
import { containsAddress } from "../core/net/prefix.ts";
import type { PathDoubt } from "../core/observed/monitor_lines.ts";
import { type InterfaceMtus, parseWaysOut, pathOf, type WayOut } from "../core/observed/parse_paths.ts";
import { attempt } from "./command.ts";
import { readText, withInput } from "./files.ts";
import { relieve } from "./relieve.ts";

/** Answers for 5,000 are megabytes, three times over: bytes, text, lines. */
const AT_ONCE = 500;

/** The last answers of `ip route get`. Learned path MTUs are left out (`fibmatch`): they come and go. */
export class PathCache {
  #ways = new Map<string, { readonly address: Address; readonly way: WayOut | undefined }>();
  #interfaces: readonly HostInterface[] | undefined;
  #mtus: InterfaceMtus = { 4: new Map(), 6: new Map() };
  #paths: ReadonlyMap<string, Path> = new Map();
  #devs: ReadonlySet<string> = new Set();

  constructor(readonly interfaceName: string) {}

  /** The next look asks for these addresses again; true when there are some. */
  forget(doubts: readonly PathDoubt[]): boolean {
    const isDoubted = (address: Address) =>
      doubts.some((doubt) => doubt === "all" || containsAddress(doubt, address));
    const kept = new Map([...this.#ways].filter(([, { address }]) => !isDoubted(address)));
    if (kept.size === this.#ways.size && !doubts.includes("all")) return false;
    this.#ways = kept; // what is being asked for goes into the old one
    this.#interfaces = undefined;
    return true;
  }

  /** Interfaces that paths lead by. */
  get devs(): ReadonlySet<string> {
    return this.#devs;
  }

  /**
   * The paths of these addresses, and of some that were asked for before; equal ones are the same object as last time.
   * @throws Error when ip cannot be asked; then those that are known stay
   */
  async read(
    addresses: readonly Address[],
    interfaces: readonly HostInterface[],
  ): Promise<ReadonlyMap<string, Path>> {
    const ways = this.#ways;
    const unknown = addresses.filter(({ text }) => !ways.has(text));
    for (let i = 0; i < unknown.length; i += AT_ONCE) {
      const some = unknown.slice(i, i + AT_ONCE);
      const answers = await lookUp(some);
      some.forEach((address, i) => ways.set(address.text, { address, way: answers[i] }));
      relieve();
    }
    const isSame = interfaces === this.#interfaces;
    if (isSame && unknown.length === 0) return this.#paths;
    const devs = isSame
      ? devsOf(unknown.map(({ text }) => ways.get(text)?.way), this.#devs)
      : devsOf([...ways.values()].map(({ way }) => way));
    if (!isSame || devs.size !== this.#devs.size) {
      this.#mtus = await readMtus(interfaces, this.interfaceName, devs);
    }
    const paths = isSame ? new Map(this.#paths) : new Map<string, Path>();
    for (const { text, family } of isSame ? unknown : addresses) {
      const way = ways.get(text)?.way;
      const path = way && pathOf(way, family, this.#mtus);
      if (path !== undefined) paths.set(text, path);
    }
    // Forgotten meanwhile: then the next look begins anew.
    this.#interfaces = ways === this.#ways ? interfaces : undefined;
    this.#devs = devs;
    if (!areEqual(paths, this.#paths)) this.#paths = paths;
    return this.#paths;
  }
}

/** For IPv6 a router may have announced less than the interface carries. */
async function readMtus(
  interfaces: readonly HostInterface[],
  ownName: string,
  used: ReadonlySet<string>,
): Promise<InterfaceMtus> {
  // Our own interface is none of the host's: a path by it is a loop, whatever it carries.
  const ipv4 = new Map([[ownName, 0], ...interfaces.map((i) => [i.name, i.mtuBytes] as const)]);
  const ipv6 = new Map(ipv4);
  for (const { name, mtuBytes, announcedMtuBytes = mtuBytes } of interfaces) {
    if (!used.has(name)) continue;
    // As shipped nothing in /proc may be read: then what is announced by who is no router does not count.
    const text = await readText(`/proc/sys/net/ipv6/conf/${name}/mtu`).catch(() => undefined);
    ipv6.set(name, Math.min(mtuBytes, announcedMtuBytes, Number(text ?? mtuBytes)));
  }
  return { 4: ipv4, 6: ipv6 };
}

function devsOf(ways: Iterable<WayOut | undefined>, known: Iterable<string> = []): Set<string> {
  const devs = new Set(known);
  for (const way of ways) way?.devs.forEach((dev) => devs.add(dev));
  return devs;
}

async function lookUp(addresses: readonly Address[]): Promise<(WayOut | undefined)[]> {
  const batch = addresses.map(({ text }) => `route get ${text} fibmatch\n`).join("");
  // It fails when an address cannot be reached: which one, stderr says.
  const output = await withInput(
    batch,
    (path) => attempt({ program: "ip", args: ["-j", "-force", "-batch", path] }),
  );
  return parseWaysOut(output, addresses.length);
}

function areEqual(a: ReadonlyMap<string, Path>, b: ReadonlyMap<string, Path>): boolean {
  if (a.size !== b.size) return false;
  for (const [address, path] of a) {
    const other = b.get(address);
    if (other !== path && (other?.dev !== path.dev || other.mtuBytes !== path.mtuBytes)) return false;
  }
  return true;
}
