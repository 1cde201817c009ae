// Where somebody says that a node is to be reached: an address or a DNS name, with a port or without.
// The grammar refuses whatever a resolver would read as an address in another notation ("127.1", "0x7f.1").

import { type Address, parseAddress } from "./address.ts";
import { quote, Refusal, refused } from "./refusal.ts";

/** A name that DNS may know, as RFC 1123 has it, in lower case. */
export type HostName = string & { readonly __brand: "HostName" };

/** A place that packets may be sent to. */
export interface Destination {
  /** A name is a string. */
  readonly host: Address | HostName;
  /** 1 to 65535; undefined: the mesh's own. */
  readonly port: number | undefined;
  /** `gw.example.org:24601`, `192.0.2.1`, `[2001:db8::1]:7`. */
  readonly text: string;
}

const LONGEST_NAME = 253;
const DESTINATION = /^(?:\[([^\s[\]]+)\]|([^\s:[\]]+))(?::(\d{1,9}))?$/;
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
/** A last label that makes a resolver take the name for an address; WHATWG's URL standard, "ends in a number". */
const NUMBER = /^(?:\d+|0x[0-9a-f]*)$/;

/** Reads `host`, `host:port`, `[v6]` and `[v6]:port`. */
export function parseDestination(text: unknown): Destination | Refusal {
  if (typeof text !== "string") return new Refusal(`${quote(text)} is not a host and port`);
  const match = text.length > LONGEST_NAME + 10 ? null : DESTINATION.exec(text);
  if (match === null) {
    const hint = refused(parseAddress(text)) ? "" : ": an IPv6 address goes in brackets";
    return new Refusal(`${quote(text)} is not a host and port${hint}`);
  }
  const [, bracketed, plain, digits] = match;
  const port = digits === undefined ? undefined : Number(digits);
  if (digits?.startsWith("0") || (port ?? 1) > 65535) {
    return new Refusal(`${quote(text)} has a port that is not 1 to 65535`);
  }
  const host = bracketed === undefined ? parseHost(plain!) : parseIpv6(bracketed);
  if (refused(host)) return host;
  const shown = typeof host === "string" ? host : host.family === 4 ? host.text : `[${host.text}]`;
  return { host, port, text: port === undefined ? shown : `${shown}:${port}` };
}

function parseIpv6(text: string): Address | Refusal {
  const address = parseAddress(text);
  return refused(address) || address.family === 6
    ? address
    : new Refusal(`${quote(text)} is not an IPv6 address`);
}

function parseHost(text: string): Address | HostName | Refusal {
  return /^[0-9.]+$/.test(text) ? parseAddress(text) : parseHostName(text);
}

function parseHostName(text: string): HostName | Refusal {
  const name = text.toLowerCase();
  const labels = name.split(".");
  if (
    name.length > LONGEST_NAME || !labels.every((label) => LABEL.test(label)) || NUMBER.test(labels.at(-1)!)
  ) return new Refusal(`${quote(text)} is neither an address nor a DNS name`);
  return name as HostName;
}
