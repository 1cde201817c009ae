// `ip -j -batch` of rules and of the routes in our table -> texts as a desired state has them.

import type { Family } from "../net/address.ts";
import { ROUTE_PROTOCOL } from "../desired/desired_state.ts";
import { parseRoutes } from "./parse_network.ts";

interface RuleJson {
  readonly priority?: number;
  readonly not?: unknown;
  readonly src?: string;
  readonly srclen?: number;
  readonly dst?: string;
  readonly dstlen?: number;
  readonly iif?: string;
  readonly oif?: string;
  readonly fwmark?: string;
  readonly fwmask?: string;
  readonly ipproto?: string;
  readonly table?: string;
  readonly protocol?: string;
}

/**
 * Reads what `rule show` and `route show table 146 proto 146` printed, a line each; without such a table the second one is no JSON.
 * @throws SyntaxError when the rules are missing
 */
export function parseHostRouting(output: string, family: Family): Set<string> {
  const [rules = "", routes = ""] = output.split("\n");
  const ours = (JSON.parse(rules) as RuleJson[]).filter(({ protocol }) =>
    protocol === String(ROUTE_PROTOCOL)
  );
  const ways = routes.endsWith("]") ? parseRoutes(routes, family) : [];
  return new Set([...ours.map(ruleText), ...[...ways].map((text) => `route ${text}`)]);
}

/** With all that `ip rule del` needs to find it. */
function ruleText(
  { priority, src, srclen, dst, dstlen, iif, oif, fwmark, fwmask, ipproto, table, ...rest }: RuleJson,
): string {
  const place = (address: string, length: number | undefined) =>
    length === undefined ? address : `${address}/${length}`;
  return [
    "rule",
    ...("not" in rest ? ["not"] : []),
    `pref ${priority}`,
    ...(src === undefined || src === "all" ? [] : [`from ${place(src, srclen)}`]),
    ...(dst === undefined ? [] : [`to ${place(dst, dstlen)}`]),
    ...(iif === undefined ? [] : [`iif ${iif}`]),
    ...(oif === undefined ? [] : [`oif ${oif}`]),
    ...(fwmark === undefined ? [] : [`fwmark ${fwmark}${fwmask === undefined ? "" : `/${fwmask}`}`]),
    ...(ipproto === undefined ? [] : [`ipproto ${ipproto}`]),
    ...(table === undefined ? [] : [`lookup ${table}`]),
    `protocol ${ROUTE_PROTOCOL}`,
  ].join(" ");
}
