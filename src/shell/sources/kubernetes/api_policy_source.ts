// Policy's objects from the Kubernetes API. Where nobody has a NetworkPolicy that is one watch which says nothing: Namespaces
// and the pods of this node are asked for while there is one, pods of other nodes while somebody's peers need them.

import {
  NAMESPACES,
  NETWORK_POLICIES,
  podsBeside,
  podsOf,
  type Resource,
} from "../../../core/kubernetes/resource.ts";
import type { NodeName } from "../../../core/nodes/node.ts";
import type { Parsed, Pod } from "../../../core/policy/objects.ts";
import { parseNamespace } from "../../../core/policy/parse_namespace.ts";
import { parseNetworkPolicy } from "../../../core/policy/parse_network_policy.ts";
import { parsePod } from "../../../core/policy/parse_pod.ts";
import { pickNamespace, pickNetworkPolicy, pickPod } from "../../../core/policy/pick_policy_object.ts";
import type { SourceProblem } from "../node_source.ts";
import type { PolicyListeners, PolicySource } from "../policy_source.ts";
import type { ApiClient } from "./api_client.ts";
import { KubernetesSource } from "./kubernetes_source.ts";
import { NeededSource } from "./needed_source.ts";
import type { ObjectListener, StoreOptions } from "./object_store.ts";

/**
 * The API server sends a bookmark each minute: a watch that is silent for longer is dead. Not sooner, as with Nodes: policies
 * hardly ever change, and 5,000 agents that asked every 15 s whether theirs still stands would be 700 requests a second.
 */
const SILENCE_MS = 100_000;
/** What is not needed any more may be needed again at once: somebody replaces a policy. */
const LINGER_MS = 60_000;

/** What the source needs. */
export interface ApiPolicyOptions {
  readonly client: ApiClient;
  readonly node: NodeName;
  readonly listeners: PolicyListeners;
  /** Called after something has changed. */
  readonly onChange: () => void;
  /** All objects are asked for, whoever needs them. */
  readonly isWhole?: boolean;
  readonly silenceMs?: number;
  readonly lingerMs?: number;
}

/** The objects of one cluster. */
export class ApiPolicySource implements PolicySource {
  readonly #options: ApiPolicyOptions;
  readonly #policies: NeededSource<unknown>;
  readonly #namespaces: NeededSource<unknown>;
  readonly #own: NeededSource<Parsed<Pod>>;
  readonly #others: NeededSource<Parsed<Pod>>;
  #areOthersNeeded = false;

  constructor(options: ApiPolicyOptions) {
    this.#options = options;
    const { node, listeners } = options;
    const pods = { pick: pickPod, parse: parsePod };
    this.#policies = this.#part(NETWORK_POLICIES, {
      pick: pickNetworkPolicy,
      parse: parseNetworkPolicy,
      listener: listeners.policies,
    });
    this.#namespaces = this.#part(NAMESPACES, {
      pick: pickNamespace,
      parse: parseNamespace,
      listener: listeners.namespaces,
    });
    this.#own = this.#part(podsOf(node), { ...pods, listener: this.#beside(() => this.#others) });
    this.#others = this.#part(podsBeside(node), { ...pods, listener: this.#beside(() => this.#own) });
  }

  start(): void {
    this.#policies.need(true);
  }

  need(areOthersNeeded: boolean): void {
    this.#areOthersNeeded = areOthersNeeded || this.#options.isWhole === true;
    const isUsed = this.#isUsed;
    this.#namespaces.need(isUsed);
    this.#own.need(isUsed);
    this.#others.need(isUsed && this.#areOthersNeeded);
  }

  get isComplete(): boolean {
    if (!this.#policies.isComplete) return false;
    if (!this.#isUsed) return true;
    return this.#namespaces.isComplete && this.#own.isComplete &&
      (!this.#areOthersNeeded || this.#others.isComplete);
  }

  get size(): number {
    return this.#parts().reduce((sum, { size }) => sum + size, 0);
  }

  problems(): readonly SourceProblem[] {
    return this.#parts().flatMap((part) => part.problems());
  }

  /** Connections that stand may lead nowhere: somebody else could not reach the API. */
  doubt(): void {
    for (const part of this.#parts()) part.doubt();
  }

  async close(): Promise<void> {
    await Promise.all(this.#parts().map((part) => part.close()));
  }

  get #isUsed(): boolean {
    return this.#options.isWhole === true || this.#policies.size > 0;
  }

  #parts(): readonly NeededSource<unknown>[] {
    return [this.#policies, this.#namespaces, this.#own, this.#others];
  }

  #part<T>(resource: Resource, store: StoreOptions<T>): NeededSource<T> {
    const { client, onChange, silenceMs = SILENCE_MS, lingerMs = LINGER_MS } = this.#options;
    const make = () => new KubernetesSource(client, { ...store, resource, onChange, silenceMs });
    return new NeededSource({ make, onChange, lingerMs });
  }

  /**
   * Two watches tell of pods, and not in one order: a StatefulSet's `web-0` that moves here may be told as new before it is
   * told as gone. Then the one that stays is told again.
   */
  #beside(other: () => NeededSource<Parsed<Pod>>): ObjectListener<Parsed<Pod>> {
    const { pods } = this.#options.listeners;
    return {
      put: (name, pod) => pods.put(name, pod),
      remove: (name) => {
        const stays = other().get(name);
        if (stays === undefined) pods.remove(name);
        else pods.put(name, stays);
      },
    };
  }
}
