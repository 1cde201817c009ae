// Reads the host: each part by its own command, our own objects only. Decides nothing.

import type { DesiredState, DesiredTable } from "../core/desired/desired_state.ts";
import type {
  ObservedCni,
  ObservedState,
  ObservedTable,
  ObservedWireguard,
} from "../core/observed/observed_state.ts";
import { parseLink, parseRoutes, parseWireguard } from "../core/observed/parse_network.ts";
import { parsePieces, parseTable } from "../core/observed/parse_table.ts";
import { ROUTE_PROTOCOL } from "../core/desired/desired_state.ts";
import { REFERENCE_TABLE, renderReference, TABLE } from "../core/render/render_table.ts";
import { CommandError, run } from "./command.ts";
import { readLink, readText, withInput } from "./files.ts";
import { findServers } from "./wireguard_go.ts";

/** Our table; undefined when there is none. */
export async function observeTable(): Promise<ObservedTable | undefined> {
  try {
    const json = await unlessAbsent(list("table", TABLE));
    return json === undefined ? undefined : parseTable(json);
  } catch (error) {
    // nft 1.0.6 frees the flags of a table before it prints them as JSON: junk, nothing at all, or a crash (2026-11-21).
    const text = await unlessAbsent(run({ program: "nft", args: ["-t", "list", "table", "inet", TABLE] }));
    if (text !== undefined && /^\tflags /m.test(text)) {
      return { hasFlags: true, structure: "", sets: new Map() };
    }
    throw error;
  }
}

function list(kind: string, table: string, ...name: readonly string[]): Promise<string> {
  return run({ program: "nft", args: ["-j", "list", kind, "inet", table, ...name] });
}

/** What ip, nft and wg say of something that is not there; anything else is an error. */
const ABSENT = /No such file or directory|does not exist|No such device|Unable to access interface/;

async function unlessAbsent(output: Promise<string>): Promise<string | undefined> {
  try {
    return await output;
  } catch (error) {
    if (error instanceof CommandError && ABSENT.test(error.stderr)) return undefined;
    throw error;
  }
}

let lastReference: { text: string; structure: string } | undefined;

/**
 * The wanted structure as this host's nft prints it back: loaded as a dormant table, listed, deleted. Done once a
 * structure; a leftover of a killed agent is replaced.
 */
export async function observeReference(table: DesiredTable): Promise<string> {
  const text = renderReference(table);
  if (lastReference?.text === text) return lastReference.structure;
  const discard = `table inet ${REFERENCE_TABLE}\ndelete table inet ${REFERENCE_TABLE}\n`;
  await load(discard + text);
  // Not as a whole: that prints its flags, see above.
  const pieces = new Set([...text.matchAll(/^\t(set|chain) \S+(?= \{)/gm)].map(([piece]) => piece.trim()));
  const listings = [...pieces].map((piece) => {
    const [kind, name] = piece.split(" ");
    return list(kind!, REFERENCE_TABLE, name!);
  });
  const structure = parsePieces(await Promise.all(listings));
  await load(discard);
  lastReference = { text, structure };
  return structure;
}

async function load(text: string): Promise<void> {
  await withInput(text, (path) => run({ program: "nft", args: ["-f", path] }));
}

/** Our interface and routes. */
export async function observeNetwork(interfaceName: string): Promise<Pick<ObservedState, "link" | "routes">> {
  const [link, ipv4, ipv6] = await Promise.all([
    unlessAbsent(run({ program: "ip", args: ["-j", "-d", "address", "show", "dev", interfaceName] })),
    run({ program: "ip", args: ["-j", "-4", "route", "show", "proto", `${ROUTE_PROTOCOL}`] }),
    run({ program: "ip", args: ["-j", "-6", "route", "show", "proto", `${ROUTE_PROTOCOL}`] }),
  ]);
  return {
    link: link === undefined ? undefined : parseLink(link),
    routes: { 4: parseRoutes(ipv4, 4), 6: parseRoutes(ipv6, 6) },
  };
}

/** WireGuard's peers, and who serves the interface when it is not the kernel. */
export async function observeWireguard(
  interfaceName: string,
  last: ObservedWireguard | undefined,
): Promise<Pick<ObservedState, "wireguard" | "userspacePids">> {
  const dump = await run({ program: "wg", args: ["show", interfaceName, "dump"] }).catch((error) => {
    // Nobody serves it, or it is no WireGuard interface: wg says so in several ways, and the link says which.
    if (error instanceof CommandError && /Unable to access interface/.test(error.stderr)) return undefined;
    throw error;
  });
  if (dump === undefined) return { wireguard: undefined, userspacePids: await findServers(interfaceName) };
  return { wireguard: parseWireguard(dump, last), userspacePids: [] };
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

/** Everything at once, for a command that looks once. */
export async function observeAll(desired: DesiredState): Promise<ObservedState> {
  const [table, reference, network, wireguard, cni] = await Promise.all([
    observeTable(),
    observeReference(desired.table),
    observeNetwork(desired.interfaceName),
    desired.link === undefined
      ? observeServers(desired.interfaceName)
      : observeWireguard(desired.interfaceName, undefined),
    observeCni(desired.cniPath),
  ]);
  const isGone = network.link === undefined;
  return {
    ...network,
    ...(isGone ? await observeServers(desired.interfaceName) : wireguard),
    table,
    reference,
    cni,
  };
}
