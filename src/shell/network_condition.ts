// Says of this host's own Node that its network stands, where somebody says that it does not. Looked at, not watched: the conditions of
// all Nodes change all the time, and are passed over.

import { pauseMs } from "../core/kubernetes/retry.ts";
import type { Waiting } from "../core/desired/desired_state.ts";
import { availablePatch, isNetworkOurs } from "../core/publish/network_available.ts";
import type { Settings } from "../core/settings/settings.ts";
import type { Log } from "./log.ts";
import type { Progress } from "./progress.ts";
import type { ApiClient } from "./sources/kubernetes/api_client.ts";

/** A controller that says the opposite is answered no oftener than this. */
const LOOK_MS = 600_000;

/** What it goes by. */
export interface NetworkConditionOptions {
  readonly settings: Settings;
  readonly api: Pick<ApiClient, "request">;
  readonly log: Log;
  readonly progress: () => Progress;
}

/** Looks once all stands, when the Node is another one, and every ten minutes. */
export class NetworkCondition {
  #notBeforeMs = -Infinity;
  #createdMs: number | undefined;
  #failures = 0;
  #trouble: string | undefined;
  #isBusy = false;

  constructor(private readonly options: NetworkConditionOptions) {}

  /** A pass has ended. */
  passed(): void {
    const { settings, progress } = this.options;
    const { desired, isStanding } = progress();
    if (this.#isBusy || !isStanding || desired === undefined || !isNetworkOurs(settings, desired)) return;
    const createdMs = desired.settled.find(({ node }) => node.name === desired.node)?.node.createdMs;
    // One that was deleted and made anew has the condition anew.
    const isNew = createdMs !== this.#createdMs && this.#failures === 0;
    if (!isNew && performance.now() < this.#notBeforeMs) return;
    this.#createdMs = createdMs;
    this.look();
  }

  /** What `status` shows while it cannot be taken back. */
  waiting(): Waiting[] {
    if (this.#trouble === undefined) return [];
    return [{
      what: `NetworkUnavailable of ${this.options.settings.nodeName}`,
      why: `pods are kept from this node: ${this.#trouble}`,
      next:
        "apply the role and the admission policy of deploy/kubernetes (patch of nodes/status); it is tried again",
    }];
  }

  /** One look, and the patch where it is needed. */
  async look(): Promise<void> {
    this.#isBusy = true;
    try {
      await this.#look();
      this.#failures = 0;
      this.#trouble = undefined;
      this.#notBeforeMs = performance.now() + LOOK_MS * (1 + Math.random() / 4);
    } catch (error) {
      const retryInMs = pauseMs(++this.#failures);
      this.#notBeforeMs = performance.now() + retryInMs;
      this.options.log.warn((error as Error).message, { retryInMs });
    } finally {
      this.#isBusy = false;
    }
  }

  async #look(): Promise<void> {
    const { settings: { nodeName }, api, log } = this.options;
    const list = `/api/v1/nodes?fieldSelector=metadata.name%3D${nodeName}`;
    const { status: listed, body: found } = await api.request({ method: "GET", path: list });
    if (listed !== 200) {
      throw new Error(`cannot look for NetworkUnavailable: the API server answered ${listed}`);
    }
    const body = availablePatch(found, Date.now());
    if (body === undefined) return;
    const path = `/api/v1/nodes/${nodeName}/status?fieldManager=wigglenet`;
    const { status } = await api.request({ method: "PATCH", path, body });
    if (status === 200) return log.info(`NetworkUnavailable of ${nodeName} is False now: the network stands`);
    // 409: the Node is another version by now, and is looked at again.
    if (status !== 409) this.#trouble = `the API server answered ${status} to patch its status`;
    throw new Error(`cannot take NetworkUnavailable back: the API server answered ${status}`);
  }
}
