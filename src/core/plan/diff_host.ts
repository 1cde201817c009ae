// The rule and the routes by which node addresses go into the tunnel (docs/decisions/0054).

import { type DesiredState, ROUTE_PROTOCOL } from "../desired/desired_state.ts";
import type { Family } from "../net/address.ts";
import type { ObservedState } from "../observed/observed_state.ts";
import { type Change, STAGE, type Step } from "./plan.ts";

/** Steps for both families. The default route of the table goes with the interface, and comes once that is there again. */
export function diffHostRouting(
  { hostRouting, interfaceName }: DesiredState,
  observed: ObservedState,
): Step[] {
  return ([4, 6] as const).flatMap((family) => {
    const wanted = hostRouting?.[family] ?? [];
    const isGone = (text: string) => observed.link === undefined && text.includes(` dev ${interfaceName} `);
    const has = [...observed.hostRouting?.[family] ?? []].filter((text) => !isGone(text));
    return [
      ...batch(family, "+", wanted.filter((text) => !has.includes(text))),
      ...batch(family, "-", has.filter((text) => !wanted.includes(text)).sort()),
    ];
  });
}

function batch(family: Family, op: "+" | "-", texts: readonly string[]): Step[] {
  if (texts.length === 0) return [];
  const isAdded = op === "+";
  const reason = isAdded ? "missing" : "not wanted";
  return [{
    part: `host-v${family}`,
    stage: isAdded ? STAGE.tunnel : STAGE.deletions,
    needs: isAdded ? ["link"] : [],
    changes: texts.map((text): Change => {
      const [kind, ...words] = text.split(" ");
      return { op, kind: kind!, target: `IPv${family}`, text: `${words.join(" ")}${inTable(text)}`, reason };
    }),
    actions: [{
      kind: "run",
      program: "ip",
      args: [`-${family}`, ...(isAdded ? [] : ["-force"]), "-batch"],
      input: texts.map((text) => `${lineOf(text, isAdded)}\n`).join(""),
    }],
  }];
}

/** A rule is of no table of its own, but leads to one. */
function inTable(text: string): string {
  return text.startsWith("route ") ? ` table ${ROUTE_PROTOCOL}` : "";
}

function lineOf(text: string, isAdded: boolean): string {
  const [kind, ...words] = text.split(" ");
  const verb = !isAdded ? "del" : kind === "rule" ? "add" : "replace";
  return `${kind} ${verb} ${words.join(" ")}${inTable(text)}`;
}
