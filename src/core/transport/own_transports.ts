// What this host's own Node is to say of its transports.

import type { Waiting } from "../desired/desired_state.ts";
import type { Family } from "../net/address.ts";
import { ANNOTATION, type Node } from "../nodes/node.ts";
import { familySettings, type GivenSettings } from "../settings/settings.ts";
import { type Transports, transportsText } from "./stated.ts";
import type { Transport } from "./transport.ts";
import { TRANSPORTS } from "./transports.ts";

/** Of both families. */
function chosenIn(settings: GivenSettings): Transport[] {
  return ([4, 6] as const).map((family) => TRANSPORTS[familySettings(settings, family).transport]);
}

/** Families in which packets of pods may leave in the clear, by what this host's own settings say. */
export function clearFamilies(settings: GivenSettings): Family[] {
  return ([4, 6] as const).filter((family) =>
    TRANSPORTS[familySettings(settings, family).transport].reach !== undefined
  );
}

/** Undefined: nothing, for all is as with the original. */
export function ownTransports(settings: GivenSettings): Transports | undefined {
  return clearFamilies(settings).length === 0 ? undefined : bothOf(settings);
}

/**
 * What its Node is to say; undefined: nothing. Of native routing the original says nothing; a Node that has said something before does, for the
 * others go by its word, and without one they would send by a tunnel that it has not.
 */
export function ownWord(settings: GivenSettings, said: Node["transports"]): Transports | undefined {
  const isNative = chosenIn(settings).some(({ medium }) => medium === undefined);
  return isNative && said !== undefined ? bothOf(settings) : ownTransports(settings);
}

function bothOf(settings: GivenSettings): Transports {
  return { 4: familySettings(settings, 4).transport, 6: familySettings(settings, 6).transport };
}

/** UDP ports that others send to, beside WireGuard's. */
export function transportPorts(settings: GivenSettings): number[] {
  return [...new Set(chosenIn(settings).flatMap(({ portOf }) => portOf?.(settings) ?? []))];
}

/** True where a nonce is needed. */
export function usesIpsec(settings: GivenSettings): boolean {
  return chosenIn(settings).some(({ medium }) => medium === "ipsec");
}

/** True when a Node without a key is none that packets of all families can be sent to. */
export function needsKeys(settings: GivenSettings): boolean {
  return chosenIn(settings).some(({ medium, isTunnelElse }) =>
    medium === "tunnel" || medium === "ipsec" || isTunnelElse === true
  );
}

/** What a Node means that says nothing. */
const UNSAID: Transports = { 4: "wireguard", 6: "wireguard" };

/** A manifest must say it, or no other node sends so. */
export function untoldTransports(
  settings: GivenSettings,
  { name, transports }: Pick<Node, "name" | "transports">,
): Waiting[] {
  const own = ownWord(settings, transports);
  const [wanted, said] = [own, transports].map((it) => transportsText(it ?? UNSAID));
  if (wanted === said) return [];
  return [{
    what: `${ANNOTATION.transport} of ${name}`,
    why: `its Node says ${transports ? said : "nothing"}, and the others go by that; this host has ${
      own ? wanted : "the tunnel"
    }`,
    next: own === undefined
      ? `take ${ANNOTATION.transport} out of the manifest of ${name}`
      : `put ${ANNOTATION.transport}: ${wanted} into the manifest of ${name}`,
  }];
}

/** The others derive nothing without it. */
export function untoldNonce(
  settings: GivenSettings,
  { name, ipsecNonce }: Pick<Node, "name" | "ipsecNonce">,
  drawn: Node["ipsecNonce"],
): Waiting[] {
  if (!usesIpsec(settings) || drawn === undefined || drawn === ipsecNonce) return [];
  return [{
    what: `${ANNOTATION.ipsecNonce} of ${name}`,
    why: `its Node says ${ipsecNonce ?? "none"}, this agent has drawn ${drawn}`,
    next: `put ${ANNOTATION.ipsecNonce}: ${drawn} into the manifest of ${name}, at each start of its agent`,
  }];
}
