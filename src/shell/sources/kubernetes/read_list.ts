// The list of all objects of a kind, page by page. Nothing of a page is left when the next one is asked for.

import { type ListPage, nameOf, parseListPage } from "../../../core/kubernetes/object_list.ts";
import type { Resource } from "../../../core/kubernetes/resource.ts";
import { refused } from "../../../core/net/refusal.ts";
import { ACCEPT_EITHER, formatOf } from "./answer_format.ts";
import type { ApiClient, Named } from "./api_client.ts";
import { readBody, TooLong } from "./body.ts";
import type { Draft } from "./object_store.ts";
import { Watchdog } from "./watchdog.ts";

/** 50 Nodes of 12 KB are 0.6 MB of JSON; pages of 500 take 80 MB more (2026-11). */
const JSON_PAGE = 50;
/** The same in protocol buffers takes what the page is long, for nothing of it is made into values but what is used. */
const PAGE = 200;
const MAX_PAGE_BYTES = 8 << 20;
/** More than any cluster: an API that never ends its list is not followed for ever. */
const MAX_OBJECTS = 100_000;

/** How a list is read. */
export interface ListOptions {
  readonly client: ApiClient;
  readonly resource: Resource;
  readonly draft: Draft;
  readonly silenceMs: number;
  /** Ends the reading. */
  readonly signal: AbortSignal;
  /** Called with each part that comes. */
  readonly onPart: () => void;
}

/** What a list says beside its objects. */
export interface Listed {
  /** Where a watch goes on. */
  readonly version: string;
  /** Objects without a name, which nothing can be kept of. */
  readonly nameless: number;
}

/**
 * Reads everything into the draft: the present state, as consistent as the API can say it.
 * @throws ApiError; with status 410 when it took so long that the rest is gone
 */
export async function readList(options: ListOptions): Promise<Listed> {
  let limit = JSON_PAGE; // how the API answers is known once it has
  let areGiants = false;
  let next = "";
  let nameless = 0;
  for (;;) {
    const page = await readPage(options, limit, next);
    if (page === undefined) {
      limit = Math.ceil(limit / 10); // a few giants among them: fewer at a time
      areGiants = true;
      continue;
    }
    if (page.isCompact && !areGiants) limit = PAGE;
    for (const item of page.items) {
      const name = nameOf(item);
      if (name === undefined) nameless++;
      else options.draft.put(name, item);
    }
    // Given back at once: outside of V8's heap megabytes of garbage hurry nobody, and made the agent's peak (2026-11).
    // Not before all is taken in: labels and nodeInfo are read from it where somebody asks for them.
    page.body.buffer.transfer(0);
    if (options.draft.size() > MAX_OBJECTS) {
      const { client, resource } = options;
      throw client.failure(
        listOf(resource),
        new Error(`it holds more than ${MAX_OBJECTS} ${resource.kind}s`),
      );
    }
    if (page.next === "") return { version: page.resourceVersion, nameless };
    next = page.next;
  }
}

/**
 * Where the API is now, as consistent as it can say it.
 * @throws ApiError
 */
export async function readVersion(options: Omit<ListOptions, "draft">): Promise<string> {
  return (await readPage(options, 1, ""))!.resourceVersion;
}

function listOf(resource: Resource): Named {
  return { verb: "list", what: resource.plural, resource };
}

interface Page extends ListPage {
  /** What the items are read from. */
  readonly body: Uint8Array<ArrayBuffer>;
  readonly isCompact: boolean;
}

/** One page; undefined when it is too long, and may be asked for in smaller ones. */
async function readPage(
  options: Omit<ListOptions, "draft">,
  limit: number,
  next: string,
): Promise<Page | undefined> {
  const { client, resource, silenceMs, signal } = options;
  const rest = next === "" ? {} : { continue: next };
  const query = new URLSearchParams({ limit: String(limit), ...rest, ...resource.query });
  using dog = new Watchdog(silenceMs, signal);
  const path = `${resource.path}?${query}`;
  const ask = { ...listOf(resource), path, accept: ACCEPT_EITHER, controller: dog.controller };
  const response = await client.ask(ask);
  dog.heard();
  const onPart = () => {
    dog.heard();
    options.onPart();
  };
  try {
    const body = await readBody(response, { maxBytes: MAX_PAGE_BYTES, onPart });
    const { encoding, isCompact } = formatOf(response);
    const page = parseListPage(body, encoding, resource.kind);
    if (refused(page)) throw new Error(page.reason);
    return { ...page, body, isCompact };
  } catch (error) {
    if (error instanceof TooLong && limit > 1) return undefined;
    throw client.failure(ask, error);
  }
}
