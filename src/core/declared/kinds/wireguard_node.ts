// WireGuardNode: what an agent says of the declared networks of its node. Written by that agent alone; it has a status and no spec.

import { integer, list, type Read } from "../schema/schema.ts";
import { BOOLEAN } from "../schema/schema.ts";
import { optional, required, struct } from "../schema/struct.ts";
import { PUBLIC_KEY } from "../schema/texts.ts";
import { anyText, COUNT, LONGEST_MESSAGE, TIME } from "./status.ts";

const PLAN = struct({
  name: required(anyText(253), "Name of the WireGuardNetworkPlan."),
  publicKey: optional(PUBLIC_KEY, "This node's public key in it: the others take it from here."),
  observedGeneration: optional(COUNT, "The generation of the plan that this node has taken up."),
  ready: required(BOOLEAN, "Everything that it asks of this node is there."),
  reason: required(anyText(64), "Why, in one word."),
  message: required(anyText(LONGEST_MESSAGE), "Why, in words."),
  links: required(COUNT, "How many links this node has in it."),
  linksUp: required(COUNT, "How many of them had a handshake in the last three minutes."),
  lastHandshake: optional(TIME, "The latest handshake of any of them, some minutes late."),
});

/** What a node says of a plan. */
export type PlanPart = Read<typeof PLAN>;

/** The list of them: what other agents read. */
export const PLAN_PARTS = list(PLAN, { most: 1_000, unique: "name", isLong: true });

const PEER = struct({
  name: required(anyText(253), "The node at the other end; the key where it has no name."),
  publicKey: optional(anyText(44), "Its public key; missing: nobody has said it."),
  endpoint: optional(anyText(270), "Where packets go to it."),
  lastHandshake: optional(TIME, "The last handshake, some minutes late; missing: never."),
});

const INTERFACE = struct({
  interfaceName: required(anyText(15), "Its name."),
  container: optional(
    anyText(320),
    "The container that it lives in: pod/NAMESPACE/NAME, docker/NAME, podman/NAME, netns/NAME or pid/NUMBER.",
  ),
  owner: required(anyText(300), "The object that asks for it."),
  type: required(anyText(16), "wireguard, dummy, bridge, vxlan or veth."),
  state: required(anyText(16), "up, down or missing."),
  listenPort: optional(integer(0, 65_535), "UDP port that it listens on."),
  publicKey: optional(anyText(44), "Its public key."),
  mtu: optional(COUNT, "Its MTU in bytes."),
  addresses: optional(list(anyText(128), { most: 64 }), "Its addresses, as ip has them."),
  peers: optional(list(PEER, { most: 256 }), "Its peers."),
});

/** The status. */
const NODE_STATUS = struct({
  plans: optional(PLAN_PARTS, "Plans that have this node."),
  interfaces: optional(list(INTERFACE, { most: 4_096 }), "Interfaces of this node that objects ask for."),
});

/** The kind: its objects are named as their Nodes. */
export const WIREGUARD_NODE = {
  name: "WireGuardNode",
  plural: "wireguardnodes",
  shortNames: ["wgn"],
  description:
    "What the agent of a node says of its declared networks: keys, interfaces, handshakes. Nobody else writes it.",
  spec: undefined,
  status: NODE_STATUS,
  columns: [
    { name: "Plans", type: "string", jsonPath: ".status.plans[*].name" },
    { name: "Ready", type: "string", jsonPath: ".status.plans[*].ready" },
  ],
  selectable: [],
} as const;
