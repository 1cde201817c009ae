// Writes the Events that core decides on, one after the other, and asks for the Lease where it is needed. What fails here
// costs nothing but the Event.

import { pauseMs } from "../../core/kubernetes/retry.ts";
import { decideEvents, type Memory, NOTHING_SEEN, toldOf } from "../../core/events/event_desk.ts";
import { eventJson, namespaceOfEvent, type RefusalEvent } from "../../core/events/refusal_event.ts";
import type { Rejected } from "../../core/nodes/node.ts";
import type { Log } from "../log.ts";
import { isDone, type LeaseClient, LeaseKeeper, refusal } from "./lease_keeper.ts";

/** What Events are written from. */
export interface EventWriterOptions {
  readonly client: LeaseClient;
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

const LEASE = "wigglenet-events";
const LOOK_MS = 5_000;

/** Looks at what is refused each time it is told to, at most every five seconds. */
export class EventWriter {
  readonly #options: EventWriterOptions;
  #memory: Memory = NOTHING_SEEN;
  readonly #lease: LeaseKeeper;
  #notBeforeMs = -Infinity;
  #failures = 0;
  #isBusy = false;

  constructor(options: EventWriterOptions) {
    this.#options = options;
    const { client, namespace, own, names } = options;
    const now = () => this.#now();
    this.#lease = new LeaseKeeper({ client, namespace, name: LEASE, own, nodes: () => names().length, now });
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
      const retryInMs = pauseMs(++this.#failures);
      this.#notBeforeMs = this.#now() + retryInMs;
      this.#options.log.warn(`cannot write Events: ${(error as Error).message}`, { retryInMs });
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
      isHolder: this.#lease.isHeld,
      nowMs,
    });
    this.#memory = memory;
    if (isLeaseWanted) await this.#lease.ask();
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
}
