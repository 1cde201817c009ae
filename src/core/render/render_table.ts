// DesiredTable -> nft text. Structure comes from nft-templates/, members from parsed values: the two never mix.

import checksumV6 from "../../../nft-templates/checksum-v6.nft" with { type: "text" };
import clamp from "../../../nft-templates/clamp.nft" with { type: "text" };
import clearV4 from "../../../nft-templates/clear-v4.nft" with { type: "text" };
import clearV6 from "../../../nft-templates/clear-v6.nft" with { type: "text" };
import fastpath from "../../../nft-templates/fastpath.nft" with { type: "text" };
import filterNativeV4 from "../../../nft-templates/filter-native-v4.nft" with { type: "text" };
import filterNativeV6 from "../../../nft-templates/filter-native-v6.nft" with { type: "text" };
import filterTunnelV4 from "../../../nft-templates/filter-tunnel-v4.nft" with { type: "text" };
import filterTunnelV6 from "../../../nft-templates/filter-tunnel-v6.nft" with { type: "text" };
import forward from "../../../nft-templates/forward.nft" with { type: "text" };
import gre from "../../../nft-templates/gre.nft" with { type: "text" };
import guard from "../../../nft-templates/guard.nft" with { type: "text" };
import guardV4 from "../../../nft-templates/guard-v4.nft" with { type: "text" };
import guardV6 from "../../../nft-templates/guard-v6.nft" with { type: "text" };
import host from "../../../nft-templates/host.nft" with { type: "text" };
import hostApiV4 from "../../../nft-templates/host-api-v4.nft" with { type: "text" };
import hostApiV6 from "../../../nft-templates/host-api-v6.nft" with { type: "text" };
import hostPodsV4 from "../../../nft-templates/host-pods-v4.nft" with { type: "text" };
import hostPodsV6 from "../../../nft-templates/host-pods-v6.nft" with { type: "text" };
import ipsecUdp from "../../../nft-templates/ipsec-udp.nft" with { type: "text" };
import ipvs from "../../../nft-templates/ipvs.nft" with { type: "text" };
import lateV4 from "../../../nft-templates/late-v4.nft" with { type: "text" };
import lateV6 from "../../../nft-templates/late-v6.nft" with { type: "text" };
import masqueradeUnguardedV4 from "../../../nft-templates/masquerade-unguarded-v4.nft" with { type: "text" };
import masqueradeUnguardedV6 from "../../../nft-templates/masquerade-unguarded-v6.nft" with { type: "text" };
import masqueradeV4 from "../../../nft-templates/masquerade-v4.nft" with { type: "text" };
import masqueradeV6 from "../../../nft-templates/masquerade-v6.nft" with { type: "text" };
import neighbours from "../../../nft-templates/neighbours.nft" with { type: "text" };
import noMasqueradeV4 from "../../../nft-templates/no-masquerade-v4.nft" with { type: "text" };
import noMasqueradeV6 from "../../../nft-templates/no-masquerade-v6.nft" with { type: "text" };
import proxiedV4 from "../../../nft-templates/proxied-v4.nft" with { type: "text" };
import proxiedV6 from "../../../nft-templates/proxied-v6.nft" with { type: "text" };
import source from "../../../nft-templates/source.nft" with { type: "text" };
import sourceV4 from "../../../nft-templates/source-v4.nft" with { type: "text" };
import sourceV6 from "../../../nft-templates/source-v6.nft" with { type: "text" };
import unmasqueradedV4 from "../../../nft-templates/unmasqueraded-v4.nft" with { type: "text" };
import unmasqueradedV6 from "../../../nft-templates/unmasqueraded-v6.nft" with { type: "text" };
import outer from "../../../nft-templates/outer.nft" with { type: "text" };
import sets from "../../../nft-templates/sets.nft" with { type: "text" };
import unwrapped from "../../../nft-templates/unwrapped.nft" with { type: "text" };
import unwrappedV4 from "../../../nft-templates/unwrapped-v4.nft" with { type: "text" };
import unwrappedV6 from "../../../nft-templates/unwrapped-v6.nft" with { type: "text" };
import vxlan from "../../../nft-templates/vxlan.nft" with { type: "text" };
import vxlanIpvs from "../../../nft-templates/vxlan-ipvs.nft" with { type: "text" };
import { POLICY_CHAIN } from "../policy/policy_objects.ts";
import {
  type DesiredFastpath,
  type DesiredTable,
  SET_NAMES,
  type SetName,
} from "../desired/desired_state.ts";

const TEMPLATES: Readonly<Record<string, string>> = {
  "sets": sets,
  "clamp": clamp,
  "checksum-v6": checksumV6,
  "forward": forward,
  "ipvs": ipvs,
  "vxlan": vxlan,
  "vxlan-ipvs": vxlanIpvs,
  "gre": gre,
  "outer": outer,
  "ipsec-udp": ipsecUdp,
  "unwrapped": unwrapped,
  "unwrapped-v4": unwrappedV4,
  "unwrapped-v6": unwrappedV6,
  "neighbours": neighbours,
  "clear-v4": clearV4,
  "clear-v6": clearV6,
  "late-v4": lateV4,
  "late-v6": lateV6,
  "guard": guard,
  "guard-v4": guardV4,
  "guard-v6": guardV6,
  "source": source,
  "source-v4": sourceV4,
  "source-v6": sourceV6,
  "unmasqueraded-v4": unmasqueradedV4,
  "unmasqueraded-v6": unmasqueradedV6,
  "filter-tunnel-v4": filterTunnelV4,
  "filter-tunnel-v6": filterTunnelV6,
  "filter-native-v4": filterNativeV4,
  "filter-native-v6": filterNativeV6,
  "masquerade-unguarded-v4": masqueradeUnguardedV4,
  "masquerade-unguarded-v6": masqueradeUnguardedV6,
  "masquerade-v4": masqueradeV4,
  "masquerade-v6": masqueradeV6,
  "no-masquerade-v4": noMasqueradeV4,
  "no-masquerade-v6": noMasqueradeV6,
  "proxied-v4": proxiedV4,
  "proxied-v6": proxiedV6,
  "host-api-v4": hostApiV4,
  "host-api-v6": hostApiV6,
  "host": host,
  "host-pods-v4": hostPodsV4,
  "host-pods-v6": hostPodsV6,
};

/** Name of our table, in family inet. */
export const TABLE = "wigglenet";
/** Name of the flowtable's table. */
export const FASTPATH = "wigglenet-fastpath";
/** Dormant tables that exist only while a structure is compared with what this nft makes of it. */
export const REFERENCE_TABLE = "wigglenet-reference";
/** The same of the flowtable's table. */
export const FASTPATH_REFERENCE = "wigglenet-fastpath-reference";

/** The chains, rules and empty sets of the table, without the transaction around them. */
export function renderStructure(table: DesiredTable): string {
  const bodies = table.templates.map((name) => TEMPLATES[name]!);
  const defines = Object.entries(table.defines).map(([name, value]) => `define ${name} = ${value}\n`);
  return [...defines, ...bodies.map(withoutDefines)].join("");
}

/** A template's own defines make it a file of its own; here one value each stands on top. */
export function withoutDefines(template: string): string {
  return template.replace(/^[ \t]*(?:define .*|#.*)?\n/gm, "");
}

/** One transaction that replaces the table, or makes it: new set objects, all members. */
export function renderTable(table: DesiredTable, policyText = ""): string {
  return [
    `table inet ${TABLE}\n`,
    `delete table inet ${TABLE}\n`,
    renderStructure(table),
    renderMembers(table),
    policyText,
  ].join("");
}

/** All members, in the table as it is: sets that are not there are made. */
export function renderMembers(table: DesiredTable): string {
  return renderDeltas(SET_NAMES.map((name) => ({ name, added: table.sets[name], deleted: [] })));
}

/** One transaction that gives a table that has the sets and members already its chains and rules, in place of its own. */
export function renderRules(table: DesiredTable, chains: readonly string[], sets: readonly string[]): string {
  return discard(chains, sets) + renderStructure(table);
}

/** What a table holds that is to go. */
interface Superseded {
  readonly chains: readonly string[];
  readonly sets: readonly string[];
}

/**
 * Transactions, one after the other, that give a table other sets of the same names: its rules look into sets of other names
 * meanwhile, and never into one whose members are still to come.
 * @param chains those that our structure has
 */
export function renderDetour(
  table: DesiredTable,
  old: Superseded,
  chains: readonly string[],
): readonly string[] {
  const structure = renderStructure(table);
  const declared = SET_NAMES.filter((name) => structure.includes(`\tset ${name} {`));
  return [
    interim(renderMembers(table)),
    discard(old.chains, old.sets) + interim(structure),
    renderMembers(table),
    renderRules(table, chains, declared.map(interim)),
  ];
}

/** But for what is policy's: that is never gone, not for a moment. */
function discard(chains: readonly string[], sets: readonly string[]): string {
  const ours = chains.filter((name) => name !== POLICY_CHAIN);
  return [
    ...ours.map((name) => `flush chain inet ${TABLE} ${name}\n`),
    ...ours.map((name) => `delete chain inet ${TABLE} ${name}\n`),
    ...sets.map((name) => `delete set inet ${TABLE} ${name}\n`),
  ].join("");
}

const OUR_SETS = new RegExp(`\\b(?:${SET_NAMES.join("|")})\\b`, "g");

/** The text with other names in the place of our sets'. */
function interim(text: string): string {
  return text.replace(OUR_SETS, "$&-interim");
}

/** Names of the sets of {@link renderDetour}. */
export const INTERIM_SETS: readonly string[] = SET_NAMES.map(interim);

/** The same structure as a dormant table of another name. */
export function renderReference(table: DesiredTable): string {
  return asReference(renderStructure(table), TABLE, REFERENCE_TABLE);
}

/** The flowtable's table, or a new one in its place, in one transaction. */
export function renderFastpath(fastpath: DesiredFastpath): string {
  return `table inet ${FASTPATH}\ndelete table inet ${FASTPATH}\n${fastpathStructure(fastpath)}`;
}

/** Its rules as a dormant table: a flowtable without devices sees no packet either. */
export function renderFastpathReference(fastpath: DesiredFastpath): string {
  const withoutDevices = fastpathStructure(fastpath).replace(/ devices = \{.*?\};/, "");
  return asReference(withoutDevices, FASTPATH, FASTPATH_REFERENCE);
}

/** Devices are no data of Nodes. They stand as they are: nft 1.0.6 crashes on a variable that holds only one. */
function fastpathStructure({ devices, packets }: DesiredFastpath): string {
  const rules = withoutDefines(fastpath).replace("devices = { lo }", `devices = { ${devices.join(", ")} }`);
  return `define packets = ${packets}\n${rules}`;
}

/** Each block says dormant: one that does not would wake the table, which the kernel refuses within a transaction. */
function asReference(structure: string, name: string, reference: string): string {
  return structure.replaceAll(`table inet ${name} {`, `table inet ${reference} {\n\tflags dormant;`);
}

/** Members to add to and to delete from one set. */
export interface SetDelta {
  readonly name: SetName;
  readonly added: readonly string[];
  readonly deleted: readonly string[];
}

/** Sets that packets fill on account of another one's members, by that: what is in there stays for a minute. */
const REMEMBERED: { readonly [name in SetName]?: { readonly set: string; readonly template: string } } = {
  "clear-v4": { set: "believed-v4", template: "clear-v4" },
  "clear-v6": { set: "believed-v6", template: "clear-v6" },
  "outer-v4": { set: "outer-seen-v4", template: "outer" },
  "outer-v6": { set: "outer-seen-v6", template: "outer" },
  "outer-own-v4": { set: "outer-seen-v4", template: "outer" },
  "outer-own-v6": { set: "outer-seen-v6", template: "outer" },
};

/** Those of the sets that packets fill are emptied: what other rules or members let in is asked anew. */
export function renderForgetting(sets: Iterable<string>): string {
  const remembering = new Set(Object.values(REMEMBERED).map(({ set }) => set));
  return [...remembering.intersection(new Set(sets))].map((name) => `flush set inet ${TABLE} ${name}\n`).join(
    "",
  );
}

/**
 * One transaction of deltas; what members that go have let in is forgotten with them.
 * @param templates of the table that they are for
 */
export function renderDeltas(deltas: readonly SetDelta[], templates: readonly string[] = []): string {
  const forgotten = deltas.flatMap(({ name, deleted }) => {
    const { set, template } = REMEMBERED[name] ?? {};
    return set !== undefined && deleted.length > 0 && templates.includes(template!) ? [set] : [];
  });
  return [
    renderForgetting(forgotten),
    ...deltas.map(({ name, deleted }) => deleteElements(name, deleted)),
    ...deltas.map(({ name, added }) => addElements(name, added)),
  ].join("");
}

/**
 * `add set` with elements appends to the existing set. Unlike `add element` it makes nft read nothing back
 * (nft 1.0.6 lists every interval set of the host first: 60 ms at 20,000 elements).
 */
function addElements(name: SetName, elements: readonly string[]): string {
  if (elements.length === 0) return "";
  const address = name.endsWith("v4") ? "ip saddr" : "ip6 saddr";
  const flags = isOfHosts(name) ? "" : " flags interval;";
  return `add set inet ${TABLE} ${name} { typeof ${address};${flags} elements = { ${
    membersText(name, elements)
  } }; }\n`;
}

function deleteElements(name: SetName, elements: readonly string[]): string {
  return elements.length === 0
    ? ""
    : `delete element inet ${TABLE} ${name} { ${membersText(name, elements)} }\n`;
}

/** Asked for each packet: a hash, which takes addresses without their length. */
function isOfHosts(name: SetName): boolean {
  return name.startsWith("host-") || name.startsWith("outer-");
}

function membersText(name: SetName, elements: readonly string[]): string {
  return (isOfHosts(name) ? elements.map((text) => text.replace(/\/.*/, "")) : elements).join(", ");
}
