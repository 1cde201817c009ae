// Reads what desire must know of the host. Writes nothing but the key file, where it is missing, and a probe interface.

import { type Address, parseAddress } from "../core/net/address.ts";
import { parseMaskedPrefix, type Prefix, prefixOf } from "../core/net/prefix.ts";
import { type Refusal, refused } from "../core/net/refusal.ts";
import { unusableAddress, unusablePodCidr } from "../core/net/scope.ts";
import type { PublicKey } from "../core/net/keys.ts";
import { type HostFacts, type HostInterface, LOOPBACK, NO_FACTS } from "../core/desired/host_facts.ts";
import { bridgeIn } from "../core/bridge/observed_bridge.ts";
import { DECLARED_GROUP } from "../core/declared/observed/observed_interfaces.ts";
import { type Interfaces, interfacesOf } from "../core/expression/interfaces.ts";
import { nextInterface } from "../core/rotation/names.ts";
import type { Nonce } from "../core/transport/ipsec/association.ts";
import { ipsecInterface, ipsecUdpInterface, ipsecUdpPort } from "../core/transport/ipsec/names.ts";
import { usesIpsec } from "../core/transport/own_transports.ts";
import { overlayNames } from "../core/transport/overlay_kinds.ts";
import { interfacesBeside } from "../core/transport/interfaces_beside.ts";
import { isOfNextGroup } from "../core/observed/parse_network.ts";
import { LINK_KIND } from "../core/plan/diff_link.ts";
import type { NodeMetadata, Rejected } from "../core/nodes/node.ts";
import { encryptsHosts } from "../core/settings/host_settings.ts";
import { type GivenSettings, type Settings, usesTunnel } from "../core/settings/settings.ts";
import { attempt, run } from "./command.ts";
import { readText } from "./files.ts";
import type { PodCidrExpression } from "./pod_cidr_expression.ts";
import { STRICT } from "./read_netconf.ts";
import { type FirstSight, type LinkJson, type Network, readNetwork } from "./read_network.ts";
import { readSurroundings } from "./read_surroundings.ts";

/** What the key files say. */
export interface KnownKey extends Pick<HostFacts, "nextKey" | "isRotationDue"> {
  readonly publicKey: PublicKey;
  readonly problem?: string;
  /** What is wrong with the next key's file. */
  readonly trouble?: string;
}

/** What the host is, apart from what changes while it runs, and how its key is read. */
export interface FixedFacts
  extends Pick<HostFacts, "isPublished" | "apiAddress" | "apiPort" | "isUdpLacking"> {
  readonly wireguard: HostFacts["wireguard"];
  /** Undefined: there is no key file. */
  readonly readKey: () => Promise<KnownKey | undefined>;
  /** Undefined: no family's pod CIDRs come from one. */
  readonly expression: PodCidrExpression | undefined;
  /** The nonce of an agent that runs. Left out: what looks once goes by what its Node says. */
  readonly drawnNonce?: () => Nonce;
  /** What the start has seen is not read once more, while it is as good as new. */
  readonly sight?: FirstSight;
}

/** What is found out elsewhere. */
export interface KnownFacts extends FixedFacts, Pick<HostFacts, "resolved" | "former"> {
  /** Of our own Node. */
  readonly metadata: NodeMetadata;
  /** Chains of others that drop. */
  readonly dropChains: readonly string[];
}

/**
 * Which WireGuard serves this node.
 * @throws Error when the kernel's is asked for and there is none
 */
export async function wireguardOf(
  settings: GivenSettings,
  { link, makesWireguard }: FirstSight,
): Promise<FixedFacts["wireguard"]> {
  const { wireguardMode } = settings;
  if (!usesTunnel(settings)) return "kernel";
  if (wireguardMode === "userspace") return "userspace";
  if (link?.kind === LINK_KIND.kernel) return "kernel";
  if (link?.kind === LINK_KIND.userspace && wireguardMode === "auto") return "userspace";
  if (makesWireguard || await hasKernelWireguard()) return "kernel";
  if (wireguardMode === "auto") return "userspace";
  throw new Error("This kernel has no WireGuard: load the module wireguard, or set WIREGUARD_MODE=userspace");
}

const PROBE = "wigglenet-probe";

/** True when the kernel makes WireGuard interfaces. Only trying tells: the module may be built in, loadable, or neither. */
export function hasKernelWireguard(): Promise<boolean> {
  return canMake(`link add dev ${PROBE} type wireguard`);
}

/** True when /dev/net/tun makes interfaces. Deno (2.9.6) lets nobody look into /dev who may not do everything. */
export function hasTunDevice(): Promise<boolean> {
  return canMake(`tuntap add dev ${PROBE} mode tun`);
}

async function canMake(command: string): Promise<boolean> {
  const succeeds = async (input: string) =>
    (await attempt({ program: "ip", args: ["-batch", "-"], input })).failure === undefined;
  const discard = `link del dev ${PROBE}\n`;
  const both = `${command}\n${discard}`;
  if (await succeeds(both)) return true;
  // What a killed agent left may be in the way; and one failure of ip is not enough to end an agent that starts.
  await succeeds(discard);
  return await succeeds(both);
}

/**
 * Facts that may change while the agent runs, without the paths to others, which depend on the Nodes.
 * @param last those that were read before: a file of pod CIDRs that holds none any more, or a key file that holds no
 * key, is being written, or lost; and an expression that gives none met an interface that comes back
 * @throws CannotStart when an expression gives no pod CIDRs, and gave none before
 */
export async function readFacts(settings: Settings, known: KnownFacts, last?: HostFacts): Promise<HostFacts> {
  const [{ links: all, uplinks, forwarding, rpFilterOf }, surroundings, read, key] = await Promise.all([
    last === undefined ? networkOf(known.sight) : readNetwork(),
    readSurroundings(settings, known.dropChains),
    readPodCidrFile(settings),
    readKey(settings, known, last),
  ]);
  const file = read.prefixes.length > 0 || last === undefined || last.podCidrFile.length === 0 ? read : {
    prefixes: last.podCidrFile,
    rejected: [...read.rejected, {
      node: settings.nodeName,
      claim: settings.podCidrSourcePath,
      reason: "it holds no CIDR any more: its last ones are kept",
    }],
  };
  const computed = await readExpression(settings, known, { all, last });
  const ours = [settings.interfaceName, ...interfacesBeside(settings)];
  const interfaces = all.filter(({ ifname = "", mtu, group }) =>
    // What objects declare is no way to other nodes, and an address there none of this one.
    !ours.includes(ifname) && group !== String(DECLARED_GROUP) && mtu !== undefined
  )
    .map((link): HostInterface => ({
      name: link.ifname!,
      mtuBytes: link.mtu!,
      addresses: (link.addr_info ?? []).map(({ local }) => parseAddress(local)).filter(isNodeAddress),
      prefixes: link.ifname === LOOPBACK ? [] : prefixesOf(link),
      hasDefaultRoute: uplinks.has(link.ifname!),
      ...uplinks.get(link.ifname!),
    }));
  return {
    ...agentFacts(settings, known),
    ...(encryptsHosts(settings) && rpFilterOf(settings.interfaceName) === STRICT && { isTunnelStrict: true }),
    ...(ipsecUdpPort(settings) !== undefined && rpFilterOf(ipsecUdpInterface(settings)) === STRICT &&
      { isUdpStrict: true }),
    wireguard: known.wireguard,
    resolved: known.resolved,
    unforwarded: ([4, 6] as const).filter((family) => forwarding[family] === false),
    surroundings,
    paths: NO_FACTS.paths,
    ...standingOf(settings, all),
    publicKey: key.publicKey,
    ...(key.nextKey && { nextKey: key.nextKey }),
    ...(key.isRotationDue && { isRotationDue: true }),
    interfaces,
    podCidrFile: file.prefixes,
    podCidrExpression: computed.prefixes,
    rejected: [...file.rejected, ...computed.rejected, ...key.rejected],
  };
}

/** What the agent knows of itself. */
function agentFacts(
  settings: Settings,
  { isPublished, apiAddress, apiPort, former, drawnNonce, isUdpLacking }: KnownFacts,
): Pick<HostFacts, "isPublished" | "apiAddress" | "apiPort" | "former" | "ipsecNonce" | "isUdpLacking"> {
  return {
    ...(isPublished && { isPublished: true }),
    ...(apiAddress && { apiAddress }),
    ...(apiPort && { apiPort }),
    ...(former && { former }),
    ...(isUdpLacking && { isUdpLacking }),
    ...(drawnNonce !== undefined && usesIpsec(settings) && { ipsecNonce: drawnNonce() }),
  };
}

/** What is there of them. */
function standingOf(
  settings: GivenSettings,
  all: readonly LinkJson[],
): Pick<HostFacts, "second" | "overlays" | "hasIpsec" | "bridge"> {
  const second = all.find(({ ifname }) => ifname === nextInterface(settings.interfaceName));
  const overlays = overlayNames(settings).filter((name) => all.some(({ ifname }) => ifname === name));
  const bridge = bridgeIn(all, settings.interfaceName);
  return {
    ...(second && { second: isOfNextGroup(second) ? "ours" : "foreign" }),
    ...(overlays.length > 0 && { overlays }),
    ...(all.some(({ ifname }) => ifname === ipsecInterface(settings)) && { hasIpsec: true }),
    ...(bridge && { bridge }),
  };
}

const SIGHT_MS = 10_000;

async function networkOf(sight: FirstSight | undefined): Promise<Network> {
  return sight !== undefined && performance.now() - sight.seenMs < SIGHT_MS
    ? sight.network
    : await readNetwork();
}

/** What an expression may see of the host. */
export async function readInterfaces({ interfaceName }: GivenSettings): Promise<Interfaces> {
  return interfacesOf(await links(), interfaceName);
}

async function readExpression(
  { nodeName: node, interfaceName }: Settings,
  { expression, metadata }: KnownFacts,
  { all, last }: { readonly all: readonly LinkJson[]; readonly last: HostFacts | undefined },
): Promise<PodCidrs> {
  if (expression === undefined) return { prefixes: [], rejected: [] };
  const beside = interfacesBeside({ interfaceName });
  const others = all.filter(({ ifname = "" }) => !beside.includes(ifname));
  const inputs = { interfaces: interfacesOf(others, interfaceName), node: metadata };
  const { prefixes, trouble } = await expression.read(inputs, last?.podCidrExpression ?? []);
  const rejected = trouble === undefined ? [] : [{ node, claim: expression.name, reason: trouble }];
  return { prefixes, rejected };
}

interface PodCidrs {
  readonly prefixes: readonly Prefix[];
  readonly rejected: readonly Rejected[];
}

/** What is wrong with the key file costs nothing else, and no session: the last key goes on. */
async function readKey(
  { nodeName: node, privateKeyPath }: Settings,
  fixed: FixedFacts,
  last: HostFacts | undefined,
): Promise<Pick<HostFacts, "publicKey" | "nextKey" | "isRotationDue" | "rejected">> {
  const reject = (reason: string): Rejected[] => [{ node, claim: privateKeyPath, reason }];
  try {
    const key: Partial<KnownKey> = await fixed.readKey() ?? {};
    const { publicKey, isRotationDue, problem, trouble } = key;
    const nextKey = key.nextKey ?? (trouble === undefined ? undefined : last?.nextKey);
    return {
      publicKey,
      ...(nextKey && { nextKey }),
      ...(isRotationDue && { isRotationDue }),
      rejected: [problem, trouble].flatMap((reason) => reason === undefined ? [] : reject(reason)),
    };
  } catch (error) {
    if (last?.publicKey === undefined) throw error;
    const { publicKey, nextKey } = last;
    return { publicKey, ...(nextKey && { nextKey }), rejected: reject((error as Error).message) };
  }
}

function prefixesOf({ flags, addr_info = [] }: LinkJson): Prefix[] {
  if (!flags?.includes("UP")) return [];
  return addr_info.flatMap(({ local, prefixlen }) => {
    const address = parseAddress(local);
    return isNodeAddress(address) && prefixlen !== undefined ? [prefixOf(address, prefixlen)] : [];
  });
}

function isNodeAddress(address: Address | Refusal): address is Address {
  return !refused(address) && unusableAddress(address) === undefined;
}

async function links(): Promise<LinkJson[]> {
  return JSON.parse(await run({ program: "ip", args: ["-j", "-d", "address", "show"] })) as LinkJson[];
}

/** One CIDR a line, as the original: what cannot be read is skipped and named; host bits are dropped. */
async function readPodCidrFile(settings: Settings): Promise<PodCidrs> {
  const path = settings.podCidrSourcePath;
  const prefixes: Prefix[] = [];
  const rejected: Rejected[] = [];
  if (settings.podCidrSourceIpv4 !== "file" && settings.podCidrSourceIpv6 !== "file") {
    return { prefixes, rejected };
  }
  const reject = (claim: string, reason: string) => rejected.push({ node: settings.nodeName, claim, reason });
  const text = await readText(path);
  if (text === undefined) reject(path, "the file does not exist");
  for (const [i, line] of (text ?? "").split("\n").entries()) {
    const prefix = parseMaskedPrefix(line.trim());
    const reason = refused(prefix) ? prefix.reason : unusablePodCidr(prefix);
    if (line.trim() === "") continue;
    if (refused(prefix) || reason !== undefined) reject(`${path} line ${i + 1}`, reason!);
    else prefixes.push(prefix);
  }
  return { prefixes, rejected };
}

/** Equal facts have equal texts; paths are not in them. */
export function factsText(facts: HostFacts): string {
  return JSON.stringify(
    facts,
    (_name, value) => typeof value === "bigint" ? String(value) : value instanceof Map ? [...value] : value,
  );
}
