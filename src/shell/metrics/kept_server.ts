// Keeps a server up: a port that is taken or a certificate that cannot be read costs the rest of the agent nothing, is
// named, and is tried again. Decides nothing about what is answered.

import type { Waiting } from "../../core/desired/desired_state.ts";
import type { BindAddress } from "../../core/net/bind_address.ts";
import type { GivenSettings } from "../../core/settings/settings.ts";
import type { Log } from "../log.ts";
import { type HttpListener, listen, type ListenOptions } from "./http_listener.ts";
import { readTls, tlsStamp } from "./tls_files.ts";

const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 30_000;
/** Deno tells nothing when a link leads elsewhere, which is how a Secret in a volume changes. */
const LOOK_MS = 2_000;

/** What is served, and where. */
export interface KeptServerOptions {
  readonly what: "metrics" | "health";
  readonly address: BindAddress;
  /** Settings that name the certificates; undefined: plain HTTP. */
  readonly tls?: GivenSettings | undefined;
  readonly log: Log;
  readonly answer: ListenOptions["answer"];
}

/** Serves until closed. */
export class KeptServer {
  readonly #options: KeptServerOptions;
  #listener: HttpListener | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #failures = 0;
  #stamp = "";
  #trouble: Waiting | undefined;
  #isClosed = false;

  constructor(options: KeptServerOptions) {
    this.#options = options;
  }

  /** What keeps it from serving, or from serving what it should. */
  get waiting(): readonly Waiting[] {
    return this.#trouble === undefined ? [] : [this.#trouble];
  }

  /** Returns once it listens or has failed for the first time. */
  async start(): Promise<void> {
    const { what, address, tls, log, answer } = this.#options;
    try {
      // The stamp first: what changes while it is being read is read once more.
      if (tls !== undefined) this.#stamp = await tlsStamp(tls);
      const material = tls && await readTls(tls);
      const onError = (error: Error) => this.#failed(error);
      this.#listener = await listen({ address, tls: material, answer, onError });
    } catch (error) {
      return this.#failed(error as Error);
    }
    if (this.#isClosed) return this.#listener.close();
    this.#failures = 0;
    this.#trouble = undefined;
    const kind = tls === undefined ? "HTTP" : tls.metricsClientCaFile === "" ? "TLS" : "mutual TLS";
    log.info(`serves ${what} on ${address.text}`, { by: kind });
    if (tls !== undefined) this.#later(LOOK_MS, () => this.#look(tls));
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#listener?.close();
  }

  #failed(error: Error): void {
    const { what, address: { text, port }, log } = this.#options;
    this.#listener?.close();
    this.#listener = undefined;
    const isTaken = (error as { code?: string }).code === "EADDRINUSE";
    const why = `cannot serve on ${text}: ${isTaken ? `port ${port} is taken` : error.message}`;
    const next = isTaken ? `ss -ltnp sport = :${port} shows by whom; it is tried again` : "it is tried again";
    this.#trouble = { what, why, next };
    log.error(`${what}: ${why}; ${next}`);
    const delayMs = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** this.#failures++);
    this.#later(delayMs * (0.5 + Math.random() / 2), () => this.start());
  }

  #later(ms: number, act: () => Promise<void>): void {
    clearTimeout(this.#timer);
    if (!this.#isClosed) this.#timer = setTimeout(act, ms);
  }

  /** Takes in certificates that have changed; those that do not fit leave the last ones. */
  async #look(tls: GivenSettings): Promise<void> {
    const { what, log } = this.#options;
    const stamp = await tlsStamp(tls);
    if (stamp !== this.#stamp) {
      this.#stamp = stamp;
      try {
        const material = await readTls(tls);
        this.#listener?.renew(material);
        this.#trouble = undefined;
        log.info(`serves ${what} with the new certificates`);
      } catch (error) {
        const why = `the new certificates are not taken, the last ones stay: ${(error as Error).message}`;
        this.#trouble = { what, why, next: "mend the files" };
        log.error(`${what}: ${why}`);
      }
    }
    if (this.#listener !== undefined) this.#later(LOOK_MS, () => this.#look(tls));
  }
}
