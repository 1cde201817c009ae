// What of the host is read apart, and what follows from each.

import type { Part } from "../core/plan/plan.ts";

/** All of it. */
export const EVERYTHING = [
  "table",
  "network",
  "wireguard",
  "second",
  "ipsec",
  "associations",
  "fastpath",
  "bridge",
  "cni",
] as const;
/** What can be out of date. */
export type Stale = typeof EVERYTHING[number];

/** What needs no program to be known there; routes of ours that are left over are seen by the second read. */
export const ON_A_BARE_HOST: readonly Stale[] = ["table", "network", "wireguard", "second", "fastpath"];
/** What a step leaves in doubt. */
export const READ_AFTER: Readonly<Record<Part, readonly Stale[]>> = {
  table: ["table"],
  policy: ["table"],
  link: ["network", "wireguard"],
  wireguard: ["wireguard"],
  second: ["second"],
  "second-v4": ["second"],
  "second-v6": ["second"],
  key: [],
  "addresses-v4": ["network"],
  "addresses-v6": ["network"],
  "routes-v4": ["network"],
  "routes-v6": ["network"],
  "clear-v4": ["network"],
  "clear-v6": ["network"],
  "host-v4": ["network"],
  "host-v6": ["network"],
  overlay: ["network"],
  "overlay-v4": ["network"],
  "overlay-v6": ["network"],
  ipsec: ["ipsec", "network"],
  "ipsec-v4": ["ipsec"],
  "ipsec-v6": ["ipsec"],
  associations: ["associations"],
  nonce: [],
  fastpath: ["fastpath"],
  bridge: ["bridge"],
  ports: [],
  sysctl: [],
  cni: ["cni"],
};
const OF_SECOND = ["second", "second-v4", "second-v6", "key"] as const;
/** What cannot be told while something is unread. */
export const BLIND: Readonly<Record<Stale, readonly Part[]>> = {
  table: ["table", "policy"],
  network: [
    ...["link", "wireguard", ...OF_SECOND] as const,
    ...[
      "addresses-v4",
      "addresses-v6",
      "routes-v4",
      "routes-v6",
      "clear-v4",
      "clear-v6",
      "host-v4",
      "host-v6",
      "overlay",
      "overlay-v4",
      "overlay-v6",
    ] as const,
  ],
  wireguard: ["link", "wireguard", ...OF_SECOND],
  // What is known of it is as old as that at most, and the first interface goes on by it.
  second: OF_SECOND,
  ipsec: ["ipsec", "ipsec-v4", "ipsec-v6", "associations", "nonce"],
  associations: ["associations", "nonce"],
  fastpath: ["fastpath"],
  bridge: ["bridge", "ports"],
  cni: ["cni"],
};
