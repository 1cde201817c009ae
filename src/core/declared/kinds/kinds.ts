// All kinds of declared objects.

import { NETLINK_INTERFACE } from "./netlink_interface.ts";
import { WIREGUARD_NETWORK_PLAN } from "./plan.ts";
import { POD_INTERFACE_GRANT } from "./pod_interface_grant.ts";
import { POD_NETLINK_INTERFACE } from "./pod_netlink_interface.ts";
import { POD_WIREGUARD_INTERFACE } from "./pod_wireguard_interface.ts";
import { WIREGUARD_INTERFACE } from "./wireguard_interface.ts";

/** Those of who may write for the whole cluster. */
export const CLUSTER_KINDS = [WIREGUARD_NETWORK_PLAN, WIREGUARD_INTERFACE, NETLINK_INTERFACE] as const;

/** Those of tenants, and what limits them: definitions apart, which a cluster need not have. */
export const TENANT_KINDS = [POD_WIREGUARD_INTERFACE, POD_NETLINK_INTERFACE, POD_INTERFACE_GRANT] as const;

/** In the order in which claims on one name or port are settled. */
export const KINDS = [...CLUSTER_KINDS, ...TENANT_KINDS] as const;

/** The name of one. */
export type KindName = (typeof KINDS)[number]["name"];
