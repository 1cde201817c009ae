// By the tunnel, encrypted. Its peers, their keys, endpoints and rotation are in core/desired and core/rotation: each other
// transport needs them too while nodes change over to it, or from it.

import type { Transport } from "../transport.ts";

/** The default. */
export const WIREGUARD: Transport = { medium: "tunnel" };
