// What a node has of ours, in a form that can be compared: two equal texts are the same data plane.

import type { Node } from "../lab/node.ts";
import { readTable } from "../demo/table.ts";

/** The parts of the data plane. */
export const PARTS = ["table", "link", "routes", "wireguard", "cni", "bridge"] as const;
/** A part of the data plane. */
export type Part = (typeof PARTS)[number];

const INTERFACE = "wigglenet";

const READERS: Readonly<Record<Part, (node: Node) => Promise<unknown>>> = {
  table: async (node) => objectsOf(await readTable(node)),
  link: readLink,
  routes: async (node) => [...await readRoutes(node, "-4"), ...await readRoutes(node, "-6")],
  wireguard: readWireguard,
  cni: readCni,
  bridge: readBridge,
};

/** Reads parts (default: all) of what is ours, as text. */
export async function readState(node: Node, parts: readonly Part[] = PARTS): Promise<string> {
  const values = await Promise.all(parts.map((part) => READERS[part](node)));
  return JSON.stringify(Object.fromEntries(parts.map((part, i) => [part, values[i] ?? null])), null, 1);
}

const MOVING = /packets \d+ bytes \d+|\s*elements = \{[^}]* expires [^}]*\}/g;

/** What nft lists, without what packets count and put into sets for a while. */
export function withoutMoving(listing: string): string {
  return listing.replaceAll(MOVING, "");
}

/** That and what changes whenever something is written, though it be the same: handles and indices. */
export async function identityOf(node: Node): Promise<string> {
  const commands = [
    ["nft", "-a", "list", "table", "inet", "wigglenet"],
    ["ip", "link", "show", "dev", "wigglenet"],
    ["stat", "-L", "-c", "%i %Y %Z", node.pathOf(node.conflistPath)],
    ["stat", "-c", "%i %Y %Z", node.pathOf(node.conflistPath)],
  ];
  const texts = await Promise.all(commands.map(async (argv) => withoutMoving(await node.run(argv))));
  return texts.join("---\n") + await readState(node);
}

/** Lines of `wanted` that `seen` has not, and the other way round: what to print when two states differ. */
export function differences(wanted: string, seen: string): string {
  const [a, b] = [wanted.split("\n"), seen.split("\n")];
  return [
    ...a.filter((line) => !b.includes(line)).map((line) => `wanted ${line}`),
    ...b.filter((line) => !a.includes(line)).map((line) => `has    ${line}`),
  ].join("\n");
}

/** One line for each chain, rule and set, in the order of {@link readTable}. */
function objectsOf(table: string | undefined): string[] | undefined {
  if (table === undefined) return undefined;
  const { nftables } = JSON.parse(table) as { nftables: unknown[] };
  return nftables.map((object) => JSON.stringify(object));
}

interface LinkJson {
  readonly mtu: number;
  readonly flags: readonly string[];
  readonly linkinfo?: { readonly info_kind?: string };
  readonly addr_info: readonly {
    readonly scope: string;
    readonly local: string;
    readonly prefixlen: number;
  }[];
}

async function readLink(node: Node): Promise<unknown> {
  const { code, stdout } = await node.attempt(["ip", "-j", "-d", "address", "show", "dev", INTERFACE]);
  if (code !== 0) return undefined;
  const [link] = JSON.parse(stdout) as [LinkJson];
  const addresses = link.addr_info.filter(({ scope }) => scope === "global");
  return {
    kind: link.linkinfo?.info_kind,
    mtu: link.mtu,
    isUp: link.flags.includes("UP"),
    addresses: addresses.map(({ local, prefixlen }) => `${local}/${prefixlen}`).sort(),
  };
}

async function readRoutes(node: Node, family: "-4" | "-6"): Promise<string[]> {
  const routes = await node.run(["ip", family, "route", "show", "table", "all", "proto", "146"]);
  const rules = await node.run(["ip", family, "rule", "show"]);
  const lines = [...routes.split("\n"), ...rules.split("\n").filter((line) => line.includes(" proto 146"))];
  return lines.map((line) => line.replace(/ linkdown| pref medium/g, "").trim()).filter(Boolean).sort();
}

/** Keys, port, and of each peer what is configured; never what the traffic does, nor a private key. */
async function readWireguard(node: Node): Promise<unknown> {
  const { code, stdout } = await node.attempt(["wg", "show", INTERFACE, "dump"]);
  if (code !== 0) return undefined;
  const [head, ...peers] = stdout.trim().split("\n").map((line) => line.split("\t"));
  return {
    publicKey: head![1],
    port: head![2],
    peers: peers.map(([key, , endpoint, allowed, , , , keepalive]) =>
      `${key} ${endpoint} ${allowed!.split(",").sort()} ${keepalive}`
    ).sort(),
  };
}

/** With its rules and ports; undefined: there is none. */
async function readBridge(node: Node): Promise<unknown> {
  const { stdout: table } = await node.attempt(["nft", "list", "table", "bridge", "wigglenet"]);
  const { code, stdout } = await node.attempt([
    ...["ip", "-j", "-d", "address", "show", "dev", `${INTERFACE}-br`],
  ]);
  const ports = JSON.parse(await node.run(["ip", "-j", "-d", "link", "show", "group", "148"]) || "[]") as {
    readonly ifname?: string;
    readonly master?: string;
    readonly linkinfo?: { readonly info_slave_data?: { readonly hairpin?: boolean } };
  }[];
  const known = ports.filter(({ ifname }) => ifname !== undefined);
  if (code !== 0 && table === "" && known.length === 0) return undefined;
  const [link] = JSON.parse(code === 0 ? stdout : "[]") as [(LinkJson & { readonly address: string })?];
  return {
    rules: withoutMoving(table).split("\n"),
    kind: link?.linkinfo?.info_kind,
    address: link?.address,
    isUp: link?.flags.includes("UP"),
    addresses: link?.addr_info.filter(({ scope }) => scope === "global")
      .map(({ local, prefixlen }) => `${local}/${prefixlen}`).sort(),
    ports: known.map(({ ifname, master, linkinfo }) =>
      `${ifname} of ${master} hairpin ${linkinfo?.info_slave_data?.hairpin}`
    ).sort(),
  };
}

async function readCni(node: Node): Promise<unknown> {
  const [text, target] = await Promise.all([
    node.attempt(["cat", node.pathOf(node.conflistPath)]),
    node.attempt(["readlink", node.pathOf(node.conflistPath)]),
  ]);
  // The target is named after the path, and each laboratory has a folder of its own.
  const link = target.stdout.trim().replace(node.folder.replaceAll("/", "-"), "-FOLDER");
  return { text: text.code === 0 ? text.stdout.split("\n") : undefined, link };
}
