// The rules and the routes by which node addresses go into the tunnel (docs/decisions/0054), or ESP goes in UDP (docs/decisions/0066).

import { type DesiredState, ROUTE_PROTOCOL } from "../desired/desired_state.ts";
import type { Family } from "../net/address.ts";
import type { ObservedState } from "../observed/observed_state.ts";
import { type Change, type Part, STAGE, type Step } from "./plan.ts";

/** Steps for both families. Routes of the table go with their interface, and come once that is there again. */
export function diffHostRouting(
  { hostRouting, interfaceName, overlay: { name, link, left } }: DesiredState,
  observed: ObservedState,
): Step[] {
  const absent = [
    ...(observed.link === undefined ? [interfaceName] : []),
    ...(observed.overlay === undefined ? [name] : []),
    ...(left !== undefined && observed.leftOverlay === undefined ? [left.name] : []),
  ];
  const isInUdp = [link, left?.link].some((overlay) => overlay?.carries === "esp");
  const needed: Part = isInUdp ? "overlay" : "link";
  return ([4, 6] as const).flatMap((family) => {
    const wanted = hostRouting?.[family] ?? [];
    const isGone = (text: string) => absent.some((name) => text.includes(` dev ${name} `));
    const has = new Set([...observed.hostRouting?.[family] ?? []].filter((text) => !isGone(text)));
    const places = new Set(wanted.map(placeOf));
    return [
      ...batch({ family, op: "+", needed }, wanted.filter((text) => !has.has(text))),
      ...batch({ family, op: "-", needed }, [...has].filter((text) => !places.has(placeOf(text))).sort()),
    ];
  });
}

/** Of a route that another one replaces, its destination: it is not there any more to be deleted. */
function placeOf(text: string): string {
  const [kind, destination] = text.split(" ");
  const isReplaced = kind === "route" && destination !== "unreachable" && !text.includes(" metric ");
  return isReplaced ? destination! : text;
}

interface Batch {
  readonly family: Family;
  readonly op: "+" | "-";
  /** By which the routes lead. */
  readonly needed: Part;
}

function batch({ family, op, needed }: Batch, texts: readonly string[]): Step[] {
  if (texts.length === 0) return [];
  const isAdded = op === "+";
  const reason = isAdded ? "missing" : "not wanted";
  return [{
    part: `host-v${family}`,
    stage: isAdded ? STAGE.tunnel : STAGE.deletions,
    needs: isAdded ? [needed] : [],
    changes: texts.map((text): Change => {
      const [kind, ...words] = text.split(" ");
      return {
        op,
        kind: kind as "rule" | "route",
        target: `IPv${family}`,
        text: `${words.join(" ")}${inTable(text)}`,
        reason,
      };
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
