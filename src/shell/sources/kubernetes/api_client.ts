// Requests to one Kubernetes API over Deno's fetch. Every request has a deadline, every failure a remedy. HTTP/1.1, so
// that a request has a connection of its own: what is dead is given up by itself and takes nothing along.

import {
  type ApiRequest,
  describeAnswer,
  describeFailure,
  reasonIn,
} from "../../../core/kubernetes/api_failure.ts";
import { JSON_ENCODING } from "../../../core/kubernetes/object_list.ts";
import { retryAfterMs } from "../../../core/kubernetes/retry.ts";
import { formatOf } from "./answer_format.ts";
import { readBody } from "./body.ts";
import type { Access, Credentials, Doubt } from "./credentials.ts";
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

/** What a request is called where it fails. */
export type Named = Pick<ApiRequest, "verb" | "what" | "resource">;

/** One request. */
export interface Ask extends Named {
  /** Path and query. */
  readonly path: string;
  readonly patch?: string;
  /** The forms in which it may be answered; without: JSON. */
  readonly accept?: string;
  /** Ends it, whatever it is waiting for. */
  readonly controller: AbortController;
}

/** A request of any kind with a short answer. */
export interface Call {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Path and query. */
  readonly path: string;
  /** Sent as JSON; with PATCH as a strategic merge patch. */
  readonly body?: unknown;
  /** The patch is a merge patch: all that objects of a CustomResourceDefinition take. */
  readonly isMerge?: true;
}

/** What was answered to a {@link Call}, whatever the status. */
export interface Reply {
  readonly status: number;
  /** JSON; undefined where it is none. */
  readonly body: unknown;
}

interface Sent extends Pick<Call, "method" | "path">, Pick<Ask, "accept"> {
  readonly text: string | undefined;
  /** Of the text. */
  readonly type: string;
}

const JSON_TYPE = "application/json";
const MERGE_PATCH = "application/merge-patch+json";
const STRATEGIC_MERGE_PATCH = "application/strategic-merge-patch+json";
/** What an answer says of the credentials that were asked with. */
const DOUBTS: Readonly<Record<number, Doubt>> = { 401: "refused", 403: "forbidden" };
const SHORT_LIMITS = { maxBytes: 4 << 20, onPart: () => {} };
const REASON_LIMITS = { maxBytes: 64 << 10, onPart: () => {} };

/** Asks one API. */
export class ApiClient {
  #http: { readonly access: Access; readonly client: Deno.HttpClient } | undefined;
  /** The server's certificate was refused, or ours fits no key: one of them may have been replaced since it was read. */
  #isAccessDoubted = false;

  constructor(readonly credentials: Credentials, readonly answerMs: number) {}

  get server(): string {
    return this.credentials.server;
  }

  /**
   * An answer of 2xx, its body not read yet.
   * @throws ApiError
   */
  async ask(ask: Ask): Promise<Response> {
    const { path, controller, patch, accept = JSON_TYPE } = ask;
    const method = patch === undefined ? "GET" : "PATCH";
    try {
      const response = await this.#sendTwice(
        { method, path, text: patch, type: MERGE_PATCH, accept },
        controller,
      );
      if (response.ok) return response;
      const message = await reasonOf(response);
      const { status } = response;
      const text = describeAnswer(this.#named(ask), { status, message });
      throw new ApiError(text, { status, askedMs: retryAfterMs(response.headers.get("retry-after")) });
    } catch (error) {
      throw this.failure(ask, error);
    }
  }

  /** A request of any kind with a short answer, whatever its status. Throws Error when there is none in time. */
  async request({ method, path, body, isMerge }: Call): Promise<Reply> {
    const controller = new AbortController();
    const text = body === undefined ? undefined : JSON.stringify(body);
    const type = isMerge ? MERGE_PATCH : method === "PATCH" ? STRATEGIC_MERGE_PATCH : JSON_TYPE;
    const timer = setTimeout(() => controller.abort(new Silence("no answer in time")), 2 * this.answerMs);
    try {
      const response = await this.#sendTwice({ method, path, text, type }, controller);
      return { status: response.status, body: JSON_ENCODING.object(await readBody(response, SHORT_LIMITS)) };
    } catch (error) {
      this.renew();
      throw new Error(`${method} ${path}: ${messageOf(error)}`, { cause: error });
    } finally {
      clearTimeout(timer);
    }
  }

  /** What a failed request says. */
  failure(ask: Named, error: unknown): ApiError {
    if (error instanceof ApiError) return error;
    const message = messageOf(error);
    this.#isAccessDoubted ||= message.includes("invalid peer certificate");
    return new ApiError(describeFailure(this.#named(ask), message), { cause: error });
  }

  /** Gives up all connections: the next request makes a new one. What is under way is left alone. */
  renew(): void {
    this.#http?.client.close();
    this.#http = undefined;
  }

  /** Once more where it is not let in and the credentials are others by now: they may just have been replaced. */
  async #sendTwice(sent: Sent, controller: AbortController): Promise<Response> {
    const { signal } = controller;
    const late = new Silence(`no answer within ${this.answerMs / 1000} s`);
    const timer = setTimeout(() => controller.abort(late), this.answerMs);
    try {
      const access = await this.credentials.read(this.#isAccessDoubted ? "refused" : undefined);
      this.#isAccessDoubted = false;
      const response = await this.#send(sent, access, signal);
      const doubt = DOUBTS[response.status];
      const newAccess = doubt === undefined ? access : await this.credentials.read(doubt);
      if (newAccess === access) return response;
      await response.body?.cancel();
      return await this.#send(sent, newAccess, signal);
    } finally {
      clearTimeout(timer);
    }
  }

  async #send(
    { method, path, text, type, accept = JSON_TYPE }: Sent,
    access: Access,
    signal: AbortSignal,
  ): Promise<Response> {
    return await fetch(this.server + path, {
      method,
      client: this.#client(access),
      signal,
      redirect: "manual",
      headers: {
        accept,
        "accept-encoding": "identity",
        "user-agent": "wigglenet",
        ...access.headers,
        ...(text === undefined ? {} : { "content-type": type }),
      },
      ...(text === undefined ? {} : { body: text }),
    });
  }

  #client(access: Access): Deno.HttpClient {
    if (this.#http?.access === access) return this.#http.client;
    this.renew();
    const { caCerts, pair, proxyUrl } = access;
    const proxy = proxyUrl === undefined ? {} : { proxy: { url: proxyUrl } };
    try {
      const client = Deno.createHttpClient({ caCerts: [...caCerts], http2: false, ...pair, ...proxy });
      this.#http = { access, client };
      return client;
    } catch (error) {
      this.#isAccessDoubted = true;
      throw error;
    }
  }

  #named({ verb, what, resource }: Named): ApiRequest {
    return { identity: this.credentials.identity, verb, what, resource };
  }
}

/** Deno's fetch says "fetch failed", and why in its cause. */
function messageOf(error: unknown): string {
  const { message, cause } = error as Error;
  return error instanceof TypeError && cause instanceof Error ? cause.message : message;
}

/** Why an answer is none of 2xx; empty: it does not say. */
async function reasonOf(response: Response): Promise<string> {
  const body = await readBody(response, REASON_LIMITS).catch(() => undefined);
  if (body === undefined) return "";
  return reasonIn(formatOf(response).encoding.object(body), new TextDecoder().decode(body));
}
