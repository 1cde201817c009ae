// Takes and keeps a Lease, by what core decides. Asks only when told to, and no oftener than is needed.

import {
  isHolder,
  leaseJson,
  leaseMove,
  parseLease,
  seeLease,
  type SeenLease,
} from "../../core/events/lease.ts";
import type { Call, Reply } from "../sources/kubernetes/api_client.ts";

/** The part of a Kubernetes client that this needs. */
export interface LeaseClient {
  /** Resolves with whatever the API server answers; rejects when it does not. */
  request(request: Call): Promise<Reply>;
}

/** Which Lease, and whose. */
export interface LeaseKeeperOptions {
  readonly client: LeaseClient;
  readonly namespace: string;
  /** `metadata.name`. */
  readonly name: string;
  /** Name of this node. */
  readonly own: string;
  /** How many nodes may ask for it. */
  readonly nodes: () => number;
  /** Of a clock that nobody sets. */
  readonly now: () => number;
}

const HOLDER_MS = 5_000;
/** So 5,000 nodes are one that asks every two seconds. */
const TURN_MS = 2_000;

/** One Lease. */
export class LeaseKeeper {
  #lease: SeenLease | undefined;
  #notBeforeMs = -Infinity;

  constructor(private readonly options: LeaseKeeperOptions) {}

  /** This node speaks for the others. */
  get isHeld(): boolean {
    return isHolder(this.#lease, this.options.own, this.options.now());
  }

  /**
   * Looks at it when its time has come, and takes or renews it. Somebody else's is looked at again when all others have had their turn.
   * @throws Error when the API server does not permit it, or does not answer
   */
  async ask(): Promise<void> {
    const { client, namespace, name, own, nodes, now } = this.options;
    if (now() < this.#notBeforeMs) return;
    const folder = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
    const found = await client.request({ method: "GET", path: `${folder}/${name}` });
    const lease = found.status === 200 ? parseLease(found.body) : undefined;
    if (lease === undefined && found.status !== 404) throw refusal("get leases", namespace, found.status);
    if (lease !== undefined) this.#lease = seeLease(this.#lease, lease, now());
    const move = this.#lease === undefined || lease === undefined
      ? "take"
      : leaseMove(this.#lease, own, now());
    const wait = Math.max(2 * HOLDER_MS, nodes() * TURN_MS);
    if (move === "nothing") {
      this.#notBeforeMs = now() + (lease?.holder === own ? HOLDER_MS : wait);
      return;
    }
    const body = leaseJson({ namespace, name, own, nowMs: Date.now() }, lease);
    const answer = await client.request(
      lease === undefined
        ? { method: "POST", path: folder, body }
        : { method: "PUT", path: `${folder}/${name}`, body },
    );
    const taken = isDone(answer.status) ? parseLease(answer.body) : undefined;
    if (taken !== undefined) this.#lease = { lease: taken, sinceMs: now() };
    // 409: somebody was quicker.
    else if (answer.status !== 409) {
      throw refusal(lease ? "update leases" : "create leases", namespace, answer.status);
    }
    this.#notBeforeMs = now() + (taken === undefined ? wait : HOLDER_MS);
  }
}

/** True for an answer that says that it was done. */
export function isDone(status: number): boolean {
  return status === 200 || status === 201;
}

/** What was not permitted. */
export function refusal(what: string, namespace: string, status: number): Error {
  const remedy = status === 403 ? "; deploy/kubernetes has the Roles that permit it" : "";
  return new Error(`the API server answered ${status} to ${what} in ${namespace}${remedy}`);
}
