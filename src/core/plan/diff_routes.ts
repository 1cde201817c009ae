// Our routes: what is missing is added before what is not wanted goes.

import type { DesiredState, Route } from "../desired/desired_state.ts";
import { addressOf, type Family } from "../net/address.ts";
import { firstBehind } from "../net/first_behind.ts";
import { overlaps, parsePrefix, prefixOf } from "../net/prefix.ts";
import { refused } from "../net/refusal.ts";
import type { ObservedState } from "../observed/observed_state.ts";
import { differences } from "./differences.ts";
import { isClear, isWrapping } from "../transport/clear_peers.ts";
import { isUpOverlay } from "./diff_overlay.ts";
import { deviceOf, takeOver } from "./take_over.ts";
import { type Change, FEW, type Part, STAGE, type Step } from "./plan.ts";

const LISTS = ["tunnel", "clear", "unreachable"] as const;

/**
 * Steps for the routes of both families.
 * @param isBlocked there can be no tunnel: no route leads there, and yet none that leaves in the clear may stay
 */
export function diffRoutes(desired: DesiredState, observed: ObservedState, isBlocked = false): Step[] {
  const lists = listsOf(desired.routes);
  const isSecured = (text: string) => text.includes(` dev ${desired.ipsec.name} `);
  return ([4, 6] as const).flatMap((family) => {
    const { missing, surplus: unsorted } = differences(lists[family], observed.routes[family], textOf);
    const [tunnel, clear, behind] = LISTS.map((type) =>
      missing.filter((route) => route.type === type).map(textOf)
    ) as [string[], string[], string[]];
    const isSpared = sparedIn(desired, family);
    const replaced = new Set(clear.map(placeOf));
    const isStaying = (text: string) => replaced.has(placeOf(text)) || isSpared(text);
    const isLeaving = (text: string, is = isClear) => is(text) && !isStaying(text);
    // Unreachable routes go first: behind a wider tunnel route they would cut off what it still carries.
    const sorted = [...unsorted].sort().reverse();
    const over = takeOver(desired, family, {
      observed,
      surplus: sorted,
      isLeaving: (text) => tunnel.length > 0 && !isBlocked && (isLeaving(text) || isLeaving(text, isSecured)),
    });
    const comers = sorted.length === 0 ? NONE : new Set([...behind, ...clear, ...tunnel].map(placeOf));
    const fateOf = (text: string) => {
      if (over.texts.has(text)) return "flushed";
      if (isLeaving(text)) return "dropped";
      if (comers.has(placeOf(text))) return "replaced";
      return isSpared(text) ? "spared" : "gone";
    };
    const { dropped = [], gone = [] } = Object.groupBy(sorted, fateOf);
    const surplus = dropped.length === 0 ? sorted : [...new Set(sorted).difference(new Set(dropped))];
    const isCovered = coveredBy(sorted);
    const clearSteps = [
      ...clearAdditions(clear, { desired, observed }, { family, surplus, isSecured }),
      ...over.steps,
      // Others before the tunnel's, and whether these can be had or not.
      ...routeStep({ family, verb: "del", stage: STAGE.clearDeletion, surplus: [] }, dropped),
    ];
    if (isBlocked) return clearSteps;
    return [
      ...routeStep(
        { family, verb: "replace", stage: STAGE.table, surplus },
        behind.filter((text) => !isCovered(text)),
      ),
      ...clearSteps,
      ...routeStep(
        { family, verb: "replace", stage: tunnelStage(observed, tunnel, sorted), surplus },
        [...tunnel, ...behind.filter(isCovered)],
      ),
      ...routeStep({ family, verb: "del", stage: STAGE.deletions, surplus: [] }, gone),
    ];
  });
}

/** Beside the peers, unless something carries packets as yet: a few would find no peer. */
function tunnelStage({ link }: ObservedState, tunnel: readonly string[], surplus: readonly string[]): number {
  const isBeside = link === undefined && tunnel.length <= FEW && !surplus.some(isClear);
  return isBeside ? STAGE.configure : STAGE.tunnel;
}

/** Who was expected to take it is sent to before the rules count on it; others behind the table, and behind the interface that wraps. */
function clearAdditions(
  clear: readonly string[],
  { desired, observed }: { readonly desired: DesiredState; readonly observed: ObservedState },
  { family, surplus, isSecured }: Pick<RouteBatch, "family" | "surplus"> & {
    readonly isSecured: (text: string) => boolean;
  },
): Step[] {
  const { table, ipsec } = observed;
  const near = table?.sets.get(`near-v${family}`) ?? NONE;
  // By another interface than the rules know nothing leaves yet.
  const isKnown = (text: string) => table?.structure.includes(`"${deviceOf(text)}"`) === true;
  const isExpected = (text: string) =>
    near.has(text.slice(0, text.indexOf(" "))) && isKnown(text) &&
    (!isWrapping(text) || isUpOverlay(desired, observed, deviceOf(text))) &&
    (ipsec?.link?.isUp === true || !isSecured(text));
  const batch = {
    ...{ family, verb: "replace", surplus, isClear: true, isSecured: clear.some(isSecured) } as const,
  };
  return [
    ...routeStep({ ...batch, stage: STAGE.expected }, clear.filter(isExpected)),
    ...routeStep({ ...batch, stage: STAGE.link }, clear.filter((text) => !isExpected(text))),
  ];
}

/** What stays although nobody wants it: of routes in the clear none to pods that are known, nor where nothing may leave so. */
function sparedIn(
  { spared, settled, clearFamilies = [] }: DesiredState,
  family: Family,
): (text: string) => boolean {
  if (spared === undefined) return () => false;
  const isKnown = (text: string) => {
    const prefix = parsePrefix(/\S+\/\d+/.exec(text)?.[0]);
    return !refused(prefix) && settled.some(({ podCidrs }) => podCidrs.some((pod) => overlaps(pod, prefix)));
  };
  return (text) =>
    spared.routes.has(text) && (!isClear(text) || clearFamilies.includes(family) && !isKnown(text));
}

/** Where no route is to go, places need not be compared: a first load has 20,000 of them. */
const NONE: ReadonlySet<string> = new Set();
const textOf = ({ text }: Route) => text;

/** The lists by family: routes to pods, unreachable ones. The routes come in that order, IPv4 before IPv6 in each. */
function listsOf(routes: readonly Route[]): Record<Family, readonly (readonly Route[])[]> {
  const behind = firstBehind(routes, ({ type }) => type === "unreachable");
  const halves = [routes.slice(0, behind), routes.slice(behind)];
  const splits = halves.map((half) => firstBehind(half, ({ family }) => family === 6));
  return {
    4: halves.map((half, i) => half.slice(0, splits[i])),
    6: halves.map((half, i) => half.slice(splits[i])),
  };
}

/**
 * Tells whether a wider route of these, which are not wanted, carries what this route is for: until a tunnel route
 * of its own stands, an unreachable one there would cut off living traffic (a node leaves, and 10.244.2.0/23 becomes 10.244.2.0/24).
 */
function coveredBy(surplus: readonly string[]): (text: string) => boolean {
  const destinations = new Set<string>();
  const lengths = new Set<number>();
  for (const route of surplus) {
    if (route.startsWith("unreachable")) continue;
    const destination = route.slice(0, route.indexOf(" "));
    destinations.add(destination);
    lengths.add(Number(destination.slice(destination.indexOf("/") + 1)));
  }
  if (lengths.size === 0) return () => false;
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
  /** One that the kernel refuses, for what it has of others', must hold up no other: a part of its own, each for itself. */
  readonly isClear?: true;
  /** What it leads into encrypts. */
  readonly isSecured?: boolean;
}

function routeStep(batch: RouteBatch, texts: readonly string[]): Step[] {
  const { family, verb, stage, surplus, isClear, isSecured } = batch;
  if (texts.length === 0) return [];
  const taken = surplus.length === 0 ? NONE : new Set(texts.map(placeOf));
  const isAdded = verb === "replace";
  const change = (text: string): Change => ({
    op: isAdded ? "+" : "-",
    kind: "route",
    target: "",
    text,
    reason: isAdded ? "missing" : "not wanted",
  });
  // A route that vanished meanwhile must not keep the others from being deleted: -force goes on and still reports it.
  const args = isAdded && !isClear ? ["-batch"] : [`-${family}`, "-force", "-batch"];
  const input = texts.map((text) => `route ${verb} ${text}\n`).join("");
  return [{
    part: isClear ? `clear-v${family}` : `routes-v${family}`,
    stage,
    needs: isSecured ? ["ipsec"] : needsOf(stage, isAdded && texts.some(isWrapping)),
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

function needsOf(stage: number, isWrapping: boolean): readonly Part[] {
  if (stage === STAGE.tunnel || stage === STAGE.configure) return ["link"];
  return isWrapping ? ["overlay"] : [];
}
