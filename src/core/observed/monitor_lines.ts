// Lines of `nft monitor` and `ip monitor`: do they say something that we do not know yet? Our own changes are told
// from foreign ones by state (what the line says is so already), never by process id.

import { hostPrefix, parsePrefix, type Prefix } from "../net/prefix.ts";
import { parseAddress } from "../net/address.ts";
import { refused } from "../net/refusal.ts";
import { type ClearPeerText, ROUTE_PROTOCOL, UNREACHABLE_METRIC } from "../desired/desired_state.ts";
import { IPVS_INTERFACE } from "../desired/host_facts.ts";
import { BRIDGE_TABLE } from "../bridge/render_bridge.ts";
import { FASTPATH, TABLE } from "../render/render_table.ts";
import type { ObservedState } from "./observed_state.ts";
import { toldRouteText, withoutAnySource } from "./parse_network.ts";

const ELEMENT = new RegExp(`^(add|delete) element inet ${TABLE} (\\S+) \\{ (\\S+)(?: .*)?\\}$`);
const ADDED_SET = new RegExp(
  `^add set inet ${TABLE} (\\S+) \\{ typeof ip6? saddr;(?: flags interval;)? \\}\\s*$`,
);
const OURS = new RegExp(`\\binet ${TABLE}(\\s|$)`);

/** True when a line of `nft monitor` concerns our table. */
export function concernsTable(line: string): boolean {
  return OURS.test(line);
}

const FASTPATHS = new RegExp(`\\binet ${FASTPATH}(\\s|$)`);

/** True when a line of `nft monitor` concerns the flowtable's table; of its devices nft 1.0.6 says nothing. */
export function concernsFastpath(line: string): boolean {
  return FASTPATHS.test(line);
}

const BRIDGES = new RegExp(`\\b${BRIDGE_TABLE}(\\s|$)`);

/** True when a line of `nft monitor` concerns the bridge's table. */
export function concernsBridge(line: string): boolean {
  return BRIDGES.test(line);
}

/** True when `nft monitor` (1.0.6) says that the kernel had more to tell than it had room for: what, nobody knows. */
export function tellsOfLoss(line: string): boolean {
  return line.startsWith("# ERROR: We lost some netlink events");
}

const BASE_CHAIN = /^add chain \S+ \S+ \S+ \{ type /;
const GONE = /^delete (?:chain|table) (.+)$/;

/**
 * True when a line of `nft monitor` says that chains with a hook have come, of whomever, or that one of these has gone:
 * `inet firewalld forward`. All others come and go without a look of ours.
 */
export function concernsBaseChains(line: string, chains: readonly string[]): boolean {
  const gone = GONE.exec(line.trim())?.[1];
  if (gone === undefined) return BASE_CHAIN.test(line.trim());
  return chains.some((chain) => chain === gone || chain.startsWith(`${gone} `));
}

/** True when a line about our table says what the observed state does not hold: the table must be read back. */
export function surprisesTable(line: string, { table }: ObservedState): boolean {
  const added = ADDED_SET.exec(line)?.[1];
  // Elements that come in the form of renderDeltas are announced with their set, which was there before.
  if (added !== undefined && table?.sets.has(added)) return false;
  const match = ELEMENT.exec(line.trim());
  if (match === null || table === undefined) return true;
  const [, verb, set, member] = match as unknown as [string, string, string, string];
  const text = prefixText(member);
  return text === undefined || (table.sets.get(set)?.has(text) ?? false) !== (verb === "add");
}

function prefixText(member: string): string | undefined {
  const prefix = parsePrefix(member);
  if (!refused(prefix)) return prefix.text;
  const address = parseAddress(member);
  return refused(address) ? undefined : hostPrefix(address).text;
}

const OUR_ROUTE = ` proto ${ROUTE_PROTOCOL} `;
/** True when a line of `ip -o monitor` says that kube-proxy has made its interface: packets are about to take its way. */
export function tellsOfIpvs(line: string): boolean {
  return IPVS_LINK.test(line);
}

const IPVS_LINK = new RegExp(`^\\d+: ${IPVS_INTERFACE}: `);
const RULE = /^(?:Deleted )?\d+:\t/;

/** True when a line of `ip -o monitor` tells of a rule of ours, or of one that leads to our table. */
export function concernsRules(line: string): boolean {
  return RULE.test(line) && new RegExp(`(?:lookup|proto) ${ROUTE_PROTOCOL}\\b`).test(line);
}

const LINK = /^(?:Deleted )?\d+: ([^:@\s]+)/;
const PLACE =
  /^(?:Deleted )?(?:(unreachable|blackhole|prohibit|throw) )?(default|[0-9a-f.:]*[.:][0-9a-f.:/]*) /;
/** To which addresses the way may have changed. */
export type PathDoubt = Prefix | "all";

/**
 * What a line of `ip -o monitor` says of ways to others: of an interface that endpoints are reached by, of all of them; of a
 * route, of its destination. Ours lead to no endpoint.
 */
export function pathDoubtOf(line: string, devs: ReadonlySet<string>): PathDoubt | undefined {
  if (line.includes(OUR_ROUTE)) return undefined;
  const dev = LINK.exec(line)?.[1];
  if (dev !== undefined) return devs.has(dev) ? "all" : undefined;
  const place = PLACE.exec(line)?.[2];
  if (place === undefined) return undefined;
  const prefix = place === "default" ? undefined : parsePrefix(prefixText(place));
  return prefix === undefined || refused(prefix) ? "all" : prefix;
}

/**
 * True when a line of `ip -o monitor` concerns our interface, our routes, or a place where a route of ours stands: a
 * foreign one may take it without a word about ours.
 */
export function concernsNetwork(
  line: string,
  interfaceName: string,
  routes: ObservedState["routes"],
): boolean {
  const words = line.split(/\s+/);
  return words.slice(0, 3).some((word) => isPlaceOf(word, interfaceName, routes)) ||
    // `wigglenet@other:` is half of a pair that has taken the name.
    words.some((word) =>
      word.startsWith(interfaceName) && /^[:@]?$/.test(word.charAt(interfaceName.length))
    ) ||
    words.includes("proto") && words[words.indexOf("proto") + 1] === String(ROUTE_PROTOCOL);
}

function isPlaceOf(word: string, dev: string, routes: ObservedState["routes"]): boolean {
  const family = word.includes(":") ? 6 : 4;
  return [{ dev }, { type: "unreachable", metric: UNREACHABLE_METRIC }].some((rest) =>
    routes[family].has(toldRouteText({ dst: word, ...rest }, family))
  );
}

// What else may stand in such a line (a source, several next hops) is not in routes of ours: then the line is news.
const ROUTE = new RegExp(
  "^(?:Deleted )?(?:(unreachable|blackhole|prohibit|throw) )?(\\S+)(?:  ?encap (ip6? id \\d+ src \\S+ dst \\S+) (?:ttl|hoplimit) \\d+ (?:tos|tc) \\d+( key)?)?" +
    "(?: via (\\S+))?(?: dev (\\S+))?" +
    ` proto ${ROUTE_PROTOCOL}(?: scope \\S+)?(?: metric (\\d+))?( onlink)?(?: pref medium)?$`,
);

/** True when a line about our interface or routes says what the observed state does not hold. */
export function surprisesNetwork(line: string, { routes }: ObservedState): boolean {
  const match = ROUTE.exec(line.trim());
  if (match === null) return true;
  const [, type, dst, wrapping, key = "", gateway, dev, metric, onlink] = match;
  const encap = wrapping && withoutAnySource(wrapping) + key;
  const flags = onlink === undefined ? [] : ["onlink"];
  const family = dst!.includes(":") ? 6 : 4;
  const metricOrNone = metric === undefined ? undefined : Number(metric);
  const route = { type, dst: dst!, encap, gateway, dev, metric: metricOrNone, flags };
  return routes[family].has(toldRouteText(route, family)) === line.startsWith("Deleted ");
}

/** Routes that the kernel makes with an address of an interface, and takes with it. */
export function isOfKernel(line: string): boolean {
  return line.includes(" proto kernel ");
}

/** True when a line tells of a route to pods to which ours leads in the clear: it may have taken the place of ours, of which nothing is told then. */
export function tellsOfPlace(line: string, clear: readonly ClearPeerText[] = []): boolean {
  const place = clear.length === 0 ? undefined : PLACE.exec(line)?.[2];
  if (place === undefined) return false;
  const text = prefixText(place) ?? place;
  return clear.some(({ podCidrs }) => podCidrs.includes(text));
}

/** True when routes of ours lead into the interface that the line is about: without a word they go with it, or when it is down. */
export function takesRoutes(
  line: string,
  { routes, hostRouting }: Pick<ObservedState, "routes" | "hostRouting">,
): boolean {
  const dev = ` dev ${LINK.exec(line)?.[1]} `;
  return [routes, hostRouting].some((all) =>
    all !== undefined && [all[4], all[6]].some((texts) => texts.values().some((text) => text.includes(dev)))
  );
}
