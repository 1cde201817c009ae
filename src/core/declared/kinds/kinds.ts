// All kinds of declared objects.

import { NETLINK_INTERFACE } from "./netlink_interface.ts";
import { WIREGUARD_NETWORK_PLAN } from "./plan.ts";
import { WIREGUARD_INTERFACE } from "./wireguard_interface.ts";

/** In the order in which claims on one name or port are settled. */
export const KINDS = [WIREGUARD_NETWORK_PLAN, WIREGUARD_INTERFACE, NETLINK_INTERFACE] as const;

/** The name of one. */
export type KindName = (typeof KINDS)[number]["name"];
