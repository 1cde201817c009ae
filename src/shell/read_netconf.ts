// The sysctls of this network namespace, as the kernel tells them over netlink: /proc may not be read as shipped.

import type { Family } from "../core/net/address.ts";
import { locate, run } from "./command.ts";

interface NetconfJson {
  readonly family: string;
  readonly interface: string;
  readonly forwarding?: boolean;
  readonly rp_filter?: string;
}

/** What the kernel says of forwarding and filtering. */
export interface Netconf {
  /** By family: some interface forwards; undefined: the kernel has it not, or says nothing. */
  readonly forwarding: Readonly<Partial<Record<Family, boolean>>>;
  /** Of IPv4: what is in force on an interface. */
  readonly rpFilterOf: (interfaceName: string) => number;
}

const NAMES: Readonly<Record<Family, string>> = { 4: "inet", 6: "inet6" };
/** Of {@link Netconf.rpFilterOf}. */
export const STRICT = 1;
const RP_FILTER = ["off", "strict", "loose"];

/** Reads them; empty where they cannot be read. */
export async function readNetconf(): Promise<Netconf> {
  const json = locate("ip") === undefined
    ? ""
    : await run({ program: "ip", args: ["-j", "netconf"] }).catch(() => "");
  return parseNetconf(json);
}

/** What `ip -j netconf` printed. */
export function parseNetconf(json: string): Netconf {
  const entries = JSON.parse(json || "[]") as readonly NetconfJson[];
  const forwarding = ([4, 6] as const).flatMap((family) => {
    // IPv4 goes by the interface that a packet came in by, IPv6 by `all` alone.
    const asked = entries.filter((entry) =>
      entry.family === NAMES[family] &&
      (family === 4 ? entry.interface !== "default" : entry.interface === "all")
    );
    return asked.length === 0 ? [] : [[family, asked.some(({ forwarding }) => forwarding === true)] as const];
  });
  return {
    forwarding: Object.fromEntries(forwarding),
    // The greater of `all` and the interface's own is in force; kernel's ip-sysctl documentation.
    rpFilterOf: (interfaceName) => {
      const own = entries.filter(({ family, interface: name }) =>
        family === NAMES[4] && (name === "all" || name === interfaceName)
      );
      return Math.max(0, ...own.map(({ rp_filter }) => RP_FILTER.indexOf(rp_filter ?? "off")));
    },
  };
}
