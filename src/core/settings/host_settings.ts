// The settings of what nodes say to each other by their own addresses.

import { choice, integer, list, type Setting } from "./grammar.ts";

/** A part of the table of settings. */
export const HOST_SETTINGS = {
  hostEncryption: choice("HOST_ENCRYPTION", {
    words: ["off", "require"],
    fallback: "off",
    meaning:
      "`require`: traffic [between nodes' own addresses](#between-nodes) goes through the tunnel or not at all, but for what is exempt; the same on all nodes.",
  }),
  hostExemptPorts: {
    env: "HOST_ENCRYPTION_EXEMPT",
    fallback: "",
    accepts: "a comma-separated list of TCP ports",
    meaning:
      "Exempt beside 22, 53, 2379, 2380, 6443 and 10250: where API servers on nodes listen elsewhere; the same on all nodes.",
    parse: (text: string) => {
      const ports = list(text).map((item) => integer(item, 1, 65535));
      return ports.every((port) => port !== undefined) ? ports : undefined;
    },
  } satisfies Setting<readonly number[]>,
} as const;

/** True when nodes say nothing to each other in the clear. */
export function encryptsHosts({ hostEncryption }: { readonly hostEncryption: "off" | "require" }): boolean {
  return hostEncryption === "require";
}
