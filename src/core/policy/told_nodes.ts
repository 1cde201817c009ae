// Tells the model of policies which pod CIDRs are whose: of thousands of Nodes those that are others than last time.

import { equalEnds } from "../net/equal_ends.ts";
import type { Prefix } from "../net/prefix.ts";
import type { PolicyModel } from "./policy_model.ts";

/** A Node and what it owns; the same object as long as that is the same. */
export interface NodePods {
  readonly node: { readonly name: string };
  readonly podCidrs: readonly Prefix[];
}

/** See above. */
export class ToldNodes {
  readonly #model: Pick<PolicyModel, "putNode" | "removeNode">;
  #last: readonly NodePods[] = [];

  constructor(model: Pick<PolicyModel, "putNode" | "removeNode">) {
    this.#model = model;
  }

  /** All Nodes, in order of their names; true when a pod is a peer because of it, or no longer. */
  tell(nodes: readonly NodePods[]): boolean {
    const last = this.#last;
    this.#last = nodes;
    const { start, end } = equalEnds(last, nodes);
    const [before, now] = [last.slice(start, last.length - end), nodes.slice(start, nodes.length - end)];
    const there = new Set(now.map(({ node }) => node.name));
    const gone = before.filter(({ node }) => !there.has(node.name));
    const mattered = [
      ...gone.map(({ node }) => this.#model.removeNode(node.name)),
      ...now.map(({ node, podCidrs }) => this.#model.putNode(node.name, podCidrs)),
    ];
    return mattered.includes(true);
  }
}
