// The nonce of this agent, in memory alone: a process that starts has another one, and with it no key that was ever used. And what it
// has given to the kernel, which it never gives again.

import type { Nonce } from "../core/transport/ipsec/association.ts";
import { MOST_USED } from "../core/transport/ipsec/rollover.ts";

const NONCE_BYTES = 32;

let nonce: Nonce | undefined;
let used = new Set<number>();
let retired = new Set<number>();

/** The last one that was drawn; the first one at the first call. */
export function currentNonce(): Nonce {
  return nonce ??= draw();
}

/**
 * From now on another one.
 * @param spent that is to be replaced: what was planned before the last draw draws none
 */
export function drawNonce(spent: Nonce): void {
  if (spent !== currentNonce()) return;
  nonce = draw();
  // Nothing is made of former ones any more (associate.ts), yet as long as there is room nobody relies on that alone.
  if (used.size <= MOST_USED) return;
  used = new Set();
  retired = new Set();
}

function draw(): Nonce {
  return crypto.getRandomValues(new Uint8Array(NONCE_BYTES)).toBase64() as Nonce;
}

/** SPIs that the kernel was given, or may have been. */
export function usedSpis(): ReadonlySet<number> {
  return used;
}

/** Those of them that the kernel was told to remove. */
export function retiredSpis(): ReadonlySet<number> {
  return retired;
}

/** Remembers them, before the kernel is told. */
export function retire(spis: Iterable<number>): void {
  for (const spi of spis) retired.add(spi);
}

/** Remembers them, before the kernel is given any. */
export function use(spis: Iterable<number>): void {
  for (const spi of spis) used.add(spi);
}

/** Forgets those that the kernel has refused: it has numbered no packet by them. */
export function takeBack(spis: Iterable<number>): void {
  for (const spi of spis) used.delete(spi);
}
