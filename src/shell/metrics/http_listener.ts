// The HTTP server of metrics and probes: node:http, or node:https, which alone asks clients for certificates under Deno
// (docs/decisions/0026). Everything is bounded here, for Deno's node:http (2.9.6) does not enforce its own timeouts.

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer, type Server as TlsServer } from "node:https";
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { BindAddress } from "../../core/net/bind_address.ts";
import type { TlsMaterial } from "./tls_files.ts";

/** What is answered to a request. */
export interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: AsyncIterable<string> | string;
  /** Where a redirect leads. */
  readonly location?: string;
}

/** Of a request what an answer may depend on. */
export interface Asked {
  readonly path: string;
  readonly userAgent: string;
}

/** A server that listens. */
export interface HttpListener {
  /** New connections get these; no connection and no request is lost. */
  renew(tls: TlsMaterial): void;
  close(): void;
}

const MAX_CONNECTIONS = 64;
/** One client cannot take the places of all others. */
const MAX_CONNECTIONS_OF_ONE = 16;
/** From the first packet to the last, whatever the client does. */
const CONNECTION_MS = 15_000;
const MAX_HEADER_BYTES = 8_192;

/** What a server is made of. */
export interface ListenOptions {
  readonly address: BindAddress;
  readonly tls: TlsMaterial | undefined;
  readonly answer: (asked: Asked) => Answer;
  /** The server has ended by itself. */
  readonly onError: (error: Error) => void;
}

/**
 * Listens.
 * @throws Error when the address cannot be listened on, with the system's code
 */
export async function listen(options: ListenOptions): Promise<HttpListener> {
  const { address, tls, onError } = options;
  const known = tls?.ca === undefined ? undefined : new KnownClients();
  const handle = (request: IncomingMessage, response: ServerResponse) => {
    if (known?.admits(request.socket as TLSSocket) === false) return void request.socket.destroy();
    respond(request, response, options.answer).catch(() => response.destroy());
  };
  const limits = { maxHeaderSize: MAX_HEADER_BYTES };
  const server = tls === undefined
    ? createServer(limits, handle)
    : createTlsServer({ ...limits, ...contextOf(tls), ...mutual(tls) }, handle);
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => admit(socket, sockets));
  server.on("clientError", (_error: Error, socket: Socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    const listening = () => {
      server.off("error", reject);
      server.on("error", onError);
      resolve();
    };
    if (address.host === undefined) server.listen(address.port, listening);
    else server.listen(address.port, address.host, listening);
  });
  return {
    renew: (next) => {
      known?.forget();
      (server as TlsServer).setSecureContext(contextOf(next));
    },
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

function contextOf({ cert, key, ca }: TlsMaterial): { cert: string; key: string; ca?: string } {
  return { cert, key, ...(ca === undefined ? {} : { ca }) };
}

/** Whoever shows no certificate of these authorities does not get past the handshake. */
function mutual({ ca }: TlsMaterial): { requestCert: boolean; rejectUnauthorized: boolean } {
  return { requestCert: ca !== undefined, rejectUnauthorized: ca !== undefined };
}

const MAX_KNOWN = 1_000;

/**
 * Clients that showed their certificate in a whole handshake since the authorities last changed. Deno (2.9.6) resumes sessions
 * of any time, of a new server too, and asks no authority then: a client of one that was withdrawn would be served on.
 */
class KnownClients {
  readonly #fingerprints = new Set<string>();
  #sinceMs = -Infinity;

  admits(socket: TLSSocket): boolean {
    const { fingerprint256, valid_to } = socket.getPeerCertificate();
    if (socket.isSessionReused()) {
      return this.#fingerprints.has(fingerprint256) && Date.parse(valid_to) > Date.now();
    }
    // What was begun before the change has ended after that time.
    if (performance.now() - this.#sinceMs > CONNECTION_MS) this.#add(fingerprint256);
    return true;
  }

  /** The authorities have changed. */
  forget(): void {
    this.#fingerprints.clear();
    this.#sinceMs = performance.now();
  }

  #add(fingerprint: string): void {
    if (this.#fingerprints.size >= MAX_KNOWN) this.#fingerprints.clear();
    this.#fingerprints.add(fingerprint);
  }
}

/** Counts connections as they come, before TLS has cost anything, and ends each one in time. */
function admit(socket: Socket, sockets: Set<Socket>): void {
  const { remoteAddress } = socket;
  const ofSame = [...sockets].filter((other) => other.remoteAddress === remoteAddress).length;
  if (sockets.size >= MAX_CONNECTIONS || ofSame >= MAX_CONNECTIONS_OF_ONE) {
    socket.destroy();
    return;
  }
  sockets.add(socket);
  const timer = setTimeout(() => socket.destroy(), CONNECTION_MS);
  socket.on("error", () => {});
  socket.once("close", () => {
    clearTimeout(timer);
    sockets.delete(socket);
  });
}

/** Every connection ends with its answer: the next one meets the certificates of its own time. */
async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  answer: ListenOptions["answer"],
): Promise<void> {
  response.shouldKeepAlive = false;
  response.setHeader("Connection", "close");
  const { method } = request;
  if (method !== "GET" && method !== "HEAD") {
    response.writeHead(405, { Allow: "GET, HEAD" }).end();
    return;
  }
  const path = (request.url ?? "").split("?")[0]!;
  const userAgent = request.headers["user-agent"] ?? "";
  const { status, contentType, body, location } = answer({ path, userAgent });
  if (location !== undefined) response.setHeader("Location", location);
  response.writeHead(status, { "Content-Type": contentType, "X-Content-Type-Options": "nosniff" });
  if (method === "HEAD") response.end();
  else if (typeof body === "string") response.end(body);
  else {
    for await (const piece of body) {
      if (response.destroyed || response.socket?.destroyed !== false) return;
      if (!response.write(piece)) await drained(response);
    }
    response.end();
  }
}

/** Until the client has taken what was written, or is gone. */
function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off("drain", done);
      response.off("close", done);
      resolve();
    };
    response.once("drain", done);
    response.once("close", done);
  });
}
