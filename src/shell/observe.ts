// Reads the host: each part by its own command, our own objects only. Decides nothing.

import type { DesiredState } from "../core/desired/desired_state.ts";
import type {
  Now,
  ObservedCni,
  ObservedFastpath,
  ObservedState,
  ObservedTable,
  ObservedWireguard,
} from "../core/observed/observed_state.ts";
import { LINK_KIND } from "../core/plan/diff_link.ts";
import type { Family } from "../core/net/address.ts";
import { DumpReader } from "../core/observed/dump_reader.ts";
import { hear, type Heard } from "../core/rotation/heard.ts";
import { parseLink, parseRoutes } from "../core/observed/parse_network.ts";
import { NO_POLICY } from "../core/observed/parse_policy.ts";
import { parseFastpath, parseTable } from "../core/observed/parse_table.ts";
import { ROUTE_PROTOCOL, UNNAMED_PROTOCOL } from "../core/desired/desired_state.ts";
import { FASTPATH, TABLE } from "../core/render/render_table.ts";
import { attempt, CommandError, type Run, run, runForBytes } from "./command.ts";
import { readLink, readText, withInput } from "./files.ts";
import { LastReading } from "./last_reading.ts";
import { discard, relieve } from "./relieve.ts";
import { SEED } from "./seed.ts";
import { findServers } from "./wireguard_go.ts";

const LAST_TABLE = new LastReading(parseTable);

/** Our table; undefined when there is none. */
export async function observeTable(): Promise<ObservedTable | undefined> {
  const read = () => LAST_TABLE.read(listing("table", TABLE));
  return await observe(TABLE, read, { structure: "", sets: new Map(), policy: NO_POLICY });
}

/** The table of the flowtable; undefined when there is none. */
export async function observeFastpath(): Promise<ObservedFastpath | undefined> {
  const read = async () => parseFastpath(await run(listing("table", FASTPATH)));
  return await observe(FASTPATH, read, { structure: "", devices: new Set() });
}

/** A table of ours; undefined when there is none. One with flags is taken for `rest`. */
export async function observe<T extends { hasFlags: boolean }>(
  table: string,
  read: () => Promise<T>,
  rest: Omit<T, "hasFlags">,
): Promise<T | undefined> {
  try {
    return await unlessAbsent(read());
  } catch (error) {
    // nft 1.0.6 frees the flags of a table before it prints them as JSON: junk, nothing at all, or a crash (2026-11-21).
    const text = await unlessAbsent(run({ program: "nft", args: ["-t", "list", "table", ...named(table)] }));
    if (text !== undefined && /^\tflags /m.test(text)) return { ...rest, hasFlags: true } as T;
    throw error;
  }
}

/** Asks nft for a table, or for one thing in it. */
export function listing(kind: string, table: string, ...name: readonly string[]): Run {
  return { program: "nft", args: ["-j", "list", kind, ...named(table), ...name] };
}

/** A table's family and name: of family inet, unless its name has another one in front. */
export function named(table: string): readonly string[] {
  return table.includes(" ") ? table.split(" ") : ["inet", table];
}

/** What ip, nft and wg say of something that is not there; anything else is an error. */
const ABSENT =
  /No such file or directory|does not exist|No such device|Cannot find device|Unable to access interface/;

/** The output of a program, or what was made of it; undefined when it failed because what it was asked for is not there. */
export async function unlessAbsent<T>(output: Promise<T>): Promise<T | undefined> {
  try {
    return await output;
  } catch (error) {
    if (error instanceof CommandError && ABSENT.test(error.stderr)) return undefined;
    throw error;
  }
}

/** True when nft would load the text. */
export async function checkText(text: string): Promise<boolean> {
  const { failure } = await withInput(text, (path) => attempt({ program: "nft", args: ["-c", "-f", path] }));
  return failure === undefined;
}

/**
 * Our interface; undefined when there is none.
 * @throws Error when ip says nothing of it, not even that it is not there
 */
export async function observeLink(interfaceName: string): Promise<ObservedState["link"]> {
  const link = await unlessAbsent(
    run({ program: "ip", args: ["-j", "-d", "address", "show", "dev", interfaceName] }),
  );
  if (link === undefined) return undefined;
  return parseLink(link) ?? fail(`ip address show dev ${interfaceName} succeeded and printed nothing`);
}

function fail(message: string): never {
  throw new Error(message);
}

/** Our interface and routes. */
export async function observeNetwork(interfaceName: string): Promise<Pick<ObservedState, "link" | "routes">> {
  const link = await observeLink(interfaceName);
  const dev = link === undefined ? undefined : interfaceName;
  // 5,000 nodes are 20,000 routes, and twice 9 MB of texts and objects that are not needed once they are read.
  const v4 = await observeRoutes(4, dev);
  relieve();
  return { link, routes: { 4: v4, 6: await observeRoutes(6, dev) } };
}

/** The clocks of this moment. */
export function now(): Now {
  return { wallSeconds: Date.now() / 1000, steadySeconds: steadySeconds() };
}

/** Seconds of the clock that ages are told by; setting the host's clock does not move it. */
export function steadySeconds(): number {
  return performance.now() / 1000;
}

const LAST_ROUTES = {
  4: new LastReading((json) => parseRoutes(json, 4)),
  6: new LastReading((json) => parseRoutes(json, 6)),
};

/**
 * Our routes, and those into our interface that nobody has put his name to (docs/decisions/0027). One family after the
 * other: 10,000 routes are 8 MB while they are read.
 */
async function observeRoutes(family: Family, dev: string | undefined): Promise<ReadonlySet<string>> {
  const show = ["-j", `-${family}`, "route", "show", "proto"];
  const ours = await LAST_ROUTES[family].read({ program: "ip", args: [...show, `${ROUTE_PROTOCOL}`] });
  if (dev === undefined) return ours;
  const unnamed = await unlessAbsent(run({ program: "ip", args: [...show, UNNAMED_PROTOCOL, "dev", dev] }));
  const others = parseRoutes(unnamed ?? "", family, UNNAMED_PROTOCOL);
  return others.size === 0 ? ours : ours.union(others);
}

const PEERS = new DumpReader(SEED);
const SECOND_PEERS = new DumpReader(SEED);

/** False on a host on which nothing rotates: it is not asked for a second interface, and one of that name is anybody's. */
export function mayHaveSecond({ rotation }: DesiredState): boolean {
  return rotation.isOn || rotation.isStanding;
}

/**
 * The second interface; undefined when there is none.
 * @param isLinkKnown only its peers are read, once a second, while it is there
 */
export async function observeSecond(
  name: string,
  last?: ObservedState["second"],
  isLinkKnown = false,
): Promise<ObservedState["second"]> {
  const known = isLinkKnown ? last?.link : undefined;
  const link = known ?? await observeLink(name);
  if (link === undefined) {
    const userspacePids = await findServers(name);
    return userspacePids.length === 0
      ? undefined
      : { link, wireguard: undefined, userspacePids, heard: NOBODY, sinceSeconds: steadySeconds() };
  }
  const served = await observeWireguard(name, last?.wireguard, SECOND_PEERS);
  if (known !== undefined && served.wireguard === undefined) return await observeSecond(name, last);
  const nowSeconds = steadySeconds();
  const heard = hear(last?.heard, served.wireguard?.peers.values() ?? [], nowSeconds);
  return { link, ...served, heard, sinceSeconds: last?.link ? last.sinceSeconds : nowSeconds };
}

const NOBODY: ReadonlyMap<string, Heard> = new Map();

/** WireGuard's peers, and who serves the interface when it is not the kernel. */
export async function observeWireguard(
  interfaceName: string,
  last: ObservedWireguard | undefined,
  reader = PEERS,
): Promise<Pick<ObservedState, "wireguard" | "userspacePids">> {
  const read = async () => {
    const dump = await runForBytes({ program: "wg", args: ["show", interfaceName, "dump"] });
    const wireguard = reader.read(dump, last, now());
    discard(dump.buffer);
    return wireguard;
  };
  const wireguard = await read().catch((error) => {
    // Nobody serves it, or it is no WireGuard interface: wg says so in several ways, and the link says which.
    if (error instanceof CommandError && /Unable to access interface/.test(error.stderr)) return undefined;
    throw error;
  });
  return { wireguard, userspacePids: wireguard === undefined ? await findServers(interfaceName) : [] };
}

/**
 * Who serves an interface that is gone, or that is to become the kernel's: it must end. That it is gone is asked twice, for with
 * its server an interface that is there would go, and all its peers.
 */
export async function observeSuperseded(
  { interfaceName, link }: DesiredState,
  found: ObservedState["link"],
): Promise<Partial<ObservedState>> {
  if (found === undefined) {
    const servers = await observeServers(interfaceName);
    if (servers.userspacePids.length === 0 || await observeLink(interfaceName) === undefined) return servers;
    fail(`ip says first that there is no ${interfaceName}, then that there is`);
  }
  const isSuperseded = link?.implementation === "kernel" && found.kind === LINK_KIND.userspace;
  return isSuperseded ? { userspacePids: await findServers(interfaceName) } : {};
}

/** What a tunnel that nobody wants any more left running; `wg` need not be installed. */
export async function observeServers(
  interfaceName: string,
): Promise<Pick<ObservedState, "wireguard" | "userspacePids">> {
  return { wireguard: undefined, userspacePids: await findServers(interfaceName) };
}

/** The CNI file as a reader finds it. */
export async function observeCni(path: string): Promise<ObservedCni> {
  return { text: await readText(path), linkTarget: await readLink(path) };
}
