// A double of the Kubernetes API's node part over HTTP: list in pages, watch with bookmarks, merge patch; and its faults.
// The real API is in the layer `api`, where the same behaviour suite runs.

import { encodeEvent, encodeObject } from "./protobuf.ts";

type Json = Record<string, unknown>;

interface Stored {
  readonly object: Json;
  readonly version: number;
}

interface Event {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly version: number;
  readonly object: Json;
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

interface Asked {
  readonly method: string;
  readonly url: URL;
  readonly isProtobuf: boolean;
}

/** An API with Nodes in it. */
export class FakeApi implements AsyncDisposable {
  readonly url: string;
  /** Of each request: `GET /api/v1/nodes?limit=50`. */
  readonly requests: string[] = [];
  fault: Fault = () => undefined;
  /** Whoever accepts protocol buffers gets them. */
  speaksProtobuf = false;
  readonly #nodes = new Map<string, Stored>();
  readonly #watchers = new Map<ReadableStreamDefaultController<Uint8Array>, { from: number; write: Write }>();
  readonly #server: Deno.HttpServer;
  #history: Event[] = [];
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

  put(node: Json): void {
    const metadata = node.metadata as Json;
    const version = ++this.#version;
    const name = metadata.name as string;
    const object = { ...node, metadata: { ...metadata, resourceVersion: String(version) } };
    const type = this.#nodes.has(name) ? "MODIFIED" : "ADDED";
    this.#nodes.set(name, { object, version });
    this.#tell({ type, version, object });
  }

  remove(name: string): void {
    const stored = this.#nodes.get(name);
    if (stored === undefined) throw new Error(`no Node ${name}`);
    this.#nodes.delete(name);
    const version = ++this.#version;
    const metadata = { ...stored.object.metadata as Json, resourceVersion: String(version) };
    const object = { ...stored.object, metadata };
    this.#tell({ type: "DELETED", version, object });
  }

  get(name: string): Json | undefined {
    return this.#nodes.get(name)?.object;
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
    const object = { kind: "Node", metadata: { resourceVersion: String(this.#version) } };
    for (const [watcher, { write }] of this.#watchers) watcher.enqueue(write({ type: "BOOKMARK", object }));
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
  backup(): { readonly version: number; readonly nodes: ReadonlyMap<string, Stored> } {
    return { version: this.#version, nodes: new Map(this.#nodes) };
  }

  /** An older state is back, as an etcd has it from a backup: versions begin there again. */
  restore({ version, nodes }: ReturnType<FakeApi["backup"]>): void {
    this.#version = version;
    this.#history = [];
    this.#nodes.clear();
    for (const [name, stored] of nodes) this.#nodes.set(name, stored);
    for (const watcher of this.#watchers.values()) watcher.from = Infinity;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.endWatches();
    await this.#server.shutdown();
  }

  #tell(event: Event): void {
    this.#history.push(event);
    for (const [watcher, { from, write }] of this.#watchers) {
      if (event.version > from) watcher.enqueue(write(event));
    }
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
    if (method !== "GET" || url.pathname !== "/api/v1/nodes") return refusal(404, "not found");
    if (url.searchParams.has("watch")) return this.#watch(url.searchParams, isProtobuf);
    return this.#list(url.searchParams, isProtobuf);
  }

  #list(query: URLSearchParams, isProtobuf: boolean): Response {
    const limit = Number(query.get("limit") ?? 0) || Infinity;
    const [version, after] = (query.get("continue") ?? `${this.#version}:`).split(":") as [string, string];
    if (Number(version) < this.#compacted) return refusal(410, "The provided continue parameter is too old");
    const names = [...this.#nodes.keys()].sort().filter((name) => name > after);
    const page = names.slice(0, limit);
    const next = names.length > page.length ? { continue: `${version}:${page.at(-1)}` } : {};
    const items = page.map((name) => this.#nodes.get(name)!.object);
    const metadata = { resourceVersion: version, ...next };
    const list = { kind: "NodeList", apiVersion: "v1", metadata, items };
    if (!isProtobuf) return Response.json(list);
    return new Response(encodeObject(list) as BodyInit, { headers: { "content-type": PROTOBUF } });
  }

  #watch(query: URLSearchParams, isProtobuf: boolean): Response {
    const from = Number(query.get("resourceVersion"));
    if (from < this.#compacted) return refusal(410, `too old resource version: ${from} (${this.#compacted})`);
    let watcher: ReadableStreamDefaultController<Uint8Array>;
    const write: Write = isProtobuf ? encodeEvent : writeJson;
    const missed = this.#history.filter(({ version }) => version > from);
    const stream = new ReadableStream<Uint8Array>({
      start: (controller) => {
        watcher = controller;
        this.#watchers.set(controller, { from, write });
        for (const event of missed) controller.enqueue(write(event));
      },
      cancel: () => void this.#watchers.delete(watcher),
    });
    return new Response(stream, {
      headers: { "content-type": isProtobuf ? `${PROTOBUF};stream=watch` : "application/json" },
    });
  }

  /** RFC 7386, one level deep below metadata. */
  #patch(name: string, body: Json): Response {
    const stored = this.#nodes.get(name);
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
