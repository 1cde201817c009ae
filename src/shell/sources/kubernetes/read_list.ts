// The list of all objects of a kind, page by page. Nothing of a page is left when the next one is asked for.

import { type ListPage, nameOf, parseListPage } from "../../../core/kubernetes/object_list.ts";
import type { Resource } from "../../../core/kubernetes/resource.ts";
import { refused } from "../../../core/net/refusal.ts";
import { discard } from "../../relieve.ts";
import { ACCEPT_EITHER, formatOf } from "./answer_format.ts";
import type { ApiClient, Ask, Named } from "./api_client.ts";
import { readBody, TooLong } from "./body.ts";
import type { Draft } from "./object_store.ts";
import { Watchdog } from "./watchdog.ts";

/** 50 Nodes of 12 KB are 0.6 MB of JSON; pages of 500 take 80 MB more (2026-11). */
const JSON_PAGE = 50;
/** The same in protocol buffers takes what the page is long, for nothing of it is made into values but what is used. */
const PAGE = 200;
const MAX_PAGE_BYTES = 8 << 20;
/** Where the next page begins stands in the first ones of a page, if it is told before the objects at all. */
const HEAD_BYTES = 4 << 10;
/** More than any cluster: an API that never ends its list is not followed for ever. */
const MAX_OBJECTS = 100_000;
/** So many objects in the smallest pages; an API may leave some pages empty, but not all and for ever. */
const MAX_PAGES = 2 * MAX_OBJECTS / JSON_PAGE;

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
  let nameless = 0;
  let areGiants = false;
  let asked = new PageRequest(options, { limit: JSON_PAGE, next: "" }); // how the API answers is known once it has
  let following: PageRequest | undefined;
  // While this page is read and taken in the API makes the next one, where it says early enough which that is.
  const onNext = (next: string) => {
    if (!areGiants) following ??= new PageRequest(options, { limit: PAGE, next });
  };
  try {
    for (let pages = 1;; pages++) {
      const { limit, next } = asked.place;
      if (pages > MAX_PAGES) {
        throw options.client.failure(
          listOf(options.resource),
          new Error(`it has more than ${MAX_PAGES} pages`),
        );
      }
      const page = await asked.read(onNext);
      if (page === undefined) {
        // A few giants among them: fewer at a time. What was asked for behind them comes later.
        following = following?.end();
        asked.end();
        areGiants = true;
        asked = new PageRequest(options, { limit: Math.ceil(limit / 10), next });
        continue;
      }
      nameless += takeIn(page, options);
      if (page.next === "") return { version: page.resourceVersion, nameless };
      asked.end();
      asked = following ??
        new PageRequest(options, { limit: page.isCompact && !areGiants ? PAGE : limit, next: page.next });
      following = undefined;
    }
  } finally {
    asked.end();
    following?.end();
  }
}

/** Takes the objects of a page into the draft; returns how many have no name. */
function takeIn({ items, body }: Page, { client, resource, draft }: ListOptions): number {
  let nameless = 0;
  for (const item of items) {
    const name = nameOf(item);
    if (name === undefined) nameless++;
    else draft.put(name, item);
  }
  // Given back at once: outside of V8's heap megabytes of garbage hurry nobody, and made the agent's peak (2026-11).
  // Not before all is taken in: labels and nodeInfo are read from it where somebody asks for them.
  discard(body.buffer);
  if (draft.size() <= MAX_OBJECTS) return nameless;
  throw client.failure(listOf(resource), new Error(`it holds more than ${MAX_OBJECTS} ${resource.kind}s`));
}

/**
 * Where the API is now, as consistent as it can say it.
 * @throws ApiError
 */
export async function readVersion(options: Omit<ListOptions, "draft">): Promise<string> {
  const asked = new PageRequest(options, { limit: 1, next: "" });
  try {
    return (await asked.read())!.resourceVersion;
  } finally {
    asked.end();
  }
}

function listOf(resource: Resource): Named {
  return { verb: "list", what: resource.plural, resource };
}

interface Page extends ListPage {
  /** What the items are read from. */
  readonly body: Uint8Array<ArrayBuffer>;
  readonly isCompact: boolean;
}

/** Which page: so many objects, and behind which; empty: the first ones. */
interface Place {
  readonly limit: number;
  readonly next: string;
}

/** One page that is asked for. Its answer may wait until somebody reads it. */
class PageRequest {
  readonly #dog: Watchdog;
  readonly #ask: Ask;
  readonly #response: Promise<Response>;

  constructor(private readonly options: Omit<ListOptions, "draft">, readonly place: Place) {
    const { client, resource, silenceMs, signal } = options;
    const { limit, next } = place;
    const rest = next === "" ? {} : { continue: next };
    const query = new URLSearchParams({ limit: String(limit), ...rest, ...resource.query });
    this.#dog = new Watchdog(silenceMs, signal);
    const path = `${resource.path}?${query}`;
    this.#ask = { ...listOf(resource), path, accept: ACCEPT_EITHER, controller: this.#dog.controller };
    this.#response = client.ask(this.#ask);
    this.#response.catch(() => {}); // it is told to who reads it
  }

  /**
   * The page; undefined when it is too long, and may be asked for in smaller ones.
   * @param onNext hears of where the next page begins, as soon as that is known
   * @throws ApiError
   */
  async read(onNext: (next: string) => void = () => {}): Promise<Page | undefined> {
    const { client, resource, onPart } = this.options;
    const response = await this.#response;
    this.#dog.heard();
    const { encoding, isCompact } = formatOf(response);
    let next: string | undefined;
    const hear = (body: Uint8Array) => {
      this.#dog.heard();
      onPart();
      if (next !== undefined) return;
      next = encoding.continueIn(body.subarray(0, HEAD_BYTES));
      if (next !== undefined) onNext(next);
    };
    try {
      const body = await readBody(response, { maxBytes: MAX_PAGE_BYTES, onPart: hear });
      const page = parseListPage(body, encoding, resource.kind);
      if (refused(page)) throw new Error(page.reason);
      return { ...page, body, isCompact };
    } catch (error) {
      if (error instanceof TooLong && this.place.limit > 1) return undefined;
      throw client.failure(this.#ask, error);
    }
  }

  /** Ends it, whether it was read or not. */
  end(): undefined {
    this.#dog[Symbol.dispose]();
  }
}
