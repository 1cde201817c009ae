// Interfaces of a host, as they are observed, for tests of what is planned from them.

import type {
  ObservedInterface,
  ObservedInterfaces,
} from "../../src/core/declared/observed/observed_interfaces.ts";

/** These alone: dummies of ours that are up, unless they say otherwise. */
export function standing(
  ...interfaces: readonly (Partial<ObservedInterface> & { readonly name: string })[]
): ObservedInterfaces {
  const whole = interfaces.map((it): ObservedInterface => ({
    isOurs: true,
    kind: "dummy",
    alias: "",
    mtuBytes: 1500,
    isUp: true,
    master: undefined,
    other: undefined,
    words: undefined,
    addresses: new Set(),
    given: new Set(),
    ...it,
  }));
  return { interfaces: new Map(whole.map((it) => [it.name, it])), serving: new Map(), unread: new Map() };
}
