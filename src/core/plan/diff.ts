// DesiredState and ObservedState -> Plan. Additions before deletions; the guard stands before anything carries packets.

import type { DesiredState } from "../desired/desired_state.ts";
import { SET_NAMES } from "../desired/desired_state.ts";
import { addressOf } from "../net/address.ts";
import { parsePrefix, type Prefix, prefixOf } from "../net/prefix.ts";
import { refused } from "../net/refusal.ts";
import type { ObservedState } from "../observed/observed_state.ts";
import { renderCni, routeText } from "../render/render_network.ts";
import { renderDeltas, renderTable, type SetDelta } from "../render/render_table.ts";
import { diffLink, foreignKind } from "./diff_link.ts";
import { diffPeers } from "./diff_peers.ts";
import { type Change, type Plan, STAGE, type Step } from "./plan.ts";

/**
 * What must be done so that the host has what is wanted.
 * @param nowSeconds seconds since 1970, to tell living WireGuard sessions from dead ones
 */
export function diff(desired: DesiredState, observed: ObservedState, nowSeconds: number): Plan {
  const blocked = foreignKind(desired, observed);
  const steps = [
    ...diffTable(desired, observed),
    ...(blocked === undefined
      ? [...diffLink(desired, observed), ...diffPeers(desired, observed, nowSeconds)]
      : []),
    ...(blocked === undefined ? diffRoutes(desired, observed) : []),
    ...diffCni(desired, observed),
  ];
  return {
    steps: steps.sort((a, b) => a.stage - b.stage),
    waiting: blocked === undefined ? desired.waiting : [...desired.waiting, blocked],
    rejected: desired.rejected,
  };
}

function diffTable({ table }: DesiredState, { table: observed, reference }: ObservedState): Step[] {
  const reason = observed === undefined
    ? "missing"
    : observed.structure !== reference
    ? "its rules differ"
    : observed.hasFlags
    ? "it is dormant"
    : undefined;
  if (observed === undefined || reason !== undefined) return [replaceTable(table, reason ?? "missing")];
  const deltas = SET_NAMES.map((name): SetDelta => {
    const members = observed.sets.get(name) ?? new Set();
    const wanted = new Set(table.sets[name]);
    return {
      name,
      added: table.sets[name].filter((text) => !members.has(text)),
      deleted: [...members].filter((text) => !wanted.has(text)).sort(),
    };
  }).filter(({ added, deleted }) => added.length + deleted.length > 0);
  // A member that is no prefix cannot be deleted by its text.
  if (deltas.some(({ deleted }) => deleted.some((text) => refused(parsePrefix(text))))) {
    return [replaceTable(table, "a set has members that are not prefixes")];
  }
  return deltas.length === 0 ? [] : [deltaStep(deltas)];
}

function replaceTable(table: DesiredState["table"], reason: string): Step {
  const changes: Change[] = [{
    op: "~",
    kind: "table",
    target: "inet wigglenet",
    text: table.templates.join(" "),
    reason,
  }];
  for (const name of SET_NAMES) {
    if (table.sets[name].length > 0) {
      changes.push({ op: "+", kind: "element", target: name, text: table.sets[name].join(", "), reason });
    }
  }
  const input = renderTable(table);
  return {
    part: "table",
    stage: STAGE.table,
    needs: [],
    changes,
    actions: [{ kind: "run", program: "nft", args: ["-f"], input }],
  };
}

/** One transaction: early when it adds (guard before routes), late when it only deletes (routes first). */
function deltaStep(deltas: readonly SetDelta[]): Step {
  const changes = deltas.flatMap(({ name, added, deleted }): Change[] => [
    ...added.map((text): Change => ({ op: "+", kind: "element", target: name, text, reason: "missing" })),
    ...deleted.map((text): Change => ({
      op: "-",
      kind: "element",
      target: name,
      text,
      reason: "not wanted",
    })),
  ]);
  return {
    part: "table",
    stage: deltas.some(({ added }) => added.length > 0) ? STAGE.table : STAGE.tableDeletions,
    needs: [],
    changes,
    actions: [{ kind: "run", program: "nft", args: ["-f"], input: renderDeltas(deltas) }],
    confirms: { elements: deltas },
  };
}

function diffRoutes(desired: DesiredState, observed: ObservedState): Step[] {
  const name = desired.interfaceName;
  return ([4, 6] as const).flatMap((family) => {
    const wanted = desired.routes.filter((route) => route.family === family);
    const texts = new Set(wanted.map((route) => routeText(route, name)));
    const present = observed.routes[family];
    const [behind, tunnel] = ["unreachable", "tunnel"].map((type) =>
      wanted.filter((route) => route.type === type).map((route) => routeText(route, name)).filter((text) =>
        !present.has(text)
      )
    ) as [string[], string[]];
    // Unreachable routes go first: behind a wider tunnel route they would cut off what it still carries.
    const surplus = [...present].filter((text) => !texts.has(text)).sort().reverse();
    const isCovered = coveredBy([...present].filter((text) => !text.startsWith("unreachable")));
    const taken = new Set([...behind, ...tunnel].map(placeOf));
    const gone = surplus.filter((text) => !taken.has(placeOf(text)));
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

/**
 * Tells whether a wider one of these routes carries what this route is for: until a tunnel route of its own stands,
 * an unreachable one there would cut off living traffic (a node leaves, and 10.244.2.0/23 becomes 10.244.2.0/24).
 */
function coveredBy(routes: readonly string[]): (text: string) => boolean {
  const wide = prefixesOf(routes);
  const destinations = new Set(wide.map(({ text }) => text));
  const lengths = [...new Set(wide.map(({ length }) => length))];
  return (route) =>
    prefixesOf([route]).some(({ family, value, length }) =>
      lengths.some((shorter) =>
        shorter < length && destinations.has(prefixOf(addressOf(family, value), shorter).text)
      )
    );
}

function prefixesOf(routes: readonly string[]): Prefix[] {
  const prefixes = routes.map((route) => parsePrefix(/\S+\/\d+/.exec(route)?.[0]));
  return prefixes.filter((prefix): prefix is Prefix => !refused(prefix));
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

/**
 * The file itself stands in /run, and the CNI folder holds a link to it: a booted node has no pod network before
 * the agent has run (docs/decisions/0004).
 */
function diffCni({ cni, cniPath }: DesiredState, { cni: observed }: ObservedState): Step[] {
  const path = cniTarget(cniPath);
  if (cni === undefined) return observed.linkTarget === path ? [removeCni(cniPath)] : [];
  const text = renderCni(cni);
  const reason = observed.text === undefined
    ? "missing"
    : observed.text !== text
    ? "its content differs"
    : observed.linkTarget !== path
    ? "it is no link into /run"
    : undefined;
  if (reason === undefined) return [];
  const op = observed.text === undefined ? "+" : "~";
  return [{
    part: "cni",
    stage: STAGE.cni,
    needs: ["table"],
    changes: [{
      op,
      kind: "cni",
      target: cniPath,
      text: `${cni.podCidrs.join(", ")}, mtu ${cni.mtuBytes ?? "unknown"}`,
      reason,
    }],
    actions: [{ kind: "writeFile", path, text, linkFrom: cniPath }],
  }];
}

/** First of all, so that no pod is attached to what is taken down. A file that is no link of ours is somebody else's. */
function removeCni(path: string): Step {
  const reason = "the node has no pod network of ours";
  return {
    part: "cni",
    stage: STAGE.table,
    needs: [],
    changes: [{ op: "-", kind: "cni", target: path, text: "", reason }],
    actions: [{ kind: "removeFiles", paths: [path, cniTarget(path)] }],
  };
}

/** Where the CNI path links to: named after it, so that two paths never share a file. */
export function cniTarget(path: string): string {
  return `/run/wigglenet/cni${path.replaceAll("/", "-")}`;
}
