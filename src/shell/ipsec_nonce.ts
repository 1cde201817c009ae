// The nonce of this agent, in memory alone: a process that starts has another one, and with it no key that was ever used. And what it
// has given to the kernel, which it never gives again.

import type { Nonce } from "../core/transport/ipsec/association.ts";
import { MOST_USED } from "../core/transport/ipsec/rollover.ts";
import { steadySeconds } from "./observe.ts";

const NONCE_BYTES = 32;

let nonce: Nonce | undefined;
let used = new Set<string>();
let obligedAtSeconds = -Infinity;
let retired = new Set<string>();

/** The last one that was drawn; the first one at the first call. */
export function currentNonce(): Nonce {
  return nonce ??= draw();
}

/**
 * From now on another one.
 * @param spent that is to be replaced: what was planned before the last draw draws none
 * @param isObliged for another node's sake alone
 */
export function drawNonce(spent: Nonce, isObliged: boolean): void {
  if (spent !== currentNonce()) return;
  if (isObliged) obligedAtSeconds = steadySeconds();
  nonce = draw();
  // Nothing is made of former ones any more (associate.ts), yet as long as there is room nobody relies on that alone.
  if (used.size <= MOST_USED) return;
  used = new Set();
  retired = new Set();
}

/** Since a nonce was last drawn for another node's sake; Infinity: never. */
export function patientSeconds(): number {
  return steadySeconds() - obligedAtSeconds;
}

function draw(): Nonce {
  return crypto.getRandomValues(new Uint8Array(NONCE_BYTES)).toBase64() as Nonce;
}

/** Places (rollover.ts) of what the kernel was given, or may have been. */
export function usedPlaces(): ReadonlySet<string> {
  return used;
}

/** Those of them that the kernel was told to remove. */
export function retiredPlaces(): ReadonlySet<string> {
  return retired;
}

/** Remembers them, before the kernel is told. */
export function retire(places: Iterable<string>): void {
  for (const place of places) retired.add(place);
}

/** Remembers them, before the kernel is given any. */
export function use(places: Iterable<string>): void {
  for (const place of places) used.add(place);
}

/** Forgets those that the kernel has refused: it has numbered no packet by them. */
export function takeBack(places: Iterable<string>): void {
  for (const place of places) used.delete(place);
}
