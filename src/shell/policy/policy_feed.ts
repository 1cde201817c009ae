// What Pods, Namespaces and NetworkPolicies make of this node, as soon as all that is needed of them is known. Until then
// it says nothing: what stands in the kernel stays, at a start, in an outage, and while a new policy's peers are read.

import type { Flow } from "../../core/policy/judge_flow.ts";
import type { Waiting } from "../../core/desired/desired_state.ts";
import type { NodeName, Rejected } from "../../core/nodes/node.ts";
import type { Parsed, PolicyKind, RejectedPart } from "../../core/policy/objects.ts";
import { PolicyModel } from "../../core/policy/policy_model.ts";
import { type NodePods, ToldNodes } from "../../core/policy/told_nodes.ts";
import { refusalsOf } from "../../core/policy/refusals.ts";
import type { DesiredPolicy, PolicyChange, Verdict } from "../../core/policy/policy_table.ts";
import type { OpenedSource } from "../sources/open_source.ts";
import type { SourceProblem } from "../sources/node_source.ts";
import type { ObjectListener } from "../sources/kubernetes/object_store.ts";
import type { PolicySource } from "../sources/policy_source.ts";
import type { PolicyInput } from "./policy_keeper.ts";

/** What is wanted where policies are nothing of ours: that nothing of them is left. */
export const NO_POLICIES: PolicyInput = {
  takeChange: () => undefined,
  desired: () => ({ isGuarded: false, contents: new Map(), sets: new Map(), subjects: new Map() }),
};

/** What the feed needs. */
export interface PolicyFeedOptions {
  readonly node: NodeName;
  /** Pods have addresses of their nodes' pod CIDRs, which {@link PolicyFeed.takeNodes} is told. */
  readonly nodesAreTold: boolean;
  readonly open: OpenedSource<unknown>["openPolicies"];
  /** Called when there may be a change to take. */
  readonly onChange: () => void;
}

/** Keeps the model of policies as its objects are. */
export class PolicyFeed implements PolicyInput {
  readonly model: PolicyModel;
  readonly #source: PolicySource;
  readonly #onChange: () => void;
  readonly #firstWord = Promise.withResolvers<void>();
  /** By kind and name; of objects that are believed as a whole there is nothing. */
  readonly #rejected = new Map<string, readonly RejectedPart[]>();
  /** Undefined: pods are believed wherever they are. */
  readonly #nodes: ToldNodes | undefined;
  #wasComplete = false;
  #areNodesKnown = false;

  constructor({ node, nodesAreTold, open, onChange }: PolicyFeedOptions) {
    const model = this.model = new PolicyModel({ nodeName: node, nodesAreTold });
    this.#nodes = nodesAreTold ? new ToldNodes(model) : undefined;
    this.#areNodesKnown = !nodesAreTold;
    this.#onChange = onChange;
    this.#source = open({
      node,
      listeners: {
        pods: this.#listener("Pod", (pod) => model.putPod(pod), (...id) => model.removePod(...id)),
        namespaces: this.#listener(
          "Namespace",
          (namespace) => model.putNamespace(namespace),
          (_, name) => model.removeNamespace(name),
        ),
        policies: this.#listener(
          "NetworkPolicy",
          (policy) => model.putPolicy(policy),
          (...id) => model.removePolicy(...id),
        ),
      },
      onChange: () => {
        this.#need();
        const isRead = this.#source.isComplete; // the loop tells Nodes, and may wait for this
        if (isRead || this.#source.problems().length > 0) this.#firstWord.resolve();
        this.#onChange();
      },
    });
  }

  start(): void {
    this.#source.start();
  }

  /**
   * Resolves when all that is needed is known for the first time, or something cannot be had, or the signal says so: until
   * then a node that was booted gives no pod a network, for nothing of its policies stands in the kernel.
   */
  settled(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = this.#firstWord;
    signal.addEventListener("abort", () => resolve());
    if (signal.aborted) resolve();
    return promise;
  }

  async close(): Promise<void> {
    this.#firstWord.resolve();
    await this.#source.close();
  }

  /** All Nodes in order of their names; undefined: they are not known yet. */
  takeNodes(nodes: readonly NodePods[] | undefined): void {
    if (nodes === undefined || this.#nodes === undefined) return;
    const isNews = this.#nodes.tell(nodes) || !this.#areNodesKnown;
    this.#areNodesKnown = true;
    if (isNews) this.#onChange();
  }

  /** What is different from the last one; undefined: not all that is needed is known. */
  takeChange(): PolicyChange | undefined {
    if (!this.#isKnown()) return undefined;
    const change = this.model.takeChange();
    this.#need(); // a set that nobody refers to any more needs no pods
    return change;
  }

  /** The whole; undefined: not all that is needed is known. */
  desired(): DesiredPolicy | undefined {
    return this.#isKnown() ? this.model.desired() : undefined;
  }

  /** What the policies say of a flow now. */
  judge(flow: Flow): Verdict {
    return this.model.judge(flow).verdict;
  }

  /** What of the objects is not believed. A policy's Namespace that is being read is not one that there is not. */
  rejected(): readonly Rejected[] {
    const parts = [...this.#rejected.values()].flat();
    return refusalsOf(this.#isKnown() ? [...parts, ...this.model.rejected()] : parts);
  }

  /** Why policies are not enforced as they are now. */
  waiting(): readonly Waiting[] {
    const problems = this.#source.problems();
    if (this.#isKnown()) {
      return problems.map(({ path, reason }) => ({
        what: "NetworkPolicies",
        why: `${path}: ${reason}; what was known before is enforced`,
        next: "they are asked for again",
        isTrouble: true,
      }));
    }
    if (problems.length === 0 && !this.#areNodesKnown) return []; // the loop says what of them is missing
    const why = problems.length === 0
      ? "not all objects that they need could be read yet"
      : problems.map(({ path, reason }) => `${path}: ${reason}`).join("; ");
    return [{
      what: "NetworkPolicies",
      why: `${why}; ${
        this.#wasComplete ? "the last ones stay enforced" : "what stands in the kernel stays"
      } until then`,
      next: "mend that, or set ENABLE_NETWORK_POLICY=false",
      isTrouble: true,
    }];
  }

  /** The source has all that is needed, whatever the Nodes are. */
  get isRead(): boolean {
    this.#need();
    return this.#source.isComplete;
  }

  /** What cannot be read. */
  problems(): readonly SourceProblem[] {
    return this.#source.problems();
  }

  /** How many objects are known. */
  get size(): number {
    return this.#source.size;
  }

  /** What is needed may have changed since the source was told. */
  #isKnown(): boolean {
    this.#need();
    const isKnown = this.#source.isComplete && this.#areNodesKnown;
    this.#wasComplete ||= isKnown;
    return isKnown;
  }

  #need(): void {
    const { pods } = this.model.needs();
    this.#source.need(pods === "all" || pods.size > 0);
  }

  #listener<T>(
    kind: PolicyKind,
    put: (value: T) => void,
    remove: (namespace: string, name: string) => void,
  ): ObjectListener<Parsed<T>> {
    const forget = (name: string) => {
      const slash = name.indexOf("/");
      remove(name.slice(0, Math.max(0, slash)), name.slice(slash + 1));
    };
    return {
      put: (name, { value, rejected }) => {
        if (rejected.length > 0) this.#rejected.set(`${kind} ${name}`, rejected);
        else this.#rejected.delete(`${kind} ${name}`);
        if (value === undefined) forget(name);
        else put(value);
      },
      remove: (name) => {
        this.#rejected.delete(`${kind} ${name}`);
        forget(name);
      },
    };
  }
}
