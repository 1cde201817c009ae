// What a feed of policies has to say, beside what the loop says: for status, metrics, probes, Events and the log.

import type { Rejected } from "../../core/nodes/node.ts";
import type { PolicyMoment } from "../../core/metrics/policy_samples.ts";
import type { PolicyStatus } from "../../core/plan/status.ts";
import type { Log } from "../log.ts";
import type { Progress } from "../progress.ts";
import type { DropCounter } from "./drop_counter.ts";
import type { PolicyFeed } from "./policy_feed.ts";

/** To look at all pods for what is wrong with them takes a millisecond: not after each pass. */
const LOOK_MS = 1_000;
const SHOWN = 20;

/** Looks on; changes nothing. */
export class PolicyProgress {
  #rejected: readonly Rejected[] = [];
  #lookedMs = -Infinity;

  constructor(private readonly feed: PolicyFeed, private readonly drops: DropCounter) {}

  /** Resolves when what is dropped was counted a moment ago; where nothing is isolated nobody looks. */
  async counted(): Promise<void> {
    const { isGuarded = false, contents } = this.feed.desired() ?? {};
    if (isGuarded || (contents?.size ?? 0) > 0) await this.drops.read();
  }

  /** The loop's own, with what policies wait for and what is wrong with them. */
  addTo(progress: Progress): Progress {
    const { desired, waiting } = progress;
    const rejected = this.#rejections();
    const hasNone = desired === undefined || rejected.length === 0;
    return {
      ...progress,
      waiting: [...waiting, ...this.feed.waiting()],
      desired: hasNone ? desired : { ...desired, rejected: [...desired.rejected, ...rejected] },
    };
  }

  /** For metrics. */
  moment(): PolicyMoment {
    return { desired: this.feed.desired(), objects: this.feed.size, drops: this.drops.all() };
  }

  /** For `status`. */
  status(): PolicyStatus {
    const { desired, objects, drops } = this.moment();
    const subjects = [...desired?.subjects.values() ?? []];
    return {
      isKnown: desired !== undefined,
      objects,
      addresses: subjects.length,
      ingress: subjects.filter(({ ingress }) => ingress !== undefined).length,
      egress: subjects.filter(({ egress }) => egress !== undefined).length,
      drops,
    };
  }

  /** What is wrong, when it may have changed; the log leaves out what it said a minute ago. */
  tell(log: Log): void {
    const rejected = this.#rejections();
    for (const { node, claim, reason } of rejected.slice(0, SHOWN)) {
      log.warn(`rejected: ${node}: ${claim}: ${reason}`);
    }
    if (rejected.length > SHOWN) log.warn(`and ${rejected.length - SHOWN} more that wigglenet status lists`);
    for (const { path, reason } of this.feed.problems()) log.warn(`cannot take in ${path}: ${reason}`);
  }

  #rejections(): readonly Rejected[] {
    if (performance.now() - this.#lookedMs >= LOOK_MS) {
      this.#lookedMs = performance.now();
      this.#rejected = this.feed.rejected();
    }
    return this.#rejected;
  }
}
