// Pods, Namespaces and NetworkPolicies -> what the pods of this node may receive and send, kept as they come and go: a
// change costs what depends on it. Pure: it hands out what is to be changed and knows neither kernel nor clock.

import type { Address } from "../net/address.ts";
import { containsAddress, type Prefix } from "../net/prefix.ts";
import { Bindings } from "./bindings.ts";
import { explainFlow, type Explanation } from "./explain_flow.ts";
import { type Court, type Flow, judgeFlow, type Ruled } from "./judge_flow.ts";
import type { Namespace, NetworkPolicy, Pod, RejectedPart } from "./objects.ts";
import { type Needs, PeerSets } from "./peer_sets.ts";
import { PodBook } from "./pod_book.ts";
import { type NamespaceRecord, type PodClass, podKey } from "./pod_class.ts";
import { isolates, policiesByContent, PolicyList, type PolicyRecord } from "./policy_list.ts";
import type { DesiredPolicy, PolicyChange } from "./policy_table.ts";
import { rejectedParts } from "./rejected_parts.ts";
import { selects } from "./selector.ts";

/** Which node the model is for. */
export interface PolicyModelOptions {
  readonly nodeName: string;
  /** putNode is called for every Node: a pod of a Node that nobody told of is nobody's peer. Default: false. */
  readonly nodesAreTold?: boolean;
}

/** See above. What was put of an object is forgotten by its name; what is put again replaces it. */
export class PolicyModel {
  readonly #namespaces = new Map<string, NamespaceRecord>();
  readonly #book: PodBook;
  readonly #sets: PeerSets;
  readonly #bindings: Bindings;
  readonly #court: Court;
  readonly #lists = new Map<string, PolicyList>();
  readonly #dirtyClasses = new Set<PodClass>();
  readonly #dirtyAddresses = new Map<string, Address>();
  /** Policies that isolate and are not in audit. */
  #enforced = 0;
  #wasGuarded = false;
  #lastId = 0;

  constructor({ nodeName, nodesAreTold = false }: PolicyModelOptions) {
    this.#sets = new PeerSets({
      namespaces: () => this.#namespaces.values(),
      peerAt: (address) => this.#book.peerAt(address),
    });
    this.#bindings = new Bindings(this.#sets);
    this.#book = new PodBook({
      nodeName,
      nodesAreTold,
      namespaceOf: (name) => this.#namespaceOf(name),
      listener: {
        classAdded: (podClass) => this.#sets.enter(podClass),
        classRemoved: (podClass) => this.#forgetClass(podClass),
        classTurned: (podClass) => this.#turnClass(podClass),
        peerAdded: (record, address) => this.#sets.turn(record, address, true),
        peerRemoved: (record, address) => this.#sets.turn(record, address, false),
        localChanged: (address) => this.#dirtyAddresses.set(address.text, address),
      },
    });
    this.#court = {
      book: this.#book,
      sets: this.#sets,
      bindings: this.#bindings,
      isClosed: (address) =>
        this.#isGuarded && this.#book.podCidrsOf(nodeName).some((cidr) => containsAddress(cidr, address)),
    };
  }

  putPod(pod: Pod): void {
    this.#book.put(pod);
  }

  removePod(namespace: string, name: string): void {
    this.#book.remove(namespace, name);
  }

  /** The pod CIDRs of a Node: its pods are peers by addresses in them only. None of a family: by any. True when it mattered. */
  putNode(name: string, podCidrs: readonly Prefix[]): boolean {
    return this.#book.putNode(name, podCidrs);
  }

  removeNode(name: string): boolean {
    return this.#book.putNode(name, undefined);
  }

  putNamespace(namespace: Namespace): void {
    this.#setNamespace(namespace.name, namespace);
  }

  removeNamespace(name: string): void {
    this.#setNamespace(name, undefined);
    this.#forgetNamespace(name);
  }

  putPolicy(policy: NetworkPolicy): void {
    this.#setPolicy(this.#namespaceOf(policy.namespace), policy.name, policy);
  }

  removePolicy(namespace: string, name: string): void {
    this.#setPolicy(this.#namespaceOf(namespace), name, undefined);
    this.#forgetNamespace(namespace);
  }

  /** A Pod as it was put last, but for its labels; undefined: nobody told of it. */
  pod(namespace: string, name: string): Omit<Pod, "labels"> | undefined {
    return this.#book.get(namespace, name)?.pod;
  }

  /** Whom the policies of this node's pods speak of. */
  needs(): Needs {
    this.#settle();
    return this.#sets.needs();
  }

  /** What is different from the last change that was taken. */
  takeChange(): PolicyChange {
    this.#settle();
    const bound = this.#bindings.takeChanges(); // releases sets, so before them
    const { changes, gone } = this.#sets.takeChanges();
    const isGuarded = this.#isGuarded;
    const guard = isGuarded === this.#wasGuarded ? undefined : isGuarded;
    this.#wasGuarded = isGuarded;
    return { ...bound, isGuarded: guard, sets: changes, goneSets: gone };
  }

  /** The whole, as of now. */
  desired(): DesiredPolicy {
    this.#settle();
    return {
      isGuarded: this.#isGuarded,
      contents: this.#bindings.contents(),
      sets: new Map(this.#sets.all().map((set) => [set.name, set])),
      subjects: this.#bindings.subjects(),
    };
  }

  /** Names (`namespace/name`) of the policies that contents are made of, sorted, by the names of these. */
  policiesByContent(): Map<string, readonly string[]> {
    this.#settle();
    return policiesByContent(this.#lists.values());
  }

  /** `namespace/name` of the pod that has this address, by what is known here. */
  podAt(address: Address): string | undefined {
    const record = this.#book.localAt(address) ?? this.#book.peerAt(address);
    return record && podKey(record.pod);
  }

  /** What only the whole shows: addresses that several pods have, or that are not their node's, policies that are too large. */
  rejected(): RejectedPart[] {
    this.#settle();
    return rejectedParts(this.#book, this.#namespaces.values(), this.#lists.values());
  }

  /** What becomes of a new flow at this node: quick, so that all flows of a node can be asked for. */
  judge(flow: Flow): Ruled {
    this.#settle();
    return judgeFlow(flow, this.#court);
  }

  /** The same, with the policies that decide. */
  explain(flow: Flow): Explanation {
    return explainFlow(this.judge(flow), flow, this.#book);
  }

  get #isGuarded(): boolean {
    return this.#enforced > 0;
  }

  #namespaceOf(name: string): NamespaceRecord {
    let record = this.#namespaces.get(name);
    if (record === undefined) {
      record = {
        name,
        namespace: undefined,
        classes: new Map(),
        localClasses: new Set(),
        policies: new Map(),
      };
      this.#namespaces.set(name, record);
    }
    return record;
  }

  #forgetNamespace(name: string): void {
    const record = this.#namespaces.get(name);
    const isEmpty = record?.namespace === undefined && record?.classes.size === 0 &&
      record.policies.size === 0;
    if (isEmpty) this.#namespaces.delete(name);
  }

  #setNamespace(name: string, namespace: Namespace | undefined): void {
    const record = this.#namespaceOf(name);
    const old = record.namespace;
    record.namespace = namespace;
    for (const podClass of record.classes.values()) this.#sets.review(podClass);
    if ((old?.isAudit ?? false) === (namespace?.isAudit ?? false)) return;
    for (const { policy } of [...record.policies.values()]) this.#setPolicy(record, policy.name, policy);
  }

  #setPolicy(namespace: NamespaceRecord, name: string, policy: NetworkPolicy | undefined): void {
    const old = namespace.policies.get(name);
    if (old !== undefined) {
      namespace.policies.delete(name);
      if (old.isEnforced && isolates(old.policy)) this.#enforced--;
    }
    const isEnforced = !(policy?.isAudit ?? false) && !(namespace.namespace?.isAudit ?? false);
    const record = policy && { id: ++this.#lastId, policy, isEnforced, namespace };
    if (record !== undefined) {
      namespace.policies.set(name, record);
      if (isEnforced && isolates(record.policy)) this.#enforced++;
    }
    for (const podClass of namespace.localClasses) {
      const wasThere = old !== undefined && podClass.policies.delete(old);
      const isThere = record !== undefined && selects(record.policy.podSelector, podClass.labels);
      if (isThere) podClass.policies.add(record);
      if (wasThere || isThere) this.#dirtyClasses.add(podClass);
    }
  }

  #turnClass(podClass: PodClass): void {
    const { namespace, policies, labels } = podClass;
    policies.clear();
    if (podClass.localCount === 0) namespace.localClasses.delete(podClass);
    else {
      namespace.localClasses.add(podClass);
      for (const record of namespace.policies.values()) {
        if (selects(record.policy.podSelector, labels)) policies.add(record);
      }
    }
    this.#dirtyClasses.add(podClass);
  }

  #forgetClass(podClass: PodClass): void {
    this.#sets.leave(podClass);
    this.#forgetNamespace(podClass.namespace.name);
  }

  /** Brings lists and bindings up to date: once for all that came since. */
  #settle(): void {
    for (const podClass of this.#dirtyClasses) this.#relist(podClass);
    this.#dirtyClasses.clear();
    for (const address of this.#dirtyAddresses.values()) this.#bind(address);
    this.#dirtyAddresses.clear();
  }

  #relist(podClass: PodClass): void {
    const list = podClass.policies.size === 0 ? undefined : this.#listOf(podClass.policies);
    if (list === podClass.list) return;
    if (list !== undefined) list.references++;
    if (podClass.list !== undefined && --podClass.list.references === 0) {
      this.#lists.delete(podClass.list.key);
    }
    podClass.list = list;
    for (const { pod, isLocal } of podClass.pods) {
      for (const address of isLocal ? pod.addresses : []) this.#dirtyAddresses.set(address.text, address);
    }
  }

  #listOf(policies: ReadonlySet<PolicyRecord>): PolicyList {
    const key = [...policies].map(({ id }) => id).sort((a, b) => a - b).join();
    let list = this.#lists.get(key);
    if (list === undefined) this.#lists.set(key, list = new PolicyList(key, policies));
    return list;
  }

  #bind(address: Address): void {
    const owner = this.#book.localAt(address);
    if (owner?.podClass === undefined) return this.#bindings.bind(address.text, undefined);
    const { list } = owner.podClass;
    const [ingress, egress] = (["ingress", "egress"] as const).map((direction) =>
      list?.contentFor(direction, address.family, owner)
    );
    this.#bindings.bind(address.text, { owner, ingress, egress });
  }
}
