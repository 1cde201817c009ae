// The links of a plan: those that both of its ends declare, and why the others are none.

import type { NetworkPlan, RejectedPart } from "../declared_object.ts";
import type { PlanEnd, PlanNode } from "../kinds/plan.ts";

/** One direction of a link. */
export interface LinkEnd {
  readonly from: PlanNode;
  readonly to: PlanNode;
  /** What `from` says of it. */
  readonly end: PlanEnd;
  /** What `to` says of it. */
  readonly opposite: PlanEnd;
}

/** All directions of all links by the node that they leave, each in the order of `spec.nodes`. */
export interface PlanLinks {
  readonly ends: ReadonlyMap<string, readonly LinkEnd[]>;
  readonly rejected: readonly RejectedPart[];
}

/** Reads the links of a plan. */
export function linksOf({ kind, name, spec }: NetworkPlan): PlanLinks {
  const nodes = new Map(spec.nodes.map((node) => [node.nodeName, node]));
  const said = new Map(
    spec.links.map(({ fromNode, toNodes }) => [fromNode, new Map(toNodes.map((it) => [it.nodeName, it]))]),
  );
  const rejected: RejectedPart[] = [];
  const ends = new Map<string, LinkEnd[]>(spec.nodes.map(({ nodeName }) => [nodeName, []]));
  for (const [fromNode, toNodes] of said) {
    const from = nodes.get(fromNode);
    for (const [nodeName, end] of toNodes) {
      const [to, opposite] = [nodes.get(nodeName), said.get(nodeName)?.get(fromNode)];
      const reason = from === undefined
        ? `the plan has no node ${fromNode}`
        : to === undefined
        ? `the plan has no node ${nodeName}`
        : opposite === undefined
        ? `${nodeName} does not declare it: a link stands where both of its nodes do`
        : from.underlay === undefined && to.underlay === undefined
        ? "neither has an underlay: nobody could speak first"
        : undefined;
      if (reason === undefined) ends.get(fromNode)!.push({ from: from!, to: to!, end, opposite: opposite! });
      else rejected.push({ kind, name, claim: `link ${fromNode} to ${nodeName}`, reason });
    }
  }
  const places = new Map(spec.nodes.map(({ nodeName }, i) => [nodeName, i]));
  for (const list of ends.values()) {
    list.sort((a, b) => places.get(a.to.nodeName)! - places.get(b.to.nodeName)!);
  }
  return { ends, rejected };
}
