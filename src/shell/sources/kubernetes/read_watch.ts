// The changes of all objects of a kind since a version, as they come.

import { parseWatchEvent, type WatchEvent } from "../../../core/kubernetes/object_list.ts";
import type { Skimmed } from "../../../core/kubernetes/skim_event.ts";
import type { Resource } from "../../../core/kubernetes/resource.ts";
import { refused } from "../../../core/net/refusal.ts";
import { ACCEPT_EITHER, type AnswerFormat, formatOf } from "./answer_format.ts";
import { type ApiClient, ApiError } from "./api_client.ts";
import { partsOf } from "./body.ts";
import { Silence, Watchdog } from "./watchdog.ts";

/** etcd takes objects of 1.5 MB. */
const MAX_EVENT_BYTES = 4 << 20;
/** A server may end a watch after so long; each watch asks for up to twice of it, that not all end together. */
const WATCH_SECONDS = 300;
/** So long events may be taken in before anybody else has a turn. */
const TURN_MS = 10;
/** A part that took longer was waited for: nothing was left to read before it. */
const AWAITED_MS = 0.5;
/**
 * So long a watch is left alone once all that came was read: what comes meanwhile is read at one go. Of 500 events a
 * second each would else wake the process, which costs as much again as to read it (2026-11).
 */
const GATHER_MS = 50;

/** What is told of a watch. An object that was put has its mark, by which it is known when it comes again. */
export type Happening = Exclude<WatchEvent, { type: "error" }> & { readonly mark?: number };

/** How changes are read. */
export interface WatchOptions {
  readonly client: ApiClient;
  readonly resource: Resource;
  /** What was seen last. */
  readonly version: string;
  readonly silenceMs: number;
  readonly signal: AbortSignal;
  /** Ends it as if it were silent. */
  readonly doubt: AbortSignal;
  /** The watch stands; nothing of it is read before this has settled. */
  readonly onOpen: () => Promise<void>;
  /** Called with each part that comes. */
  readonly onPart: () => void;
  readonly onEvent: (event: Happening, version: string) => void;
  /** An object is known as it was skimmed: nothing is read of it, and no event but a bookmark is told. */
  readonly isKnown: (skimmed: Skimmed) => boolean;
  /** Called when all events of a part were told. */
  readonly onTurn: () => void;
}

/** How a watch ended that nobody is to be blamed for: the server ended it, or it was silent for too long. */
export type WatchEnd = "over" | "silent";

/**
 * Reads until the watch ends.
 * @throws ApiError; with status 410 when the version is too old, and everything must be listed anew
 */
export async function readWatch(options: WatchOptions): Promise<WatchEnd> {
  const { client, resource, version, silenceMs, signal, doubt } = options;
  const query = new URLSearchParams({
    watch: "1",
    allowWatchBookmarks: "true",
    resourceVersion: version,
    timeoutSeconds: String(Math.round(WATCH_SECONDS * (1 + Math.random()))),
    ...resource.query,
  });
  using dog = new Watchdog(silenceMs, signal, doubt);
  const named = { verb: "watch", what: resource.plural, resource } as const;
  const ask = {
    ...named,
    path: `${resource.path}?${query}`,
    accept: ACCEPT_EITHER,
    controller: dog.controller,
  };
  const response = await client.ask(ask);
  dog.heard();
  await options.onOpen();
  try {
    await readEvents(response, dog, options);
    return "over";
  } catch (error) {
    if (error instanceof Silence) return "silent";
    throw client.failure(ask, error);
  }
}

async function readEvents(response: Response, dog: Watchdog, options: WatchOptions): Promise<void> {
  const format = formatOf(response);
  const cutter = format.cutter(MAX_EVENT_BYTES);
  let turnMs = performance.now();
  let askedMs = turnMs;
  let hasWaited = false;
  for await (const part of partsOf(response)) {
    hasWaited ||= performance.now() - askedMs > AWAITED_MS;
    dog.heard();
    options.onPart();
    for (const piece of cutter.cut(part)) take(piece, format, options);
    options.onTurn();
    const mayGather = hasWaited && !cutter.isAmid;
    // A storm would have nobody else run: what was read already comes without a pause.
    if (mayGather || performance.now() - turnMs >= TURN_MS) {
      await new Promise((resolve) => setTimeout(resolve, mayGather ? GATHER_MS : 0));
      hasWaited = false;
      turnMs = performance.now();
    }
    askedMs = performance.now();
  }
}

function take(bytes: Uint8Array, { skim, encoding }: AnswerFormat, options: WatchOptions): void {
  const skimmed = skim(bytes);
  if (skimmed !== undefined && options.isKnown(skimmed)) {
    return options.onEvent({ type: "bookmark" }, skimmed.version);
  }
  const read = parseWatchEvent(bytes, encoding);
  if (refused(read)) throw new Error(read.reason);
  const { event, version } = read;
  if (event.type !== "error") {
    return options.onEvent(skimmed === undefined ? event : { ...event, mark: skimmed.mark }, version);
  }
  const { code: status, message } = event;
  throw new ApiError(`watch of ${options.resource.plural}: the API ended it with ${status}: ${message}`, {
    status,
  });
}
