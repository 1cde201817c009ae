// Requests to one Kubernetes API over Deno's fetch. Every request has a deadline, every failure a remedy. HTTP/1.1, so
// that a request has a connection of its own: what is dead is given up by itself and takes nothing along.

import {
  type ApiRequest,
  describeAnswer,
  describeFailure,
  reasonIn,
} from "../../../core/kubernetes/api_failure.ts";
import { retryAfterMs } from "../../../core/kubernetes/retry.ts";
import { readBody } from "./body.ts";
import type { Access, Credentials } from "./credentials.ts";
import { Silence } from "./watchdog.ts";

/** A request that was not answered as asked; the message says what, why, and the remedy. */
export class ApiError extends Error {
  override readonly name = "ApiError";

  /** Of the answer; 0: there was none. */
  readonly status: number;
  /** For how long the server asked to be left alone. */
  readonly askedMs: number;

  constructor(message: string, { status = 0, askedMs = 0, cause }: Partial<ApiError> = {}) {
    super(message, { cause });
    this.status = status;
    this.askedMs = askedMs;
  }
}

/** One request. */
export interface Ask extends Pick<ApiRequest, "verb" | "what"> {
  /** Path and query. */
  readonly path: string;
  readonly patch?: string;
  /** Ends it, whatever it is waiting for. */
  readonly controller: AbortController;
}

const MERGE_PATCH = "application/merge-patch+json";
const REASON_LIMITS = { maxBytes: 64 << 10, onPart: () => {} };

/** Asks one API. */
export class ApiClient {
  #http: { readonly access: Access; readonly client: Deno.HttpClient } | undefined;

  constructor(readonly credentials: Credentials, readonly answerMs: number) {}

  get server(): string {
    return this.credentials.server;
  }

  /**
   * An answer of 2xx, its body not read yet.
   * @throws ApiError
   */
  async ask(ask: Ask): Promise<Response> {
    let response = await this.#send(ask, false);
    if (response.status === 401) {
      await response.body?.cancel();
      response = await this.#send(ask, true); // the token may just have been replaced
    }
    if (response.ok) return response;
    const message = reasonIn(await readBody(response, REASON_LIMITS).catch(() => ""));
    const { status } = response;
    const text = describeAnswer(this.#request(ask), { status, message });
    throw new ApiError(text, { status, askedMs: retryAfterMs(response.headers.get("retry-after")) });
  }

  /** What a failed request says. */
  failure(ask: Pick<Ask, "verb" | "what">, error: unknown): ApiError {
    if (error instanceof ApiError) return error;
    const cause = (error as Error).cause;
    const message = cause instanceof Error ? cause.message : (error as Error).message;
    return new ApiError(describeFailure(this.#request(ask), message), { cause: error });
  }

  /** Gives up all connections: the next request makes a new one. What is under way is left alone. */
  renew(): void {
    this.#http?.client.close();
    this.#http = undefined;
  }

  async #send(ask: Ask, wasRefused: boolean): Promise<Response> {
    const { controller, patch } = ask;
    const late = new Silence(`no answer within ${this.answerMs / 1000} s`);
    const timer = setTimeout(() => controller.abort(late), this.answerMs);
    try {
      const access = await this.credentials.read(wasRefused);
      return await fetch(this.server + ask.path, {
        client: this.#client(access),
        signal: controller.signal,
        redirect: "manual",
        headers: {
          accept: "application/json",
          "user-agent": "wigglenet",
          ...access.headers,
          ...(patch === undefined ? {} : { "content-type": MERGE_PATCH }),
        },
        ...(patch === undefined ? {} : { method: "PATCH", body: patch }),
      });
    } catch (error) {
      throw this.failure(ask, error);
    } finally {
      clearTimeout(timer);
    }
  }

  #client(access: Access): Deno.HttpClient {
    if (this.#http?.access === access) return this.#http.client;
    this.renew();
    const { caCerts, pair, proxyUrl } = access;
    const proxy = proxyUrl === undefined ? {} : { proxy: { url: proxyUrl } };
    const client = Deno.createHttpClient({ caCerts: [...caCerts], http2: false, ...pair, ...proxy });
    this.#http = { access, client };
    return client;
  }

  #request({ verb, what }: Pick<Ask, "verb" | "what">): ApiRequest {
    return { identity: this.credentials.identity, verb, what };
  }
}
