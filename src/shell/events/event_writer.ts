// Writes the Events that core decides on, one after the other, and asks for the Lease where it is needed. What fails here
// costs nothing but the Event.

import { decideEvents, type Memory, NOTHING_SEEN, toldOf } from "../../core/events/event_desk.ts";
import {
  isHolder,
  LEASE_NAME,
  leaseJson,
  leaseMove,
  parseLease,
  seeLease,
  type SeenLease,
} from "../../core/events/lease.ts";
import { eventJson, namespaceOfEvent, type RefusalEvent } from "../../core/events/refusal_event.ts";
import type { Rejected } from "../../core/nodes/node.ts";
import type { Log } from "../log.ts";

/** The part of a Kubernetes client that Events need. */
export interface EventClient {
  /** Resolves with whatever the API server answers; rejects when it does not. */
  request(
    request: { readonly method: "GET" | "POST" | "PUT"; readonly path: string; readonly body?: unknown },
  ): Promise<{ readonly status: number; readonly body: unknown }>;
}

/** What Events are written from. */
export interface EventWriterOptions {
  readonly client: EventClient;
  /** Of the agent: there stands the Lease. */
  readonly namespace: string;
  /** Name of this node. */
  readonly own: string;
  readonly rejected: () => readonly Rejected[];
  /** Names of all Nodes. */
  readonly names: () => readonly string[];
  readonly onWritten: (kind: RefusalEvent["kind"]) => void;
  readonly log: Log;
  /** By default performance.now: a clock that nobody sets. */
  readonly now?: () => number;
}

const LOOK_MS = 5_000;
const FIRST_PAUSE_MS = 10_000;
/** After what will not be different in a minute: who may not write is not asked all the time. */
const LONGEST_PAUSE_MS = 600_000;

/** Looks at what is refused each time it is told to, at most every five seconds. */
export class EventWriter {
  readonly #options: EventWriterOptions;
  #memory: Memory = NOTHING_SEEN;
  #lease: SeenLease | undefined;
  #notBeforeMs = -Infinity;
  #leaseNotBeforeMs = -Infinity;
  #failures = 0;
  #isBusy = false;

  constructor(options: EventWriterOptions) {
    this.#options = options;
  }

  /** A pass has ended. Nothing is asked of anybody while nothing is refused. */
  passed(): void {
    if (this.#isBusy || this.#now() < this.#notBeforeMs) return;
    if (this.#options.rejected().length === 0 && this.#memory.seen.size === 0) return;
    this.#notBeforeMs = this.#now() + LOOK_MS;
    this.work();
  }

  /** One look: at most one Event and one question for the Lease. */
  async work(): Promise<void> {
    this.#isBusy = true;
    try {
      await this.#work();
      this.#failures = 0;
    } catch (error) {
      const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.#failures++);
      this.#notBeforeMs = this.#now() + pauseMs;
      this.#options.log.warn(`cannot write Events: ${(error as Error).message}`, { retryInMs: pauseMs });
    } finally {
      this.#isBusy = false;
    }
  }

  #now(): number {
    return (this.#options.now ?? (() => performance.now()))();
  }

  async #work(): Promise<void> {
    const { own, rejected, names } = this.#options;
    const nowMs = this.#now();
    const { memory, due, isLeaseWanted } = decideEvents(this.#memory, {
      rejected: rejected(),
      own,
      rank: names().filter((name) => name < own).length,
      isHolder: isHolder(this.#lease, own, nowMs),
      nowMs,
    });
    this.#memory = memory;
    if (isLeaseWanted && nowMs >= this.#leaseNotBeforeMs) await this.#askForLease();
    if (due !== undefined) await this.#write(due);
  }

  async #write(event: RefusalEvent): Promise<void> {
    const { client, own, onWritten } = this.#options;
    const eventNamespace = namespaceOfEvent(event);
    const path = `/api/v1/namespaces/${eventNamespace}/events`;
    const body = eventJson(event, own, Date.now());
    const { status } = await client.request({ method: "POST", path, body });
    const isOurs = isDone(status);
    if (!isOurs && status !== 409) throw refusal("create events", eventNamespace, status);
    this.#memory = toldOf(this.#memory, event, { isOurs, nowMs: this.#now() });
    if (isOurs) onWritten(event.kind);
  }

  /** Somebody else's Lease is looked at again when all others have had their turn. */
  async #askForLease(): Promise<void> {
    const { client, namespace, own, names } = this.#options;
    const folder = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
    const found = await client.request({ method: "GET", path: `${folder}/${LEASE_NAME}` });
    const lease = found.status === 200 ? parseLease(found.body) : undefined;
    if (lease === undefined && found.status !== 404) throw refusal("get leases", namespace, found.status);
    if (lease !== undefined) this.#lease = seeLease(this.#lease, lease, this.#now());
    const move = this.#lease === undefined || lease === undefined
      ? "take"
      : leaseMove(this.#lease, own, this.#now());
    const wait = Math.max(2 * LOOK_MS, names().length * 2_000);
    if (move === "nothing") {
      this.#leaseNotBeforeMs = this.#now() + (lease?.holder === own ? LOOK_MS : wait);
      return;
    }
    const body = leaseJson({ namespace, own, nowMs: Date.now() }, lease);
    const answer = await client.request(
      lease === undefined
        ? { method: "POST", path: folder, body }
        : { method: "PUT", path: `${folder}/${LEASE_NAME}`, body },
    );
    const taken = isDone(answer.status) ? parseLease(answer.body) : undefined;
    if (taken !== undefined) this.#lease = { lease: taken, sinceMs: this.#now() };
    // 409: somebody was quicker.
    else if (answer.status !== 409) {
      throw refusal(lease ? "update leases" : "create leases", namespace, answer.status);
    }
    this.#leaseNotBeforeMs = this.#now() + (taken === undefined ? wait : LOOK_MS);
  }
}

function isDone(status: number): boolean {
  return status === 200 || status === 201;
}

function refusal(what: string, namespace: string, status: number): Error {
  const remedy = status === 403 ? "; deploy/kubernetes has the Roles that permit it" : "";
  return new Error(`the API server answered ${status} to ${what} in ${namespace}${remedy}`);
}
