// Routes in the clear whose packets the tunnel takes over: they stand until the tunnel's do, and then go, whether the tunnel's could be
// had or not. That is so only where nothing slow lies before it: else the guard comes first, and nobody waits for a tunnel in the clear.

import { type DesiredState, ROUTE_PROTOCOL } from "../desired/desired_state.ts";
import type { Family } from "../net/address.ts";
import type { ObservedState } from "../observed/observed_state.ts";
import { isClear } from "../transport/clear_peers.ts";
import { areUp } from "./diff_overlay.ts";
import { type Change, STAGE, type Step } from "./plan.ts";

/**
 * A family that may leave beside the tunnel by the table that stands, and by routes, but must not any more, or not by their interfaces, and the
 * tunnel can take their place at once.
 */
export function isReturning(
  { clearFamilies = [], overlay, ipsec, table }: Pick<
    DesiredState,
    "clearFamilies" | "overlay" | "ipsec" | "table"
  >,
  observed: Standing & Pick<ObservedState, "routes" | "table">,
  family: Family,
): boolean {
  if (observed.table?.sets.has(`clear-v${family}`) !== true || !isAtHand({ overlay }, observed)) return false;
  const known = clearFamilies.includes(family) ? table.defines[`clear_v${family}`] : undefined;
  return observed.routes[family].values().some((text) =>
    (isClear(text) || deviceOf(text) === ipsec.name) && known?.includes(`"${deviceOf(text)}"`) !== true
  );
}

/** The interface that a route leads by, as its text says it; empty: none. */
export function deviceOf(route: string): string {
  return / dev (\S+)/.exec(route)?.[1] ?? "";
}

type Standing = Pick<ObservedState, "link" | "wireguard" | "overlay" | "leftOverlay">;

/**
 * The interface stands and is served: making it takes seconds where it fails, and each start anew of an agent that is killed. And
 * no other one is about to come up, of whose packets the table must decide first.
 */
function isAtHand(wish: Pick<DesiredState, "overlay">, observed: Standing): boolean {
  return observed.link !== undefined && observed.wireguard !== undefined && areUp(wish, observed);
}

/** What is taken over. */
export interface TakeOver {
  readonly steps: readonly Step[];
  /** Routes that go with these steps. */
  readonly texts: ReadonlySet<string>;
}

/** A flush lists all routes: ten of them among 20,000 took 166 ms, and a hundred 1.6 s (kernel 6.18, ip 6.1, 2026-11-23). */
const MOST_LISTED = 200_000;

const NOTHING: TakeOver = { steps: [], texts: new Set() };

/**
 * @param surplus all routes of the family that are not wanted
 * @param isLeaving true for those in the clear that go, and that no other one takes the place of
 */
export function takeOver(
  { routes, spared, overlay, clearFamilies = [] }: DesiredState,
  family: Family,
  { observed, surplus, isLeaving }: {
    readonly observed: Standing & Pick<ObservedState, "routes">;
    readonly surplus: readonly string[];
    readonly isLeaving: (text: string) => boolean;
  },
): TakeOver {
  const leaving = surplus.filter(isLeaving);
  const isWhole = !clearFamilies.includes(family);
  if (isWhole && !isAtHand({ overlay }, observed)) return NOTHING;
  if (leaving.length === 0 || spared !== undefined) return NOTHING;
  // One for each interface does where all go.
  if (!isWhole && leaving.length * observed.routes[family].size > MOST_LISTED) return NOTHING;
  const selectorOf = (text: string) => {
    const by = `dev ${deviceOf(text)} proto ${ROUTE_PROTOCOL}`;
    return isWhole ? by : `exact ${text.slice(0, text.indexOf(" "))} ${by}`;
  };
  const kept = new Set(routes.filter((route) => route.family === family).map(({ text }) => selectorOf(text)));
  const selectors = new Set(leaving.map(selectorOf)).difference(kept);
  const texts = surplus.filter((text) => selectors.has(selectorOf(text)));
  if (texts.length === 0) return NOTHING;
  return { steps: [flushStep(family, selectors, texts)], texts: new Set(texts) };
}

/** What the tunnel's routes have taken the place of is not there any more, and that is no failure of a flush. */
function flushStep(family: Family, selectors: ReadonlySet<string>, texts: readonly string[]): Step {
  const reason = "not wanted";
  const input = [...selectors].map((selector) => `route flush ${selector}\n`).join("");
  return {
    part: `clear-v${family}`,
    stage: STAGE.clearRemains,
    needs: [],
    changes: texts.map((text): Change => ({ op: "-", kind: "route", target: "", text, reason })),
    actions: [{ kind: "run", program: "ip", args: [`-${family}`, "-force", "-batch"], input }],
    confirms: { routes: { family, added: [], deleted: texts } },
  };
}
