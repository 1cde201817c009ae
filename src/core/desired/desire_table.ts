// The nftables table of a node: which templates, and the members of its sets.

import type { DesiredBridge } from "../bridge/desire_bridge.ts";
import type { Family } from "../net/address.ts";
import { type Prefix, withoutNested } from "../net/prefix.ts";
import { familySettings, type Settings } from "../settings/settings.ts";
import type { DesiredTable } from "./desired_state.ts";
import type { Guarded } from "./desire_routes.ts";
import { hasIpvs, type HostFacts } from "./host_facts.ts";
import { rotationObstacle } from "../rotation/desire_rotation.ts";
import { NEXT_GROUP, nextInterface, nextPort } from "../rotation/names.ts";
import { hostDefines, type Hosts, hostSets, hostTemplates } from "./desire_hosts.ts";
import { KeptMap } from "./kept_map.ts";
import type { SettledNode } from "../nodes/settled_node.ts";
import {
  clearMembers,
  firstAddresses,
  lateMembers,
  nearMembers,
  outerMembers,
  overlaysOf,
  ownOuter,
} from "../transport/clear_peers.ts";
import { TRANSPORTS } from "../transport/transports.ts";
import type { Ways } from "../transport/ways.ts";

const FAMILIES: readonly Family[] = [4, 6];

const POD_TEXTS = { 4: new KeptMap<Prefix, string>(), 6: new KeptMap<Prefix, string>() };
const textOf = ({ text }: Prefix) => text;

/** What the rules depend on besides. */
interface TableParts {
  readonly facts: HostFacts;
  readonly ways: Ways;
  readonly bridge: DesiredBridge | undefined;
}

/** FIREWALL_ONLY and native families have no guard: their pods' packets belong to whoever routes them. */
export function desireTable(
  settings: Settings,
  { own, others, facts, ways, bridge }: Hosts & TableParts,
  { podCidrs, clusterPodCidrs }: Guarded,
): DesiredTable {
  const pods = withoutNested([...podCidrs.map(({ prefix }) => prefix), ...clusterPodCidrs]);
  const local = withoutNested(own.podCidrs);
  const ofFamily = (prefixes: readonly Prefix[], family: Family) =>
    prefixes.filter((p) => p.family === family);
  const podTexts = (family: Family) => POD_TEXTS[family].map(ofFamily(pods, family), "", textOf);
  const proxied = proxiedSources(settings, own, facts);
  return {
    templates: [
      ...templatesOf(settings, { facts, ways, bridge }),
      ...proxied.map(({ family }) => `proxied-v${family}`),
    ],
    defines: {
      ...definesOf(settings, ways),
      ...(bridge?.isOn && { pod_bridge: `"${bridge.name}"` }),
      ...clearDefines(ways),
      ...hostDefines(settings, facts),
      ...Object.fromEntries(proxied.map(({ family, text }) => [`tunnel_v${family}`, text])),
    },
    sets: {
      "pod-cidrs-v4": podTexts(4),
      "pod-cidrs-v6": podTexts(6),
      "local-pod-cidrs-v4": ofFamily(local, 4).map(textOf),
      "local-pod-cidrs-v6": ofFamily(local, 6).map(textOf),
      "no-masquerade-v4": unmasqueraded(settings, 4).map(textOf),
      "no-masquerade-v6": unmasqueraded(settings, 6).map(textOf),
      "clear-v4": clearMembers(ways[4], 4),
      "clear-v6": clearMembers(ways[6], 6),
      "near-v4": nearMembers(ways[4], 4),
      "near-v6": nearMembers(ways[6], 6),
      "late-v4": lateMembers(ways[4], 4),
      "late-v6": lateMembers(ways[6], 6),
      "outer-v4": outerMembers(ways, 4),
      "outer-v6": outerMembers(ways, 6),
      "outer-own-v4": ownOuter(ways, own, 4),
      "outer-own-v6": ownOuter(ways, own, 6),
      ...hostSets(settings, { own, others }),
    },
  };
}

/** What kube-proxy's masquerade would give to flows into the tunnel, where these may change the interface: the first of each family. */
function proxiedSources(settings: Settings, own: SettledNode, { wireguard }: HostFacts) {
  if (rotationObstacle(settings, { wireguard }) !== undefined) return [];
  const texts = firstAddresses(own).map((text) => text.replace(/\/.*/, ""));
  return FAMILIES.filter((family) => familySettings(settings, family).isRouted).flatMap((family) => {
    const text = texts.find((text) => text.includes(":") === (family === 6));
    return text === undefined ? [] : [{ family, text }];
  });
}

/** Where pods' packets keep their source although the family is masqueraded. */
function unmasqueraded(settings: Settings, family: Family): readonly Prefix[] {
  const { isMasqueraded } = familySettings(settings, family);
  return isMasqueraded ? settings.noMasqueradeCidrs.filter((prefix) => prefix.family === family) : [];
}

/** Of four ranges ports of two neighbours and of two more leave one free. */
const SPARE_PORTS = [[61_000, 65_535], [50_000, 60_998], [40_000, 49_998], [30_000, 39_998]] as const;

/** The same while a key rotates, which is no reason to make a table anew. */
function definesOf({ interfaceName, port }: Settings, ways: Ways): DesiredTable["defines"] {
  const outerPorts = overlaysOf(ways).flatMap(({ port }) => port ?? []);
  const ports = [port, nextPort(port), ...outerPorts].sort((a, b) => a - b);
  const [first, last] = [ports[0]!, ports.at(-1)!];
  const spare = SPARE_PORTS.find(([from, to]) => !ports.some((it) => from <= it && it <= to))!;
  return {
    tunnel: `"${interfaceName}"`,
    tunnels: `{ "${interfaceName}", "${nextInterface(interfaceName)}" }`,
    next_group: String(NEXT_GROUP),
    port: last - first < ports.length ? `${first}-${last}` : `{ ${ports.join(", ")} }`,
    spare_ports: spare.join("-"),
  };
}

/** Around packets. */
function outerTemplates(ways: Ways): string[] {
  return [...new Set(overlaysOf(ways).flatMap(({ rules }) => rules.around))];
}

/** Of what is, or was, in them. */
function wrappedTemplates(ways: Ways, hasIpvs: boolean): string[] {
  const overlays = overlaysOf(ways).filter(({ carries }) => carries !== "esp");
  if (overlays.length === 0) return [];
  const wrapped = FAMILIES.filter((family) => ways[family].overlays.some(({ carries }) => carries !== "esp"));
  return [
    ...hasIpvs ? overlays.flatMap(({ rules }) => rules.besideIpvs ?? []) : [],
    ...wrapped.map((family) => `unwrapped-v${family}`),
    "unwrapped",
  ];
}

/** Families in which somebody may send in the clear, now or later: the rules do not go by who there is. */
function familiesBeside(ways: Ways): Family[] {
  return FAMILIES.filter((family) => ways[family].devices.length > 0);
}

function clearDefines(ways: Ways): DesiredTable["defines"] {
  const overlays = overlaysOf(ways);
  const [esp, wrapping] = [true, false].map((isEsp) =>
    namesText(overlays.filter(({ carries }) => (carries === "esp") === isEsp))
  );
  const devices = familiesBeside(ways).map((family) => {
    const names = ways[family].devices.map((name) => `"${name}"`);
    return [`clear_v${family}`, `{ ${names.join(", ")} }`];
  });
  return {
    ...(esp && { esp_overlay: esp }),
    ...(wrapping && { overlay: wrapping }),
    ...Object.assign({}, ...overlays.map(({ rules }) => rules.defines)) as DesiredTable["defines"],
    ...Object.fromEntries(devices),
  };
}

/** Undefined: none. */
function namesText(overlays: readonly { readonly name: string }[]): string | undefined {
  const names = overlays.map(({ name }) => `"${name}"`).sort();
  return names.length > 1 ? `{ ${names.join(", ")} }` : names[0];
}

/**
 * True where the tunnel is there for good, or was: each packet pays for its rules. Not by whom it stands for while nodes differ (no Node has the
 * table made anew): there this host's own ICMP tells what fits, and wireguard-go spoils one UDP packet of 65,536.
 */
function isTunnelKept(settings: Settings, { former }: HostFacts): boolean {
  return FAMILIES.some((family) => {
    const { isRouted, transport } = familySettings(settings, family);
    return isRouted && [transport, former?.[family]].some((name) => {
      const { medium, isTunnelElse } = TRANSPORTS[name ?? "native"];
      return medium === "tunnel" || isTunnelElse === true;
    });
  });
}

function templatesOf(settings: Settings, { facts, ways, bridge }: TableParts): string[] {
  const templates = ["sets"];
  const isTunnel = isTunnelKept(settings, facts);
  if (isTunnel && facts.wireguard === "userspace" && familySettings(settings, 6).isRouted) {
    templates.push("checksum-v6");
  }
  if (isTunnel) templates.push("clamp");
  templates.push("forward", ...outerTemplates(ways));
  if (bridge?.isOn) templates.push("neighbours");
  if (settings.isPolicyEnabled && hasIpvs(facts)) templates.push("ipvs");
  templates.push(...wrappedTemplates(ways, settings.isPolicyEnabled && hasIpvs(facts)));
  templates.push(
    ...familiesBeside(ways).map((family) => `${ways[family].isLate ? "late" : "clear"}-v${family}`),
  );
  const isGuarded = (family: Family) => settings.isStrict && familySettings(settings, family).isRouted;
  const areSourcesAsked = (family: Family) => {
    const { isRouted, isFiltered } = familySettings(settings, family);
    return isRouted && (settings.isStrict || isFiltered);
  };
  if (FAMILIES.some(isGuarded)) templates.push("guard");
  if (FAMILIES.some(areSourcesAsked)) templates.push("source");
  for (const family of FAMILIES) {
    const { isRouted, isFiltered, isMasqueraded } = familySettings(settings, family);
    if (isGuarded(family)) templates.push(`guard-v${family}`);
    if (unmasqueraded(settings, family).length > 0) templates.push(`no-masquerade-v${family}`);
    if (areSourcesAsked(family)) {
      templates.push(...isMasqueraded ? [] : [`unmasqueraded-v${family}`], `source-v${family}`);
    }
    if (isFiltered) {
      templates.push(`filter-${isRouted ? "tunnel" : "native"}-v${family}`);
    }
    // What is for pods of other nodes leaves by other interfaces than the tunnel, too.
    const isBeside = !isGuarded(family) || ways[family].devices.length > 0 && !ways[family].isLate;
    if (isMasqueraded && isBeside) templates.push(`masquerade-unguarded-v${family}`);
    if (isMasqueraded) templates.push(`masquerade-v${family}`);
  }
  return [...templates, ...hostTemplates(settings, facts)];
}
