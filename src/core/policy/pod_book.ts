// Who is there: Pods by name, in classes, and whose an address is. Tells its listener when an address changes hands; knows
// nothing of policies.

import type { Address } from "../net/address.ts";
import { containsAddress, type Prefix } from "../net/prefix.ts";
import type { Pod } from "./objects.ts";
import { labelsText, type NamespaceRecord, PodClass, podKey, type PodRecord } from "./pod_class.ts";

/** What the book tells. */
export interface PodListener {
  /** There was no pod of it before; its namespace is known already. */
  classAdded(podClass: PodClass): void;
  /** It has no pods any more. */
  classRemoved(podClass: PodClass): void;
  /** The first local pod of it came, or the last one went. */
  classTurned(podClass: PodClass): void;
  /** Selectors reach the pod by this address from now on. */
  peerAdded(record: PodRecord, address: Address): void;
  peerRemoved(record: PodRecord, address: Address): void;
  /** Another pod of this node has this address now, or the same one is another, or none. */
  localChanged(address: Address): void;
}

interface NodeRecord {
  /** undefined: nobody has told of the Node. */
  podCidrs: readonly Prefix[] | undefined;
  readonly pods: Set<PodRecord>;
}

/** Where a record stands while it is replaced. */
interface Owners {
  readonly address: Address;
  readonly peer: PodRecord | undefined;
  readonly local: PodRecord | undefined;
}

/** See above. `nodesAreTold`: a pod of a Node that nobody told of is nobody's peer. */
export interface PodBookOptions {
  readonly nodeName: string;
  readonly nodesAreTold: boolean;
  readonly namespaceOf: (name: string) => NamespaceRecord;
  readonly listener: PodListener;
}

/** See above. */
export class PodBook {
  readonly #options: PodBookOptions;
  readonly #pods = new Map<string, PodRecord>();
  readonly #nodes = new Map<string, NodeRecord>();
  /** Who says that the address is its own, of those that may have one. */
  readonly #claims = new Map<string, readonly PodRecord[]>();
  /** Addresses with more than one of them. */
  readonly contested = new Set<string>();
  /** Pods with an address that is not their node's. */
  readonly unsound = new Set<PodRecord>();

  constructor(options: PodBookOptions) {
    this.#options = options;
  }

  /** Number of Pods. */
  get size(): number {
    return this.#pods.size;
  }

  put(pod: Pod): void {
    const old = this.#pods.get(podKey(pod));
    const podClass = this.#classOf(pod);
    if (old !== undefined && old.podClass === podClass && isSame(old.pod, pod)) return;
    const { labels: _, ...rest } = pod;
    this.#replace(old, { pod: rest, podClass, isLocal: pod.nodeName === this.#options.nodeName });
  }

  remove(namespace: string, name: string): void {
    const old = this.#pods.get(podKey({ namespace, name }));
    if (old !== undefined) this.#replace(old, undefined);
  }

  get(namespace: string, name: string): PodRecord | undefined {
    return this.#pods.get(podKey({ namespace, name }));
  }

  /** The pod CIDRs of a Node; undefined: it is gone. True when a pod is a peer because of it, or no longer. */
  putNode(name: string, podCidrs: readonly Prefix[] | undefined): boolean {
    const node = this.#nodeOf(name);
    let isNews = false;
    const texts = (cidrs: readonly Prefix[] | undefined) => cidrs?.map(({ text }) => text).join();
    if (texts(node.podCidrs) !== texts(podCidrs)) {
      const before = this.#ownersOf([...node.pods].flatMap(({ pod }) => pod.addresses));
      node.podCidrs = podCidrs;
      for (const record of node.pods) this.#weigh(record);
      isNews = this.#tell(before);
    }
    if (node.pods.size === 0 && podCidrs === undefined) this.#nodes.delete(name);
    return isNews;
  }

  podCidrsOf(node: string): readonly Prefix[] {
    return this.#nodes.get(node)?.podCidrs ?? [];
  }

  /** The pod that selectors find at this address. */
  peerAt(address: Address): PodRecord | undefined {
    const claims = this.#claims.get(address.text);
    if (claims === undefined) return undefined;
    if (claims.length === 1) return this.isSound(claims[0]!, address) ? claims[0] : undefined;
    return newest(claims.filter((record) => this.isSound(record, address)));
  }

  /** The pod of this node that has this address. What another node's pod says takes it from nobody here. */
  localAt(address: Address): PodRecord | undefined {
    const claims = this.#claims.get(address.text)?.filter(({ isLocal }) => isLocal) ?? [];
    return newest(claims);
  }

  claimsOf(address: string): readonly PodRecord[] {
    return this.#claims.get(address) ?? [];
  }

  /** False: the address is outside of what its node has for pods, so that its pod is nobody's peer by it. */
  isSound({ pod }: PodRecord, address: Address): boolean {
    const podCidrs = this.#nodes.get(pod.nodeName)?.podCidrs;
    if (podCidrs === undefined) return !this.#options.nodesAreTold;
    const own = podCidrs.filter(({ family }) => family === address.family);
    return own.length === 0 || own.some((prefix) => containsAddress(prefix, address));
  }

  #nodeOf(name: string): NodeRecord {
    let node = this.#nodes.get(name);
    if (node === undefined) this.#nodes.set(name, node = { podCidrs: undefined, pods: new Set() });
    return node;
  }

  #classOf({ namespace, labels }: Pod): PodClass | undefined {
    if (labels === undefined) return undefined;
    const record = this.#options.namespaceOf(namespace);
    const key = labelsText(labels);
    let podClass = record.classes.get(key);
    if (podClass === undefined) {
      record.classes.set(key, podClass = new PodClass(record, labels, key));
      this.#options.listener.classAdded(podClass);
    }
    return podClass;
  }

  #replace(old: PodRecord | undefined, record: PodRecord | undefined): void {
    const before = this.#ownersOf([...old?.pod.addresses ?? [], ...record?.pod.addresses ?? []]);
    if (record !== undefined) this.#enter(record);
    if (old !== undefined) this.#leave(old, record);
    this.#tell(before);
    const { podClass } = old ?? {};
    if (podClass?.pods.size !== 0) return;
    podClass.namespace.classes.delete(podClass.key);
    this.#options.listener.classRemoved(podClass);
  }

  #enter(record: PodRecord): void {
    const { pod, podClass } = record;
    this.#pods.set(podKey(pod), record);
    this.#nodeOf(pod.nodeName).pods.add(record);
    podClass?.pods.add(record);
    if (record.isLocal && podClass !== undefined && podClass.localCount++ === 0) this.#turned(podClass);
    if (!mayOwn(pod)) return;
    this.#weigh(record);
    for (const { text } of pod.addresses) {
      this.#setClaims(text, [...this.#claims.get(text) ?? [], record]);
    }
  }

  #leave(old: PodRecord, successor: PodRecord | undefined): void {
    const { pod, podClass } = old;
    if (successor === undefined) this.#pods.delete(podKey(pod));
    const node = this.#nodeOf(pod.nodeName);
    node.pods.delete(old);
    if (node.pods.size === 0 && node.podCidrs === undefined) this.#nodes.delete(pod.nodeName);
    podClass?.pods.delete(old);
    this.unsound.delete(old);
    if (old.isLocal && podClass !== undefined && --podClass.localCount === 0) this.#turned(podClass);
    if (!mayOwn(pod)) return;
    for (const { text } of pod.addresses) {
      this.#setClaims(text, this.claimsOf(text).filter((it) => it !== old));
    }
  }

  #weigh(record: PodRecord): void {
    const { pod } = record;
    const isUnsound = mayOwn(pod) && pod.addresses.some((address) => !this.isSound(record, address));
    if (isUnsound) this.unsound.add(record);
    else this.unsound.delete(record);
  }

  #turned(podClass: PodClass): void {
    this.#options.listener.classTurned(podClass);
  }

  #setClaims(address: string, claims: readonly PodRecord[]): void {
    if (claims.length === 0) this.#claims.delete(address);
    else this.#claims.set(address, claims);
    if (claims.length > 1) this.contested.add(address);
    else this.contested.delete(address);
  }

  #ownersOf(addresses: readonly Address[]): Owners[] {
    const distinct = new Map(addresses.map((address) => [address.text, address]));
    return [...distinct.values()].map((address) => ({
      address,
      peer: this.peerAt(address),
      local: this.localAt(address),
    }));
  }

  /** True when there was something to tell. */
  #tell(before: readonly Owners[]): boolean {
    const { listener } = this.#options;
    let isNews = false;
    for (const { address, peer, local } of before) {
      const now = this.peerAt(address);
      isNews ||= peer !== now || local !== this.localAt(address);
      if (peer !== now) {
        if (peer !== undefined) listener.peerRemoved(peer, address);
        if (now !== undefined) listener.peerAdded(now, address);
      }
      if (local !== this.localAt(address)) listener.localChanged(address);
    }
    return isNews;
  }
}

/** The host's own packets are no pod's (P15, P16), and what ended has given its addresses back (L6). */
function mayOwn({ isHostNetwork, isTerminal }: PodRecord["pod"]): boolean {
  return !isHostNetwork && !isTerminal;
}

/** Of several that say an address is theirs the one that started last (L8). */
function newest(claims: readonly PodRecord[]): PodRecord | undefined {
  return claims.length < 2
    ? claims[0]
    : [...claims].sort(({ pod: a }, { pod: b }) =>
      b.startedMs - a.startedMs || Number(a.isTerminating) - Number(b.isTerminating) ||
      (`${a.uid} ${podKey(a)}` < `${b.uid} ${podKey(b)}` ? -1 : 1)
    )[0];
}

function isSame(a: Omit<Pod, "labels">, b: Pod): boolean {
  return a.uid === b.uid && a.nodeName === b.nodeName && a.isHostNetwork === b.isHostNetwork &&
    a.isTerminal === b.isTerminal && a.isTerminating === b.isTerminating && a.startedMs === b.startedMs &&
    a.addresses.length === b.addresses.length &&
    a.addresses.every(({ text }, i) => text === b.addresses[i]!.text) &&
    a.ports.length === b.ports.length &&
    a.ports.every(({ name, protocol, port }, i) => {
      const other = b.ports[i]!;
      return name === other.name && protocol === other.protocol && port === other.port;
    });
}
