// A source on a double of the API, with limits that tests can wait for.

import { ApiClient } from "../../src/shell/sources/kubernetes/api_client.ts";
import type { Credentials } from "../../src/shell/sources/kubernetes/credentials.ts";
import { KubernetesSource } from "../../src/shell/sources/kubernetes/kubernetes_source.ts";
import type { SourceOptions } from "../../src/shell/sources/node_source.ts";
import { type Item, pickItem } from "./trial.ts";

const ACCESS = { caCerts: [], headers: {} };

/** What a test changes of a source. */
export interface ApiLimits {
  readonly silenceMs?: number;
  readonly answerMs?: number;
  readonly read?: Credentials["read"];
}

/** A client of a server that asks for no credentials. */
export function clientOf(server: string, { answerMs = 10_000, read }: ApiLimits = {}): ApiClient {
  return new ApiClient(
    { server, identity: "the test", namespace: undefined, read: read ?? (() => Promise.resolve(ACCESS)) },
    answerMs,
  );
}

/** A source that is not started. */
export function sourceOn(
  server: string,
  options: SourceOptions<Item>,
  { silenceMs = 15_000, ...limits }: ApiLimits = {},
): KubernetesSource<Item> {
  return new KubernetesSource(clientOf(server, limits), { ...options, pick: pickItem, silenceMs });
}
