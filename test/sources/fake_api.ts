// A double of the Kubernetes API over HTTP: list in pages, watch with bookmarks, merge patch of Nodes; and its faults.
// The real API is in the layer `api`, where the same behaviour suite runs.

import { type Collection, collectionOf, COLLECTIONS, isSelected, keyOf } from "./collections.ts";
import { encodeEvent, encodeObject } from "./protobuf.ts";

type Json = Record<string, unknown>;

interface Stored {
  readonly object: Json;
  readonly version: number;
}

/** What became of an object; without one of the two it was not there before, or is not any more. */
interface Change {
  readonly version: number;
  readonly kind: string;
  readonly before: Json | undefined;
  readonly after: Json | undefined;
}

interface Event {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly object: Json;
}

interface Watcher {
  from: number;
  readonly write: Write;
  readonly collection: Collection;
  readonly selector: string;
  /** What is told later; undefined: nothing is. */
  held?: Change[] | undefined;
}

/** How an event is written to a watch. */
type Write = (
  event: Pick<Event, "type" | "object"> | { type: "BOOKMARK" | "ERROR"; object: Json },
) => Uint8Array;

const PROTOBUF = "application/vnd.kubernetes.protobuf";
const encoder = new TextEncoder();
const writeJson: Write = ({ type, object }) => encoder.encode(`${JSON.stringify({ type, object })}\n`);

/** Takes the place of an answer; undefined: the usual one. */
export type Fault = (request: Request, usual: () => Response) => Response | undefined | Promise<Response>;

/** Refusals as the API words them. */
export function refusal(code: number, message: string, headers: Record<string, string> = {}): Response {
  return Response.json({ kind: "Status", apiVersion: "v1", status: "Failure", code, message }, {
    status: code,
    headers,
  });
}

interface Form {
  readonly collection: Collection;
  readonly isProtobuf: boolean;
}

interface Asked {
  readonly method: string;
  readonly url: URL;
  readonly isProtobuf: boolean;
}

/** An API with Nodes in it, and what else is put there. */
export class FakeApi implements AsyncDisposable {
  readonly url: string;
  /** Of each request: `GET /api/v1/nodes?limit=50`. */
  readonly requests: string[] = [];
  fault: Fault = () => undefined;
  /** Whoever accepts protocol buffers gets them. */
  speaksProtobuf = false;
  /** By kind and name. */
  readonly #objects = new Map<string, Stored>();
  readonly #watchers = new Map<ReadableStreamDefaultController<Uint8Array>, Watcher>();
  readonly #server: Deno.HttpServer;
  #history: Change[] = [];
  #version = 1;
  /** Versions up to this one are gone. */
  #compacted = 0;

  /** @param pair its certificate and key, PEM; without them it speaks no TLS */
  constructor(port = 0, pair?: { readonly cert: string; readonly key: string }) {
    this.#server = Deno.serve(
      { port, hostname: "127.0.0.1", onListen: () => {}, ...pair },
      (request) => this.#answer(request),
    );
    const scheme = pair === undefined ? "http" : "https";
    this.url = `${scheme}://127.0.0.1:${(this.#server.addr as Deno.NetAddr).port}`;
  }

  /** A Node, where the object does not say its kind. */
  put(json: Json): void {
    const metadata = json.metadata as Json;
    const version = ++this.#version;
    const object = { ...json, metadata: { ...metadata, resourceVersion: String(version) } };
    const key = keyOf(object);
    const before = this.#objects.get(key)?.object;
    this.#objects.set(key, { object, version });
    this.#tell({ version, kind: collectionOf(object).kind, before, after: object });
  }

  /** @param name with its namespace before it, where the kind has one */
  remove(name: string, kind = "Node"): void {
    const stored = this.#objects.get(`${kind} ${name}`);
    if (stored === undefined) throw new Error(`no ${kind} ${name}`);
    this.#objects.delete(`${kind} ${name}`);
    const version = ++this.#version;
    this.#tell({ version, kind, before: stored.object, after: undefined });
  }

  get(name: string): Json | undefined {
    return this.#objects.get(`Node ${name}`)?.object;
  }

  /** What watches that stand are of: `pods spec.nodeName=n1`, sorted. */
  get watched(): string[] {
    return [...this.#watchers.values()].map(textOf).sort();
  }

  /** Tells this watch nothing until what is returned is called. */
  hold(watched: string): () => void {
    const held = [...this.#watchers].filter(([, watcher]) => textOf(watcher) === watched);
    for (const [, watcher] of held) watcher.held = [];
    return () => {
      for (const [controller, watcher] of held) {
        const changes = watcher.held!;
        watcher.held = undefined;
        for (const change of changes) send(change, controller, watcher);
      }
    };
  }

  /** Number of watches that stand. */
  get watches(): number {
    return this.#watchers.size;
  }

  /** Sends this to all watches, as it stands. */
  send(sent: string | Uint8Array): void {
    const bytes = typeof sent === "string" ? encoder.encode(sent) : sent;
    for (const watcher of this.#watchers.keys()) watcher.enqueue(bytes);
  }

  bookmark(): void {
    for (const [watcher, { write, collection: { kind } }] of this.#watchers) {
      const object = { kind, metadata: { resourceVersion: String(this.#version) } };
      watcher.enqueue(write({ type: "BOOKMARK", object }));
    }
  }

  /** Ends all watches with an error, as the server does when it cannot go on. */
  endWithError(code: number, message: string): void {
    const object = { kind: "Status", code, message };
    for (const [watcher, { write }] of this.#watchers) watcher.enqueue(write({ type: "ERROR", object }));
    this.endWatches();
  }

  /** Ends all watches, as the server does after a while. */
  endWatches(): void {
    for (const watcher of this.#watchers.keys()) watcher.close();
    this.#watchers.clear();
  }

  /** Forgets all changes: who wants to go on from an earlier version is told 410. */
  compact(): void {
    this.#compacted = ++this.#version;
    this.#history = [];
  }

  /** What {@link restore} takes. */
  backup(): { readonly version: number; readonly objects: ReadonlyMap<string, Stored> } {
    return { version: this.#version, objects: new Map(this.#objects) };
  }

  /** An older state is back, as an etcd has it from a backup: versions begin there again. */
  restore({ version, objects }: ReturnType<FakeApi["backup"]>): void {
    this.#version = version;
    this.#history = [];
    this.#objects.clear();
    for (const [key, stored] of objects) this.#objects.set(key, stored);
    for (const watcher of this.#watchers.values()) watcher.from = Infinity;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.endWatches();
    await this.#server.shutdown();
  }

  #tell(change: Change): void {
    this.#history.push(change);
    for (const [controller, watcher] of this.#watchers) send(change, controller, watcher);
  }

  async #answer(request: Request): Promise<Response> {
    const url = new URL(request.url);
    this.requests.push(`${request.method} ${url.pathname}${url.search}`);
    const body = request.method === "PATCH" ? await request.json() as Json : undefined;
    const isProtobuf = this.speaksProtobuf && request.headers.get("accept")!.includes(PROTOBUF);
    const usual = () => this.#usual({ method: request.method, url, isProtobuf }, body);
    return await this.fault(request, usual) ?? usual();
  }

  #usual({ method, url, isProtobuf }: Asked, body: Json | undefined): Response {
    const name = /^\/api\/v1\/nodes\/([^/]+)$/.exec(url.pathname)?.[1];
    if (method === "PATCH" && name !== undefined) return this.#patch(name, body!);
    const collection = COLLECTIONS.find(({ path }) => path === url.pathname);
    if (method !== "GET" || collection === undefined) return refusal(404, "not found");
    if (url.searchParams.has("watch")) return this.#watch(url.searchParams, { collection, isProtobuf });
    return this.#list(url.searchParams, { collection, isProtobuf });
  }

  #list(query: URLSearchParams, { collection, isProtobuf }: Form): Response {
    const limit = Number(query.get("limit") ?? 0) || Infinity;
    const [version, after] = (query.get("continue") ?? `${this.#version}:`).split(":") as [string, string];
    if (Number(version) < this.#compacted) return refusal(410, "The provided continue parameter is too old");
    const selector = query.get("fieldSelector") ?? "";
    const prefix = `${collection.kind} `;
    const names = [...this.#objects.keys()].filter((key) => key.startsWith(prefix)).sort()
      .filter((key) => key > after && isSelected(this.#objects.get(key)!.object, selector));
    const page = names.slice(0, limit);
    const next = names.length > page.length ? { continue: `${version}:${page.at(-1)}` } : {};
    const items = page.map((key) => this.#objects.get(key)!.object);
    const metadata = { resourceVersion: version, ...next };
    const list = { kind: `${collection.kind}List`, apiVersion: collection.apiVersion, metadata, items };
    if (!isProtobuf) return Response.json(list);
    return new Response(encodeObject(list) as BodyInit, { headers: { "content-type": PROTOBUF } });
  }

  #watch(query: URLSearchParams, { collection, isProtobuf }: Form): Response {
    const from = Number(query.get("resourceVersion"));
    if (from < this.#compacted) return refusal(410, `too old resource version: ${from} (${this.#compacted})`);
    const write: Write = isProtobuf ? encodeEvent : writeJson;
    const watcher: Watcher = { from, write, collection, selector: query.get("fieldSelector") ?? "" };
    let told: ReadableStreamDefaultController<Uint8Array>;
    const stream = new ReadableStream<Uint8Array>({
      start: (controller) => {
        told = controller;
        this.#watchers.set(controller, watcher);
        for (const change of this.#history) send(change, controller, watcher);
      },
      cancel: () => void this.#watchers.delete(told),
    });
    return new Response(stream, {
      headers: { "content-type": isProtobuf ? `${PROTOBUF};stream=watch` : "application/json" },
    });
  }

  /** RFC 7386, one level deep below metadata. */
  #patch(name: string, body: Json): Response {
    const stored = this.#objects.get(`Node ${name}`);
    if (stored === undefined) return refusal(404, `nodes "${name}" not found`);
    const metadata = stored.object.metadata as Json;
    const annotations = { ...metadata.annotations as Json };
    for (const [key, value] of Object.entries((body.metadata as Json).annotations as Json)) {
      if (value === null) delete annotations[key];
      else annotations[key] = value;
    }
    if (JSON.stringify(annotations) !== JSON.stringify(metadata.annotations ?? {})) {
      this.put({ ...stored.object, metadata: { ...metadata, annotations } });
    }
    return Response.json(this.get(name));
  }
}

function textOf({ collection, selector }: Watcher): string {
  return `${collection.plural} ${selector}`.trim();
}

/** As a watch sees it that selects some objects: one that is selected no more is gone. */
function send(
  { version, kind, before, after }: Change,
  controller: ReadableStreamDefaultController<Uint8Array>,
  { from, write, collection, selector, held }: Watcher,
): void {
  if (held !== undefined) return void held.push({ version, kind, before, after });
  if (version <= from || kind !== collection.kind) return;
  const was = before !== undefined && isSelected(before, selector);
  const is = after !== undefined && isSelected(after, selector);
  if (!was && !is) return;
  const object = after ?? before!;
  const type = !was ? "ADDED" : is ? "MODIFIED" : "DELETED";
  const metadata = { ...object.metadata as Json, resourceVersion: String(version) };
  controller.enqueue(write({ type, object: { ...object, metadata } }));
}
