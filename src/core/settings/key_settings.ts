// The settings of this host's key.

import { hours, path, type Setting } from "./grammar.ts";

/** A part of the table of settings. */
export const KEY_SETTINGS = {
  privateKeyPath: path(
    "WIGGLENET_PRIVKEY_PATH",
    "/etc/wigglenet/private.key",
    "The WireGuard private key, mode 0600; made on first start, never overwritten.",
  ),
  keyRotation: {
    env: "KEY_ROTATION",
    fallback: "off",
    accepts: "off, or `30d`, `12h`: 1 hour to 3650 days",
    meaning:
      "How old the private key becomes before a new one takes its place, see [key rotation](#key-rotation).",
    parse: hours,
  } satisfies Setting<"off" | number>,
} as const;
