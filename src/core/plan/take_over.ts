// Routes in the clear whose packets the tunnel takes over: they stand until its routes do, and go then, whether these could be had or not.

import { type DesiredState, ROUTE_PROTOCOL } from "../desired/desired_state.ts";
import type { Family } from "../net/address.ts";
import type { ObservedState } from "../observed/observed_state.ts";
import { type Change, FEW, STAGE, type Step } from "./plan.ts";

/** Of the routes that an agent makes only those in the clear have a gateway, or wrap. */
export function isClear(text: string): boolean {
  return text.includes(" via ") || isWrapping(text);
}

/** How packets are wrapped is said by the route. */
export function isWrapping(text: string): boolean {
  return text.includes(" encap ");
}

/** A family that nothing may leave in the clear any more still has routes for that. */
export function isReturning(
  { clearFamilies = [] }: DesiredState,
  { routes }: Pick<ObservedState, "routes">,
  family: Family,
): boolean {
  return !clearFamilies.includes(family) && routes[family].values().some(isClear);
}

/** What is taken over. */
export interface TakeOver {
  readonly steps: readonly Step[];
  /** Routes that go with these steps. */
  readonly texts: ReadonlySet<string>;
}

const NOTHING: TakeOver = { steps: [], texts: new Set() };

/**
 * @param surplus all routes of the family that are not wanted
 * @param isLeaving true for those in the clear that go, and that no other one takes the place of
 */
export function takeOver(
  { routes, spared, clearFamilies = [] }: DesiredState,
  family: Family,
  { surplus, isLeaving }: {
    readonly surplus: readonly string[];
    readonly isLeaving: (text: string) => boolean;
  },
): TakeOver {
  const leaving = surplus.filter(isLeaving);
  const isWhole = !clearFamilies.includes(family);
  // A flush lists all routes: one for each interface does where all go.
  if (leaving.length === 0 || spared !== undefined || !isWhole && leaving.length > FEW) return NOTHING;
  const selectorOf = (text: string) => {
    const by = `dev ${/ dev (\S+)/.exec(text)?.[1]} proto ${ROUTE_PROTOCOL}`;
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
