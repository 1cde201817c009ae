// WireGuardInterface: one interface of one node, with its peers, written by hand.

import { BOOLEAN, integer, list, type Read } from "../schema/schema.ts";
import { CONTAINER, MTU, PORT, SECRET_REFERENCE, WIREGUARD_ADDRESS } from "../schema/parts.ts";
import { defaulted, optional, required, struct } from "../schema/struct.ts";
import { ENDPOINT, INTERFACE_NAME, NETWORK, NODE_NAME, PUBLIC_KEY } from "../schema/texts.ts";
import type { Kind } from "./kind.ts";
import { STATUS } from "./status.ts";
import { DEFAULT_MTU } from "./plan.ts";

/** What each kind of WireGuard interface says of a peer. */
export const PEER_FIELDS = {
  publicKey: required(PUBLIC_KEY, "Its public key."),
  allowedIPs: defaulted(
    list(NETWORK, { most: 256 }),
    [],
    "Networks whose packets go to it, and are believed when they come from it.",
  ),
  endpoint: optional(
    ENDPOINT,
    "Where it listens: an address or DNS name, and a port. Missing: it must speak first.",
  ),
  persistentKeepalive: optional(integer(0, 65_535), "Seconds between packets that keep a NAT open. 0: none."),
};

const PEER = struct({
  ...PEER_FIELDS,
  presharedKeySecretRef: optional(SECRET_REFERENCE, "A Secret with a key that both ends share."),
});

/** The most peers of one. */
export const MOST_PEERS = 256;

/** What each kind of WireGuard interface says. */
export const WIREGUARD_FIELDS = {
  node: required(NODE_NAME, "Name of the Node that has it."),
  interfaceName: required(INTERFACE_NAME, "Name of the interface."),
  mtu: defaulted(MTU, DEFAULT_MTU, "MTU in bytes."),
  addresses: defaulted(list(WIREGUARD_ADDRESS, { most: 32 }), [], "Its addresses."),
};

const SPEC = struct({
  ...WIREGUARD_FIELDS,
  listenPort: optional(PORT, "UDP port that it listens on. Missing: the kernel chooses one."),
  privateKeySecretRef: optional(
    SECRET_REFERENCE,
    "A Secret with its private key. Missing: the agent makes one and keeps it on the node.",
  ),
  peers: defaulted(list(PEER, { most: MOST_PEERS, unique: "publicKey" }), [], "Its peers."),
  container: optional(CONTAINER, "A container that it is to live in."),
  moveToContainer: defaulted(BOOLEAN, false, "True: it lives in that container."),
});

/** What is asked of one interface. */
export type WireguardSpec = Read<typeof SPEC>;

/** The kind. */
export const WIREGUARD_INTERFACE: Kind<"WireGuardInterface", WireguardSpec> = {
  name: "WireGuardInterface",
  plural: "wireguardinterfaces",
  shortNames: ["wgi"],
  description: "A WireGuard interface of one node, with its addresses and peers.",
  spec: SPEC,
  status: STATUS,
  columns: [
    { name: "Node", type: "string", jsonPath: ".spec.node" },
    { name: "Interface", type: "string", jsonPath: ".spec.interfaceName" },
    { name: "Port", type: "integer", jsonPath: ".spec.listenPort" },
  ],
  selectable: [".spec.node"],
};
