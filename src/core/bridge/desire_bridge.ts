// What is wanted of the bridge: while CNI_BRIDGE says so, and until its last port has gone.

import { firstAddress, summarise } from "../net/prefix.ts";
import type { SettledNode } from "../nodes/settled_node.ts";
import type { Settings } from "../settings/settings.ts";
import { bridgeInterface } from "./names.ts";

/** What a host has of a bridge, by its links. */
export interface BridgeFacts {
  /** An interface of its name stands. */
  readonly isStanding: boolean;
  readonly ports: readonly BridgePort[];
}

/** An interface that hangs on the bridge, or that is known to have. */
export interface BridgePort {
  readonly name: string;
  /** False: somebody has taken it off, or the bridge from it. */
  readonly isAttached: boolean;
  /** It is in the group of ports. */
  readonly isKnown: boolean;
}

/** The bridge, its addresses and its rules. */
export interface DesiredBridge {
  readonly name: string;
  /** False: what is left of it goes. */
  readonly isOn: boolean;
  /** `10.244.1.1/24`: of each range that pods get addresses from the first one, which is their gateway. */
  readonly addresses: readonly string[];
  /** Known ports that hang there no more. */
  readonly strays: readonly string[];
  /** Ports that nobody has marked yet. */
  readonly strangers: readonly string[];
}

/**
 * Computes the bridge of this node.
 * @param facts without a bridge: the host has nothing of one, or is not known
 * @returns undefined where none is wanted, and none stands
 */
export function desireBridge(
  { isBridged, isFirewallOnly, interfaceName }: Settings,
  { podCidrs }: Pick<SettledNode, "podCidrs">,
  { bridge: facts }: { readonly bridge?: BridgeFacts },
): DesiredBridge | undefined {
  const ports = facts?.ports ?? [];
  const isWanted = isBridged && !isFirewallOnly && podCidrs.length > 0;
  if (!isWanted && facts === undefined) return undefined;
  const names = (isThat: (port: BridgePort) => boolean) =>
    ports.filter(isThat).map(({ name }) => name).sort();
  return {
    name: bridgeInterface(interfaceName),
    isOn: isWanted || ports.length > 0,
    addresses: summarise(podCidrs).map((prefix) => `${firstAddress(prefix).text}/${prefix.length}`),
    strays: names(({ isAttached }) => !isAttached),
    strangers: names(({ isAttached, isKnown }) => isAttached && !isKnown),
  };
}

/** What the rules cannot hold where pods hang on one bridge, as `status` says it. */
export function bridgeUnguarded(bridge: DesiredBridge | undefined): string[] {
  return bridge?.isOn
    ? [
      "pods of this node from each other's addresses (CNI_BRIDGE): one that may send raw packets can take another's, and what " +
      "policies allow that one",
    ]
    : [];
}
