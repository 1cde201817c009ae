// `wigglenet/transport`: by what a Node takes the packets of pods, in both families. A word to the others, and for none of them a
// reason to send anything in the clear: that is what their own settings say.

import type { Family } from "../net/address.ts";
import { quote, Refusal } from "../net/refusal.ts";
import { TRANSPORT_NAMES, type TransportName } from "./transport.ts";

/** The transports of a Node. */
export type Transports = Readonly<Record<Family, TransportName>>;

/** `ipv4=direct,ipv6=wireguard`. */
export function transportsText(transports: Transports): string {
  return ([4, 6] as const).map((family) => `ipv${family}=${transports[family]}`).join(",");
}

/** One for thousands of Nodes. */
const READ: ReadonlyMap<string, Transports> = new Map(
  TRANSPORT_NAMES.flatMap((v4) => TRANSPORT_NAMES.map((v6): Transports => ({ 4: v4, 6: v6 })))
    .map((transports) => [transportsText(transports), transports]),
);

/** Reads what {@link transportsText} writes. */
export function parseTransports(text: unknown): Transports | Refusal {
  const found = typeof text === "string" ? READ.get(text) : undefined;
  return found ?? new Refusal(`${quote(text)} is not as \`ipv4=direct,ipv6=wireguard\``);
}
