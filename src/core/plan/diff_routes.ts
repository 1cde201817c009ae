// Our routes: what is missing is added before what is not wanted goes.

import type { DesiredState, Route } from "../desired/desired_state.ts";
import { addressOf } from "../net/address.ts";
import { parsePrefix, prefixOf } from "../net/prefix.ts";
import { refused } from "../net/refusal.ts";
import type { ObservedState } from "../observed/observed_state.ts";
import { routeText } from "../render/render_network.ts";
import { type Change, STAGE, type Step } from "./plan.ts";

/** Steps for the routes of both families. */
export function diffRoutes(desired: DesiredState, observed: ObservedState): Step[] {
  const name = desired.interfaceName;
  return ([4, 6] as const).flatMap((family) => {
    const wanted = desired.routes.filter((route) => route.family === family);
    const present = observed.routes[family];
    const missing: Record<Route["type"], string[]> = { tunnel: [], unreachable: [] };
    for (const route of wanted) {
      const text = routeText(route, name);
      if (!present.has(text)) missing[route.type].push(text);
    }
    const { tunnel, unreachable: behind } = missing;
    const kept = wanted.length - tunnel.length - behind.length;
    // Most passes find nothing, and a few one Node among thousands: what is not asked for is not computed.
    const surplus = kept === present.size
      ? []
      : surplusOf(present, wanted.map((route) => routeText(route, name)));
    const isCovered = behind.length === 0 ? () => false : coveredBy(present);
    const taken = new Set([...behind, ...tunnel].map(placeOf));
    const gone = desired.isPartial ? [] : surplus.filter((text) => !taken.has(placeOf(text)));
    return [
      ...routeStep(
        { family, verb: "replace", stage: STAGE.link, surplus },
        behind.filter((text) => !isCovered(text)),
      ),
      ...routeStep(
        { family, verb: "replace", stage: STAGE.tunnel, surplus },
        [...tunnel, ...behind.filter(isCovered)],
      ),
      ...routeStep({ family, verb: "del", stage: STAGE.deletions, surplus: [] }, gone),
    ];
  });
}

/** What is not wanted. Unreachable routes go first: behind a wider tunnel route they would cut off what it still carries. */
function surplusOf(present: Iterable<string>, wanted: readonly string[]): string[] {
  const texts = new Set(wanted);
  return [...present].filter((text) => !texts.has(text)).sort().reverse();
}

/**
 * Tells whether a wider route of these carries what this route is for: until a tunnel route of its own stands, an
 * unreachable one there would cut off living traffic (a node leaves, and 10.244.2.0/23 becomes 10.244.2.0/24).
 */
function coveredBy(present: Iterable<string>): (text: string) => boolean {
  const destinations = new Set<string>();
  const lengths = new Set<number>();
  for (const route of present) {
    if (route.startsWith("unreachable")) continue;
    const destination = route.slice(0, route.indexOf(" "));
    destinations.add(destination);
    lengths.add(Number(destination.slice(destination.indexOf("/") + 1)));
  }
  return (route) => {
    const prefix = parsePrefix(/\S+\/\d+/.exec(route)?.[0]);
    if (refused(prefix)) return false;
    const { family, value, length } = prefix;
    return [...lengths].some((shorter) =>
      shorter < length && destinations.has(prefixOf(addressOf(family, value), shorter).text)
    );
  };
}

/** Two routes of one place, the kernel's key of a route, cannot both stand: `replace` puts the new one over the old one. */
function placeOf(text: string): string {
  return [/\S+\/\d+|default/, / tos \S+/, / metric \S+/].map((part) => part.exec(text)?.[0] ?? "").join("");
}

interface RouteBatch {
  readonly family: 4 | 6;
  readonly verb: "replace" | "del";
  readonly stage: number;
  /** Routes that are not wanted, some of which the new ones replace. */
  readonly surplus: readonly string[];
}

function routeStep({ family, verb, stage, surplus }: RouteBatch, texts: readonly string[]): Step[] {
  if (texts.length === 0) return [];
  const taken = new Set(texts.map(placeOf));
  const isAdded = verb === "replace";
  const change = (text: string): Change => ({
    op: isAdded ? "+" : "-",
    kind: "route",
    target: "",
    text,
    reason: isAdded ? "missing" : "not wanted",
  });
  // A route that vanished meanwhile must not keep the others from being deleted: -force goes on and still reports it.
  const args = [`-${family}`, ...(isAdded ? [] : ["-force"]), "-batch"];
  const input = texts.map((text) => `route ${verb} ${text}\n`).join("");
  return [{
    part: "routes",
    stage,
    needs: stage === STAGE.tunnel ? ["link"] : [],
    changes: texts.map(change),
    actions: [{ kind: "run", program: "ip", args, input }],
    confirms: {
      routes: {
        family,
        added: isAdded ? texts : [],
        deleted: isAdded ? surplus.filter((text) => taken.has(placeOf(text))) : texts,
      },
    },
  }];
}
