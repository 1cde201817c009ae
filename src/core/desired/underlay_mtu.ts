// What the host's own interfaces carry. Transports ask for it, which settings are made of: it must not ask for settings.

import type { Address } from "../net/address.ts";
import { type HostFacts, LOOPBACK } from "./host_facts.ts";

/** IPv6's least, RFC 8200 section 5: below it the kernel switches IPv6 off. */
export const IPV6_LEAST_BYTES = 1280;

/** Where no interface is known yet: Ethernet's. */
export const DEFAULT_UNDERLAY_BYTES = 1500;

/** Smallest MTU, in bytes, of the interfaces that hold our node addresses, else of those with a default route. */
export function underlayMtu(addresses: readonly Address[], { interfaces }: HostFacts): number | undefined {
  const own = new Set(addresses.map(({ text }) => text));
  const holders = interfaces.filter(({ name, addresses }) =>
    name !== LOOPBACK && addresses.some(({ text }) => own.has(text))
  );
  const carriers = holders.length > 0 ? holders : interfaces.filter(({ hasDefaultRoute }) => hasDefaultRoute);
  return carriers.length === 0 ? undefined : Math.min(...carriers.map(({ mtuBytes }) => mtuBytes));
}
