// What exists while a key rotates, and its names: all follow from those of the settings (docs/decisions/0050).

import { interfaceBeside } from "../settings/grammar.ts";

/** The second interface beside the one of that name. */
export function nextInterface(name: string): string {
  return interfaceBeside(name, "-next", "-next2");
}

/** The group that the second interface is made in, as our routes have this number: one of its name without it is somebody else's. */
export const NEXT_GROUP = 146;

/** UDP port of the second interface: the one behind the first's. */
export function nextPort(port: number): number {
  return port === 65535 ? 65534 : port + 1;
}

/** The same place, `10.9.1.2:24601` or `[fd09::2]:24601`, by the second interface's port. */
export function nextEndpoint(text: string): string {
  const colon = text.lastIndexOf(":");
  return `${text.slice(0, colon)}:${nextPort(Number(text.slice(colon + 1)))}`;
}

/** Where the next private key stands from the announcement until the rotation has ended. */
export function nextKeyPath(privateKeyPath: string): string {
  return `${privateKeyPath}.next`;
}

/** Where `rotate-key` leaves a key that a rotation is to begin with. */
export function requestedKeyPath(privateKeyPath: string): string {
  return `${privateKeyPath}.requested`;
}
