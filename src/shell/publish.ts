// Writes the annotations of this host's own Node, and of no other, whenever they are not what they should be: at the
// start, after a change here, and when somebody else has edited them. Who goes on editing is not fought at any price.

import type { HostFacts } from "../core/desired/host_facts.ts";
import type { Waiting } from "../core/desired/desired_state.ts";
import { NODES } from "../core/kubernetes/resource.ts";
import { retryMs } from "../core/kubernetes/retry.ts";
import type { ParsedNode, Stated } from "../core/nodes/node.ts";
import { annotationPatch, beforeStanding, wantedAnnotations } from "../core/publish/annotations.ts";
import type { Settings } from "../core/settings/settings.ts";
import type { Log } from "./log.ts";
import type { Progress } from "./progress.ts";
import { type ApiClient, ApiError } from "./sources/kubernetes/api_client.ts";

/** After a write nothing is written for so long; each further write doubles it, until nothing was written for a minute. */
const FIRST_PACE_MS = 1_000;
const LONGEST_PACE_MS = 60_000;
/** By then the watch has told what was written. */
const ECHO_MS = 5_000;

/** What the publisher needs. */
export interface PublisherOptions {
  readonly settings: Settings;
  readonly api: ApiClient;
  readonly log: Log;
}

/** Keeps the annotations of one Node. */
export class Publisher {
  /** What is to be sent; undefined: nothing. */
  #patch: string | undefined;
  #stated: Stated | undefined;
  /** What stood there when the last write was made: until that changes, the write is on its way back to us. */
  #overwritten: Stated | undefined;
  #notBeforeMs = 0;
  #paceMs = 0;
  #writtenMs = -Infinity;
  #failures = 0;
  #trouble: string | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #request: AbortController | undefined;
  #isClosed = false;
  /** What this host wants of itself stood once. */
  #isStanding = false;
  #considered: Parameters<Publisher["consider"]> | undefined;

  constructor(private readonly options: PublisherOptions) {}

  /** Compares what is wanted with what the Node says, whenever one of them may have changed. */
  consider(nodes: readonly ParsedNode[], facts: HostFacts): void {
    const { settings } = this.options;
    const own = nodes.find(({ node }) => node?.name === settings.nodeName);
    if (own?.node === undefined || own.stated === undefined) return;
    this.#considered = [nodes, facts];
    this.#stated = own.stated;
    const wanted = wantedAnnotations(settings, own.node, facts);
    this.#patch = annotationPatch(this.#isStanding ? wanted : beforeStanding(wanted, own.stated), own.stated);
    if (this.#patch === undefined) {
      this.#failures = 0;
      this.#trouble = undefined;
    }
    this.#plan();
  }

  /** Behind the first pass that has applied something, or had nothing to apply, others may rely on what is said. */
  passed({ appliedSteps, isStanding }: Pick<Progress, "appliedSteps" | "isStanding">): void {
    if (this.#isStanding || appliedSteps === 0 && !isStanding) return;
    this.#isStanding = true;
    if (this.#considered !== undefined) this.consider(...this.#considered);
  }

  /** What `status` shows while it cannot be written. */
  waiting(): Waiting[] {
    if (this.#trouble === undefined) return [];
    const { nodeName } = this.options.settings;
    return [{
      what: `annotations of ${nodeName}`,
      why: `the others cannot know this node: ${this.#trouble}`,
      next: "it is tried again, at least twice a minute",
    }];
  }

  /** Ends what is under way. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#request?.abort(new Error("closed"));
  }

  #plan(): void {
    clearTimeout(this.#timer);
    if (this.#patch === undefined || this.#request !== undefined || this.#isClosed) return;
    const isEcho = this.#stated === this.#overwritten;
    const atMs = Math.max(this.#notBeforeMs, isEcho ? this.#writtenMs + ECHO_MS : 0);
    this.#timer = setTimeout(() => this.#write(), Math.max(0, atMs - performance.now()));
  }

  async #write(): Promise<void> {
    const { api, log, settings } = this.options;
    const patch = this.#patch!;
    const stated = this.#stated;
    const controller = this.#request = new AbortController();
    const ask = {
      verb: "patch",
      resource: NODES,
      what: `node ${settings.nodeName}`,
      path: this.#path,
      patch,
      controller,
    } as const;
    try {
      const response = await api.ask(ask);
      await response.body?.cancel();
      this.#overwritten = stated;
      this.#written();
      log.info(`published: ${patch}`);
    } catch (error) {
      if (this.#isClosed) return;
      this.#failed(error as Error);
    } finally {
      this.#request = undefined;
    }
    this.#plan();
  }

  get #path(): string {
    return `/api/v1/nodes/${this.options.settings.nodeName}?fieldManager=wigglenet`;
  }

  #written(): void {
    const nowMs = performance.now();
    const isSoon = nowMs - this.#writtenMs < LONGEST_PACE_MS + this.#paceMs;
    this.#paceMs = isSoon ? Math.min(LONGEST_PACE_MS, this.#paceMs * 2) : FIRST_PACE_MS;
    this.#notBeforeMs = nowMs + this.#paceMs * (1 + Math.random() / 4);
    this.#writtenMs = nowMs;
    this.#failures = 0;
    this.#trouble = undefined;
  }

  #failed(error: Error): void {
    const askedMs = error instanceof ApiError ? error.askedMs : 0;
    const waitMs = retryMs({ failures: ++this.#failures, chance: Math.random(), askedMs });
    this.#notBeforeMs = performance.now() + waitMs;
    this.#trouble = error.message;
    this.options.api.renew();
    this.options.log.error(`cannot publish: ${error.message}`);
  }
}
