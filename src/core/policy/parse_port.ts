// Ports, their names and protocols, as Pods declare and NetworkPolicies ask for them.

import { ownText } from "../net/own_text.ts";
import { quote, Refusal } from "../net/refusal.ts";
import type { Protocol } from "./objects.ts";

const PROTOCOLS: ReadonlyMap<unknown, Protocol> = new Map([["TCP", "tcp"], ["UDP", "udp"], ["SCTP", "sctp"]]);
const PORT_NAME = /^(?=.*[a-z])[a-z0-9]+(?:-[a-z0-9]+)*$/;
const LONGEST_NAME = 15;

/** Highest port. */
export const LAST_PORT = 65_535;

/** Reads a protocol; missing: TCP. */
export function parseProtocol(json: unknown): Protocol | Refusal {
  if (json === undefined || json === null) return "tcp";
  return PROTOCOLS.get(json) ?? new Refusal(`${quote(json)} is not a protocol (TCP, UDP or SCTP)`);
}

/** Reads a number of 1 to 65535. */
export function parsePortNumber(json: unknown): number | Refusal {
  return typeof json === "number" && Number.isInteger(json) && json >= 1 && json <= LAST_PORT
    ? json
    : new Refusal(`${quote(json)} is not a port (1 to ${LAST_PORT})`);
}

/** Reads the name of a port (RFC 6335): at most 15 characters, a letter among them, so that no number in quotes is one. */
export function parsePortName(json: unknown): string | Refusal {
  const isName = typeof json === "string" && json.length <= LONGEST_NAME && PORT_NAME.test(json);
  return isName ? ownText(json) : new Refusal(`${quote(json)} is not the name of a port`);
}
