// What all nodes say of a plan -> its status. Made by the holder of the Lease; every other agent would make the same.

import type { NetworkPlan } from "../declared_object.ts";
import { linksOf } from "../expand/plan_links.ts";
import type { PlanNode } from "../kinds/plan.ts";
import type { PlanNodeStatus } from "../kinds/status.ts";
import type { PlanPart } from "../kinds/wireguard_node.ts";
import { timeText, type Verdict } from "./node_status.ts";
import type { Trouble, TroubleReason } from "./report.ts";

/** What a summary is made from. */
export interface PlanSight {
  readonly plan: NetworkPlan;
  /** What agents say of it, by node. */
  readonly parts: ReadonlyMap<string, PlanPart>;
  /** Names of all Nodes. */
  readonly nodes: ReadonlySet<string>;
  /** Milliseconds since 1970. */
  readonly nowMs: number;
}

/** The status of a plan. */
export interface PlanSummary {
  readonly verdict: Verdict;
  readonly nodes: readonly PlanNodeStatus[];
}

/** Sums up. */
export function planSummary(sight: PlanSight): PlanSummary {
  const { plan, parts } = sight;
  const states = plan.spec.nodes.map((node) => ({ node, ...stateOf(node, sight) }));
  const isTold = (claim: string) =>
    claim.split(" ").some((word) =>
      parts.get(word)?.observedGeneration === plan.generation && parts.has(word)
    );
  // Of a link the nodes at its ends tell themselves.
  const links = linksOf(plan).rejected.filter(({ claim }) => !isTold(claim));
  return {
    verdict: {
      generation: generationOf(sight),
      troubles: [
        ...links.map(({ claim, reason }): Trouble => ({
          reason: "Rejected",
          message: `${claim}: ${reason}`,
        })),
        ...states.flatMap(({ node, trouble }): Trouble[] =>
          trouble === undefined ? [] : [{ ...trouble, message: `${node.nodeName}: ${trouble.message}` }]
        ),
      ],
    },
    nodes: states.map(({ node, trouble, remark }) =>
      nodeStatus(node, parts.get(node.nodeName), trouble?.message ?? remark)
    ),
  };
}

interface State {
  readonly trouble?: Trouble;
  readonly remark: string;
}

const REASONS: readonly string[] = ["Rejected", "Failing", "Waiting", "Pending"];

function stateOf(
  { nodeName, publicKey, expires }: PlanNode,
  { plan, parts, nodes, nowMs }: PlanSight,
): State {
  if (expires !== undefined && expires <= nowMs) {
    return { remark: `it has expired: ${timeText(expires)}` };
  }
  const part = parts.get(nodeName);
  if (part !== undefined) {
    const { reason, message, observedGeneration } = part;
    if (!part.ready) return troubled(REASONS.includes(reason) ? reason as TroubleReason : "Failing", message);
    const isBehind = plan.generation !== undefined && (observedGeneration ?? 0) < plan.generation;
    return isBehind
      ? troubled("Pending", `it has not taken up generation ${plan.generation} yet`)
      : { remark: "" };
  }
  if (nodes.has(nodeName)) return troubled("Waiting", "its agent has said nothing of it yet");
  if (publicKey !== undefined) return { remark: "a machine without an agent" };
  return troubled(
    "Rejected",
    "there is no Node of this name, and no publicKey of a machine without an agent",
  );
}

function troubled(reason: TroubleReason, message: string): State {
  return { trouble: { reason, message }, remark: "" };
}

/** That all agents have taken up: of a plan without any, nobody's. */
function generationOf({ plan, parts, nodes }: PlanSight): number | undefined {
  const names = plan.spec.nodes.map(({ nodeName }) => nodeName).filter((name) =>
    nodes.has(name) || parts.has(name)
  );
  const generations = names.map((name) => parts.get(name)?.observedGeneration);
  if (generations.length === 0 || generations.includes(undefined)) return undefined;
  return Math.min(...generations as number[]);
}

function nodeStatus(
  { nodeName, underlay, publicKey, mtu, addresses }: PlanNode,
  part: PlanPart | undefined,
  message: string,
): PlanNodeStatus {
  const host = underlay?.hostname;
  return {
    nodeName,
    endpoint: typeof host === "object" ? host.text : host,
    publicKey: part?.publicKey ?? publicKey,
    mtu,
    addresses: addresses.map(({ local }) => local.text),
    links: part?.links ?? 0,
    linksUp: part?.linksUp ?? 0,
    lastHandshake: part?.lastHandshake,
    message,
  };
}
