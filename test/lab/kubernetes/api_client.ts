// A client of the API for the laboratory's own use: plain requests, JSON in, JSON out. Not the one under test.

/** What the API answered. */
export interface Answer {
  readonly status: number;
  // deno-lint-ignore no-explicit-any -- whatever the API says; a test looks at what it knows
  readonly body: any;
}

/** A request: `type` is the content type of the body, JSON unless said. */
export interface Request {
  readonly method?: string;
  readonly body?: unknown;
  readonly type?: string;
}

const MERGE_PATCH = "application/merge-patch+json";
const PARALLEL = 16;

/** How a client is known to the API server. */
export interface Identity {
  /** PEM texts. */
  readonly ca: string;
  readonly cert?: string;
  readonly key?: string;
  readonly token?: string;
}

/** Sends requests as one identity. Close it: Deno's tests count its connections. */
export class ApiClient implements Disposable {
  readonly #client: Deno.HttpClient;
  readonly #headers: Record<string, string>;

  constructor(private readonly url: string, { ca, cert, key, token }: Identity) {
    this.#client = Deno.createHttpClient({
      caCerts: [ca],
      ...(cert === undefined || key === undefined ? {} : { cert, key }),
    });
    this.#headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  }

  /** Sends one request, whatever the answer is. */
  async ask(
    path: string,
    { method = "GET", body, type = "application/json" }: Request = {},
  ): Promise<Answer> {
    const response = await fetch(this.url + path, {
      method,
      client: this.#client,
      headers: { ...this.#headers, ...(body === undefined ? {} : { "content-type": type }) },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: text.startsWith("{") ? JSON.parse(text) : text };
  }

  /** Sends one request that must succeed; returns the answer's body. */
  // deno-lint-ignore no-explicit-any -- as above
  async demand(path: string, request: Request = {}): Promise<any> {
    const { status, body } = await this.ask(path, request);
    if (status < 300) return body;
    throw new Error(`${request.method ?? "GET"} ${path}: ${status} ${body.message ?? body}`);
  }

  /** Makes an object of a collection. */
  // deno-lint-ignore no-explicit-any -- as above
  create(path: string, object: unknown): Promise<any> {
    return this.demand(path, { method: "POST", body: object });
  }

  /** Changes what the patch names, null takes away. */
  // deno-lint-ignore no-explicit-any -- as above
  patch(path: string, patch: unknown): Promise<any> {
    return this.demand(path, { method: "PATCH", body: patch, type: MERGE_PATCH });
  }

  /** Makes an object, or makes the one of that name what the manifest says: server-side apply, as `kubectl apply`. */
  // deno-lint-ignore no-explicit-any -- as above
  apply(path: string, object: unknown): Promise<any> {
    const type = "application/apply-patch+yaml";
    return this.demand(`${path}?fieldManager=laboratory&force=true`, { method: "PATCH", body: object, type });
  }

  // deno-lint-ignore no-explicit-any -- as above
  remove(path: string): Promise<any> {
    return this.demand(path, { method: "DELETE" });
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}

/** Does something for each value, a few at a time, as many clients of an API server do. */
export async function inParallel<T>(
  values: readonly T[],
  act: (value: T) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const work = async () => {
    while (next < values.length) await act(values[next++]!);
  };
  await Promise.all(Array.from({ length: PARALLEL }, work));
}
