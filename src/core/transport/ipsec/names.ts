// Names and numbers that are known without the table of transports, which looks at all that uses them.

import type { HostFacts } from "../../desired/host_facts.ts";
import { quote, Refusal } from "../../net/refusal.ts";
import { interfaceBeside } from "../../settings/grammar.ts";
import type { GivenSettings } from "../../settings/settings.ts";

/** The interface beside the tunnel's of that name. */
export function ipsecInterface({ interfaceName }: Pick<GivenSettings, "interfaceName">): string {
  return interfaceBeside(interfaceName, "-ipsec", "-sa");
}

/** The one by which ESP goes in UDP. */
export function ipsecUdpInterface({ interfaceName }: Pick<GivenSettings, "interfaceName">): string {
  return interfaceBeside(interfaceName, "-udp", "-eu");
}

/** To which greetings are sent. */
export const GREETING_PORT = 24_605;

/** True while what this host had of IPsec stands for others that have not heard that it goes another way. */
export function leavesIpsec({ former = {} }: Pick<HostFacts, "former">): boolean {
  return Object.values(former).includes("ipsec");
}

/** By what this host takes ESP in UDP; undefined: it takes none. A host has one interface that wraps, but while it leaves IPsec. */
export function ipsecUdpPort(
  { ipsecUdpPort, transportIpv4, transportIpv6 }: Pick<
    GivenSettings,
    "ipsecUdpPort" | "transportIpv4" | "transportIpv6"
  >,
  facts: Pick<HostFacts, "isUdpLacking" | "former"> = {},
): number | undefined {
  const names = [transportIpv4, transportIpv6];
  const isWanted = names.some((name) => name.startsWith("ipsec")) &&
    !names.some((name) => /^(?:vxlan|gre)/.test(name));
  if (!isWanted && !leavesIpsec(facts)) return undefined;
  return ipsecUdpPort === 0 || facts.isUdpLacking ? undefined : ipsecUdpPort;
}

/** Reads `wigglenet/ipsec-udp-port`. */
export function parseUdpPort(text: unknown): number | Refusal {
  const port = typeof text === "string" && /^[1-9]\d{0,4}$/.test(text) ? Number(text) : NaN;
  return port <= 65535 ? port : new Refusal(`${quote(text)} is not a port (1 to 65535)`);
}
