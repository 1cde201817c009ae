// An API behind a network that can fail, and a source on it.

import { until } from "../lab/until.ts";
import { type ApiLimits, sourceOn } from "./api_source.ts";
import { FakeApi, type Fault } from "./fake_api.ts";
import { Freezer } from "./freezer.ts";
import { nodeOf, Trial } from "./trial.ts";

/** Limits of the source, and how the API answers. */
interface SceneLimits extends ApiLimits {
  /** See {@link FakeApi.speaksProtobuf}. */
  readonly speaksProtobuf?: boolean;
}

/** An API with these Nodes behind a network, and a source that has started on it. */
export class Scene implements AsyncDisposable {
  readonly api = new FakeApi();
  readonly network = new Freezer(this.api.url);
  trial!: Trial;

  static async of(
    names: readonly string[],
    { speaksProtobuf = false, ...limits }: SceneLimits = {},
    fault?: Fault,
  ): Promise<Scene> {
    const scene = new Scene();
    scene.api.speaksProtobuf = speaksProtobuf;
    for (const name of names) scene.api.put(nodeOf(name));
    if (fault !== undefined) scene.api.fault = fault;
    scene.trial = await Trial.start((options) => sourceOn(scene.network.url, options, limits));
    if (fault === undefined) await scene.watched();
    return scene;
  }

  async watched(): Promise<void> {
    await until("a watch", () => this.api.watches > 0, { pauseMs: 2 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.trial.source.close();
    this.network[Symbol.dispose]();
    await this.api[Symbol.asyncDispose]();
  }
}

/** A fault of the first so many requests that match. */
export function times(count: number, pattern: RegExp, answer: () => Response): Fault {
  let left = count;
  return (request) => pattern.test(request.url) && left-- > 0 ? answer() : undefined;
}

/** Requests for lists. */
export const LIST = /nodes\?limit/;
/** Requests for watches. */
export const WATCH = /watch=1/;
