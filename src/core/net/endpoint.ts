// Where a peer's WireGuard listens: an address and a UDP port, never a name.

import { type Address, parseAddress } from "./address.ts";
import { quote, Refusal, refused } from "./refusal.ts";

/** UDP endpoint of a peer. */
export interface Endpoint {
  readonly address: Address;
  /** 1 to 65535. */
  readonly port: number;
  /** As `wg` prints it: `10.9.1.2:24601` or `[fd09::2]:24601`. */
  readonly text: string;
}

/** The endpoint at an address and port. */
export function endpointOf(address: Address, port: number): Endpoint {
  const host = address.family === 4 ? address.text : `[${address.text}]`;
  return { address, port, text: `${host}:${port}` };
}

const ENDPOINT = /^(?:\[([0-9A-Fa-f:]+)\]|([0-9.]+)):([1-9]\d{0,4})$/;

/** Reads what `wg show` prints. */
export function parseEndpoint(text: unknown): Endpoint | Refusal {
  const match = typeof text === "string" ? ENDPOINT.exec(text) : null;
  if (match === null) return new Refusal(`${quote(text)} is not an address and port`);
  const address = parseAddress(match[1] ?? match[2]);
  if (refused(address)) return address;
  const port = Number(match[3]);
  if (port > 65535) return new Refusal(`${quote(text)} has a port above 65535`);
  return endpointOf(address, port);
}
