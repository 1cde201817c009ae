// WireGuardNetworkPlan: nodes, and which of them have links with each other. Each node expands it for itself (expand_plans.ts).

import { BOOLEAN, list, type Read } from "../schema/schema.ts";
import { CONTAINER, MTU, PORT_RANGE, SECRET_REFERENCE, WIREGUARD_ADDRESS } from "../schema/parts.ts";
import { defaulted, optional, required, struct } from "../schema/struct.ts";
import { HOST, MOMENT, NODE_NAME, PUBLIC_KEY } from "../schema/texts.ts";
import type { Kind } from "./kind.ts";
import { PLAN_STATUS } from "./status.ts";

// As many as the API server lets rules be asked of (its budget for CEL), and as an object of 1.5 MB holds.
const MOST_NODES = 250;
const MOST_ADDRESSES = 16;
const MOST_LINK_ADDRESSES = 3;

/** As WireGuard has it over IPv6 on Ethernet. */
export const DEFAULT_MTU = 1420;

const NODE = struct({
  nodeName: required(NODE_NAME, "Name of the Node, or of a machine without an agent."),
  underlay: optional(
    struct({
      hostname: required(HOST, "Address or DNS name by which the others reach it."),
      portRange: optional(PORT_RANGE, "UDP ports that its interfaces listen on, one for each link."),
    }),
    "Where the others reach this node. A node without it is behind NAT: it speaks first.",
  ),
  addresses: defaulted(
    list(WIREGUARD_ADDRESS, { most: MOST_ADDRESSES }),
    [],
    "Addresses that it has on each of its links.",
  ),
  mtu: defaulted(MTU, DEFAULT_MTU, "MTU of its interfaces, in bytes."),
  publicKey: optional(
    PUBLIC_KEY,
    "Its WireGuard public key: needed of a machine without an agent, and where objects come from files. " +
      "Else its agent makes a key and publishes it.",
  ),
  expires: optional(
    MOMENT,
    "From then on it has no links: the others take it away. 2027-01-31T12:00:00Z.",
  ),
  privateKeyRef: optional(
    SECRET_REFERENCE,
    "A Secret with its private key, in place of the one that its agent makes.",
  ),
  container: optional(CONTAINER, "A container that its interfaces are to live in."),
  moveToContainer: defaulted(BOOLEAN, false, "True: its interfaces live in that container."),
});

// No defaults, and no entry for each item in managedFields: a full mesh of 200 nodes has 40,000 of them.
const END = struct({
  nodeName: required(NODE_NAME, "The node at the other end."),
  addresses: optional(
    list(WIREGUARD_ADDRESS, { most: MOST_LINK_ADDRESSES }),
    "Addresses of fromNode on this link, beside those of the node.",
  ),
  overrideAddresses: optional(BOOLEAN, "True: they stand in place of those of the node."),
});

const LINKS = struct({
  fromNode: required(NODE_NAME, "The node whose links these are."),
  toNodes: required(
    list(END, { most: MOST_NODES, unique: "nodeName", isLong: true }),
    "The nodes at the other ends, each of them once.",
  ),
}, [{
  cel: "!self.toNodes.exists(it, it.nodeName == self.fromNode)",
  message: "a node has no link with itself",
  holds: ({ fromNode, toNodes }) => toNodes.every(({ nodeName }) => nodeName !== fromNode),
}]);

const SPEC = struct({
  nodes: required(
    list(NODE, { most: MOST_NODES, least: 1, unique: "nodeName" }),
    "The nodes. To append one changes no port of the others.",
  ),
  links: defaulted(
    list(LINKS, { most: MOST_NODES, unique: "fromNode" }),
    [],
    "Who is linked with whom. A link stands where both of its nodes declare it.",
  ),
  defaultPortRange: defaulted(
    PORT_RANGE,
    { start: 24_700, end: 28_795 },
    "UDP ports of the nodes that say none of their own.",
  ),
});

/** What a plan asks for. */
export type PlanSpec = Read<typeof SPEC>;
/** A node of it. */
export type PlanNode = PlanSpec["nodes"][number];
/** What a node says of a link. */
export type PlanEnd = PlanSpec["links"][number]["toNodes"][number];

/** The kind. */
export const WIREGUARD_NETWORK_PLAN: Kind<"WireGuardNetworkPlan", PlanSpec> = {
  name: "WireGuardNetworkPlan",
  plural: "wireguardnetworkplans",
  shortNames: ["wgplan", "wgp"],
  description:
    "A network of WireGuard links between nodes. Each link is an interface at each of its ends, named wg-FROM-TO-0.",
  spec: SPEC,
  status: PLAN_STATUS,
  columns: [],
  selectable: [],
};
