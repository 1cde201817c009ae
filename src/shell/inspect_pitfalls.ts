// Reads what core/check/pitfalls.ts judges. What cannot be read is left out.

import { parseForeignRules } from "../core/check/foreign_rules.ts";
import type { ForeignRoute, Pitfalls } from "../core/check/pitfalls.ts";
import { ROUTE_PROTOCOL } from "../core/desired/desired_state.ts";
import type { Family } from "../core/net/address.ts";
import type { PeerStatus } from "../core/plan/status.ts";
import type { GivenSettings } from "../core/settings/settings.ts";
import { bridgeInterface } from "../core/bridge/names.ts";
import { nextInterface, nextPort } from "../core/rotation/names.ts";
import { transportPorts } from "../core/transport/own_transports.ts";
import { attempt, locate, run } from "./command.ts";
import { probePeers } from "./probe_peers.ts";
import { apiAheadSeconds } from "./sources/kubernetes/api_clock.ts";

const FAMILIES: readonly Family[] = [4, 6];
const PROC = {
  legacy: { 4: "/proc/net/ip_tables_names", 6: "/proc/net/ip6_tables_names" },
  bridge: ["/proc/sys/net/bridge/bridge-nf-call-iptables", "/proc/sys/net/bridge/bridge-nf-call-ip6tables"],
  conntrack: "/proc/sys/net/netfilter/nf_conntrack",
} as const;

/** Looks for all of them; the peers are asked. */
export async function inspectPitfalls(
  settings: GivenSettings,
  peers: readonly PeerStatus[],
): Promise<Pitfalls> {
  const { silent, asked } = await probePeers(settings.interfaceName, peers);
  return {
    ...await inspectTables(portsOf(settings)),
    legacy:
      (await Promise.all(FAMILIES.map(async (family) => await read(PROC.legacy[family]) ? [family] : [])))
        .flat(),
    conntrack: await inspectConntrack(),
    filteredBridges: await inspectBridges(bridgeInterface(settings.interfaceName)),
    routes: await inspectRoutes(settings),
    services: await inspectServices(),
    silence: { silent, asked },
    aheadSeconds: await apiAheadSeconds(settings).catch(() => undefined),
    nowSeconds: Date.now() / 1000,
  };
}

/** Of WireGuard, the second interface's where keys may rotate, and of another transport. */
function portsOf(settings: GivenSettings): number[] {
  const { port, keyRotation } = settings;
  return [port, ...keyRotation === "off" ? [] : [nextPort(port)], ...transportPorts(settings)];
}

/** `/proc` may be read by a program only, as shipped. Empty where it is not there. */
async function read(path: string): Promise<string> {
  if (locate("cat") === undefined) return "";
  return (await attempt({ program: "cat", args: [path] })).stdout.trim();
}

/** Without members: sets of others may be long. */
async function inspectTables(
  ports: readonly number[],
): Promise<Pick<Pitfalls, "foreignRules" | "unreadable">> {
  const nothing = { foreignRules: { closed: [], blocking: [] }, unreadable: [] };
  if (locate("nft") === undefined) return nothing;
  const { stdout, failure } = await attempt({ program: "nft", args: ["-j", "-t", "list", "ruleset"] });
  if (failure === undefined) return { ...nothing, foreignRules: parseForeignRules(stdout, ports) };
  const tables = (await run({ program: "nft", args: ["list", "tables"] }).catch(() => "")).trim().split("\n");
  const unreadable = await Promise.all(tables.map(async (line) => {
    const [, family = "", table = ""] = line.split(" ");
    if (table === "") return [];
    const { stderr, failure } = await attempt({
      program: "nft",
      args: ["-t", "list", "table", family, table],
    });
    return failure === undefined
      ? []
      : [{ table: `${family} ${table}`, error: stderr.split("\n")[0] || failure }];
  }));
  return { ...nothing, unreadable: unreadable.flat() };
}

async function inspectConntrack(): Promise<Pitfalls["conntrack"]> {
  const [count, max] = await Promise.all(["count", "max"].map((what) => read(`${PROC.conntrack}_${what}`)));
  return count === "" || max === "" ? undefined : { count: Number(count), max: Number(max) };
}

/** Those that have ports, where br_netfilter is told to ask the rules; ours is made for both. */
async function inspectBridges(own: string): Promise<string[]> {
  const calls = await Promise.all(PROC.bridge.map(read));
  if (!calls.includes("1")) return [];
  const ports = JSON.parse(
    await run({ program: "ip", args: ["-j", "link", "show", "type", "bridge_slave"] }).catch(() => "") ||
      "[]",
  ) as readonly { readonly master?: string }[];
  return [...new Set(ports.flatMap(({ master }) => master ?? []))].filter((name) => name !== own).sort();
}

interface RouteJson {
  readonly dst?: string;
  readonly dev?: string;
  readonly protocol?: string;
  readonly scope?: string;
  readonly gateway?: string;
}

async function inspectRoutes({ interfaceName }: GivenSettings): Promise<ForeignRoute[]> {
  const listings = await Promise.all(FAMILIES.map((family) => {
    return run({ program: "ip", args: ["-j", `-${family}`, "route", "show", "table", "main"] }).catch(() =>
      ""
    );
  }));
  const ours = [interfaceName, nextInterface(interfaceName), bridgeInterface(interfaceName)];
  const routes = listings.flatMap((json) => JSON.parse(json || "[]") as readonly RouteJson[]);
  return routes.flatMap(({ dst, dev, protocol, gateway }): ForeignRoute[] => {
    if (dst === undefined || dst === "default" || dev === undefined || ours.includes(dev)) return [];
    if (protocol === String(ROUTE_PROTOCOL)) return [];
    return [{ destination: dst, device: dev, isConnected: protocol === "kernel" && gateway === undefined }];
  });
}

/** What kube-proxy has in nft, and what a pod's environment says. */
async function inspectServices(): Promise<string[]> {
  const own = Deno.env.get("KUBERNETES_SERVICE_HOST") ?? "";
  const sets = await Promise.all(["ip", "ip6"].map(async (family) => {
    if (locate("nft") === undefined) return "";
    const args = ["-j", "list", "set", family, "kube-proxy", "cluster-ips"];
    return (await attempt({ program: "nft", args })).stdout;
  }));
  const members = sets.filter((json) => json !== "").flatMap((json) => {
    const { nftables } = JSON.parse(json) as { nftables: readonly { set?: { elem?: readonly unknown[] } }[] };
    return nftables.flatMap(({ set }) => set?.elem ?? []).filter((item) => typeof item === "string");
  });
  return [...(own === "" ? [] : [own]), ...members];
}
