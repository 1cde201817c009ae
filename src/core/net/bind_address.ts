// Where a server of ours listens, in the grammar of Go's net.Listen as far as it names no service and no zone.

import { parseAddress } from "./address.ts";
import { quote, Refusal, refused } from "./refusal.ts";

/** An address of this host and a TCP port. */
export interface BindAddress {
  /** Undefined: all addresses of the host, of both families. */
  readonly host: string | undefined;
  /** 1 to 65535. */
  readonly port: number;
  /** As it was written: `:9091`. */
  readonly text: string;
}

const GRAMMAR = /^(?:\[([0-9A-Fa-f:]+)\]|([0-9.]+|localhost))?:([1-9]\d{0,4})$/;

/** Reads `:9091`, `127.0.0.1:9091`, `localhost:9091` or `[::1]:9091`. */
export function parseBindAddress(text: string): BindAddress | Refusal {
  const match = GRAMMAR.exec(text);
  if (match === null) return new Refusal(`${quote(text)} is not an address and port`);
  const port = Number(match[3]);
  if (port > 65535) return new Refusal(`${quote(text)} has a port above 65535`);
  const host = match[1] ?? match[2];
  if (host === undefined) return { host: undefined, port, text };
  const address = parseAddress(host === "localhost" ? "127.0.0.1" : host);
  if (refused(address)) return address;
  return { host: address.text, port, text };
}
