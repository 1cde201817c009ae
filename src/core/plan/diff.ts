// DesiredState and ObservedState -> Plan. Additions before deletions; the guard stands before anything carries packets.

import { diffBridge, foreignBridge } from "../bridge/diff_bridge.ts";
import {
  type DesiredState,
  type DesiredTable,
  SET_NAMES,
  type SetName,
  type Waiting,
} from "../desired/desired_state.ts";
import { parsePrefix, type Prefix, withoutNested } from "../net/prefix.ts";
import { refused } from "../net/refusal.ts";
import type { ObservedState, ObservedTable } from "../observed/observed_state.ts";
import { renderPolicyDelta, wholeDelta } from "../render/render_policy.ts";
import { renderDeltas, renderTable, type SetDelta } from "../render/render_table.ts";
import { firstDesired } from "../rotation/interfaces.ts";
import { turnOf } from "../rotation/turn.ts";
import { diffHostRouting } from "./diff_host.ts";
import { diffCni } from "./diff_cni.ts";
import { diffFastpath } from "./diff_fastpath.ts";
import { awaitedServer, diffLink, foreignKind, keptKey, makeLink, withoutOther } from "./diff_link.ts";
import { diffOverlay, foreignOverlays, withoutForeign, withoutOtherOverlays } from "./diff_overlay.ts";
import { diffIpsec, withoutForeignXfrm } from "./diff_ipsec.ts";
import { diffPeers } from "./diff_peers.ts";
import { differences } from "./differences.ts";
import { diffRoutes } from "./diff_routes.ts";
import { isReturning } from "./take_over.ts";
import { becauseOf, diffRotation } from "./diff_rotation.ts";
import { type Change, type Plan, STAGE, type Step } from "./plan.ts";
import { replacements } from "./replace_table.ts";

/**
 * What must be done so that the host has what is wanted. What is spared is not removed.
 * @param steadySeconds of a clock that nobody sets, to tell living WireGuard sessions from dead ones
 */
export function diff(desired: DesiredState, host: ObservedState, steadySeconds: number): Plan {
  const observed = withoutLeft(desired, host);
  const blocked = foreignKind(desired, observed);
  const standing = withoutOtherOverlays(desired, withoutOther(desired, observed));
  const awaited = blocked === undefined ? awaitedServer(desired, standing) : undefined;
  const foreign = foreignBridge(desired, observed);
  const turn = turnOf(desired, observed, steadySeconds);
  const first = withoutForeignXfrm(withoutForeign(firstDesired(desired, observed, turn), observed), observed);
  const ipsec = diffIpsec(desired, observed);
  const rotation = diffRotation(desired, observed, { turn, steadySeconds });
  const all = [
    ...inTurn(diffTable(desired, observed), desired, standing),
    ...(blocked === undefined
      ? [
        ...diffLink(first, observed),
        ...diffPeers(first, standing, steadySeconds),
        ...becauseOf(turn, diffRoutes(first, standing), observed.second),
        ...diffHostRouting(first, standing),
        ...makeLink(first, observed),
        ...rotation.steps,
      ]
      : diffRoutes(first, standing, true)),
    ...diffOverlay(desired, observed),
    ...ipsec.steps,
    ...diffFastpath(desired, observed),
    ...diffSysctls(desired),
    ...(foreign === undefined ? [...diffBridge(desired, observed), ...diffCni(desired, observed)] : []),
  ];
  const { steps, held } = heldBack(all, { awaited, isCarried: isCarried(desired, observed) });
  return {
    steps: steps.sort((a, b) => a.stage - b.stage),
    waiting: [
      ...desired.waiting,
      ...turn.waiting,
      ...ipsec.waiting,
      ...[
        blocked,
        foreign,
        awaited,
        rotation.waiting,
        keptKey(desired, observed),
        ...foreignOverlays(desired, observed),
        held,
      ].filter((item) => item !== undefined),
    ],
    rejected: desired.rejected,
    ...(turn.own && { ownTurn: turn.own }),
    ...ipsec.greeted.length > 0 && { greeted: ipsec.greeted },
  };
}

/** Without a tunnel that is to be left alone. */
function withoutLeft({ isTunnelLeft }: DesiredState, host: ObservedState): ObservedState {
  return isTunnelLeft ? { ...host, link: undefined, wireguard: undefined, userspacePids: [] } : host;
}

/**
 * The table that lets nothing leave in the clear any more comes behind the tunnel's routes where these can be had at once, so that nothing is
 * dropped. Before them what still comes so is believed whatever way leads back.
 */
function inTurn(steps: readonly Step[], desired: DesiredState, observed: ObservedState): readonly Step[] {
  const { table } = observed;
  if (table === undefined || steps.length === 0) return steps;
  const families = ([4, 6] as const).filter((family) => isReturning(desired, observed, family));
  if (families.length === 0) return steps;
  const expected = families.flatMap((family): SetDelta[] => {
    const near = table.sets.get(`near-v${family}`);
    const added = desired.table.sets[`late-v${family}`].filter((text) => near?.has(text) === false);
    return added.length === 0 ? [] : [{ name: `near-v${family}`, added, deleted: [] }];
  });
  const later = steps.map((step) => ({ ...step, stage: STAGE.lateTable }));
  return expected.length === 0 ? later : [deltaStep(expected), ...later];
}

const UNCARRIED: Waiting = {
  what: "table",
  why: "it must be made anew, and what the policies in it say is not known yet",
  next: "wigglenet status tells what of the policies is waited for",
  isBlocking: true,
};

/** What can be done of it, and what the policies hold back. */
function heldBack(
  all: readonly Step[],
  { awaited, isCarried }: { readonly awaited: Waiting | undefined; readonly isCarried: boolean },
): { readonly steps: Step[]; readonly held: Waiting | undefined } {
  const due = all.filter(({ needs }) => awaited === undefined || !needs.includes("link"));
  const steps = due.filter(({ holdsPolicy }) => isCarried || !holdsPolicy);
  return { steps, held: steps.length < due.length ? UNCARRIED : undefined };
}

/** A table that is made anew has the policies in it again: those that are known, or none were there. */
function isCarried({ policy }: DesiredState, { table }: ObservedState): boolean {
  if (policy !== undefined || table === undefined) return true;
  const { sets, chains } = table.policy;
  return sets.size === 0 && [...chains.values()].every((rules) => rules === NO_RULES);
}

/** Packets fill the sets that we do not. */
function hasForeignMembers({ sets }: ObservedTable): boolean {
  return [...sets].some(([name, members]) =>
    members.size > 0 && !(SET_NAMES as readonly string[]).includes(name)
  );
}

const MISSING = "missing";
const NO_RULES = "[]";
const RULES_DIFFER = "its rules differ";
const asText = (text: string) => text;
const EMPTY: ReadonlySet<string> = new Set();

function diffTable(desired: DesiredState, { table: observed, reference, link }: ObservedState): Step[] {
  const { spared } = desired;
  const table = spared !== undefined && observed !== undefined
    ? withGuarded(desired.table, observed, spared.members)
    : desired.table;
  const reason = observed === undefined
    ? MISSING
    : observed.structure !== reference
    ? RULES_DIFFER
    : observed.hasFlags
    ? "it is dormant"
    : hasForeignMembers(observed)
    ? "a set that packets fill has members of somebody else"
    : undefined;
  const deltas = SET_NAMES.map((name): SetDelta => {
    const { missing, surplus } = differences([table.sets[name]], observed?.sets.get(name) ?? EMPTY, asText);
    return { name, added: missing, deleted: [...surplus].sort() };
  }).filter(({ added, deleted }) => added.length + deleted.length > 0);
  // A member that is no prefix cannot be deleted by its text.
  const isOdd = deltas.some(({ deleted }) => deleted.some((text) => refused(parsePrefix(text))));
  const why = reason ?? (isOdd ? "a set has members that are not prefixes" : undefined);
  if (why === undefined) return deltas.length === 0 ? [] : [deltaStep(deltas, table.templates)];
  const isPlain = !isOdd && (why === MISSING || why === RULES_DIFFER);
  // Without a tunnel either, as after a boot, there is no pod that could lose a packet to a single transaction.
  const isBare = observed === undefined && desired.link !== undefined && link === undefined;
  const inputs = isPlain && !isBare ? replacements(table, { observed, reference }, deltas) : undefined;
  if (inputs !== undefined) return [replaceTable(table, inputs, why)];
  const policyText = desired.policy === undefined ? "" : renderPolicyDelta(wholeDelta(desired.policy));
  return [{ ...replaceTable(table, [renderTable(table, policyText)], why), holdsPolicy: true }];
}

/** The table that goes on guarding what is spared, also where its rules change or a prefix takes the place of others. */
function withGuarded(
  table: DesiredTable,
  { sets }: ObservedTable,
  spared: ReadonlySet<string>,
): DesiredTable {
  const union = (name: SetName) => {
    const guarded = spared.intersection(sets.get(name) ?? EMPTY);
    const prefixes = [...guarded, ...table.sets[name]].map(parsePrefix);
    return withoutNested(prefixes.filter((prefix): prefix is Prefix => !refused(prefix))).map(({ text }) =>
      text
    );
  };
  const guarded = {
    "pod-cidrs-v4": union("pod-cidrs-v4"),
    "pod-cidrs-v6": union("pod-cidrs-v6"),
    "host-peers-v4": union("host-peers-v4"),
    "host-peers-v6": union("host-peers-v6"),
    // A table that has none has no such set.
    ...(table.templates.includes("clear-v4") &&
      { "clear-v4": union("clear-v4"), "near-v4": union("near-v4") }),
    ...(table.templates.includes("clear-v6") &&
      { "clear-v6": union("clear-v6"), "near-v6": union("near-v6") }),
    ...(table.templates.includes("outer") &&
      { "outer-v4": union("outer-v4"), "outer-v6": union("outer-v6") }),
  };
  return { ...table, sets: { ...table.sets, ...guarded } };
}

function replaceTable(table: DesiredTable, inputs: readonly string[], reason: string): Step {
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
  return {
    part: "table",
    stage: STAGE.table,
    needs: [],
    changes,
    actions: inputs.map((input) => ({ kind: "run", program: "nft", args: ["-f"], input })),
  };
}

/**
 * One transaction: first of all when it adds (guard before routes). When it only deletes it runs beside what deletes routes and
 * peers: nft reads the sets back for it, and no order of the three lets more pass than all of them.
 */
function deltaStep(deltas: readonly SetDelta[], templates: readonly string[] = []): Step {
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
    stage: deltas.some(({ added }) => added.length > 0) ? STAGE.table : STAGE.deletions,
    needs: [],
    changes,
    actions: [{ kind: "run", program: "nft", args: ["-f"], input: renderDeltas(deltas, templates) }],
    confirms: { elements: deltas },
  };
}

/** In one command, in their order. That it is so is seen with the next facts. */
function diffSysctls({ sysctls }: DesiredState): Step[] {
  if (sysctls.length === 0) return [];
  return [{
    part: "sysctl",
    stage: STAGE.table,
    needs: [],
    changes: sysctls.map((text) => ({ op: "~", kind: "sysctl", target: "", text, reason: "pods need it" })),
    actions: [{ kind: "run", program: "sysctl", args: ["-q", "-w", ...sysctls] }],
    confirms: {},
  }];
}
