// NetlinkInterface: a dummy, a bridge with its members, a VXLAN or a pair of veths, on one node.

import { BOOLEAN, integer, list, type Read, type Rule, word } from "../schema/schema.ts";
import { areOfOneFamily, CONTAINER, MTU, PORT } from "../schema/parts.ts";
import { defaulted, optional, required, struct } from "../schema/struct.ts";
import {
  ADDRESS_IN_NETWORK,
  GROUP_ADDRESS,
  INTERFACE_NAME,
  isMulticast,
  MULTICAST,
  NODE_NAME,
  UNICAST,
} from "../schema/texts.ts";
import type { Kind } from "./kind.ts";
import { STATUS } from "./status.ts";

const ADDRESS = struct({
  ipcidr: required(ADDRESS_IN_NETWORK, "The address, with the length of its network: 10.0.0.1/24."),
  peerCidr: optional(
    ADDRESS_IN_NETWORK,
    "The address of the other end of a point-to-point link, with the length of the network behind it.",
  ),
}, [{
  cel: "!has(self.peerCidr) || !isCIDR(self.ipcidr) || !isCIDR(self.peerCidr) || " +
    "cidr(self.ipcidr).ip().family() == cidr(self.peerCidr).ip().family()",
  message: "ipcidr and peerCidr must be of one family",
  holds: ({ ipcidr, peerCidr }) => areOfOneFamily(ipcidr.address, peerCidr?.address),
}]);

/** An address of such an interface. */
export type NetlinkAddress = Read<typeof ADDRESS>;

/** The addresses of one. */
export const NETLINK_ADDRESSES = list(ADDRESS, { most: 32 });

const BRIDGE = struct({
  slaves: defaulted(
    list(INTERFACE_NAME, { most: 256, unique: "self" }),
    [],
    "Names of the interfaces that are its members. What is not there yet is taken in when it comes.",
  ),
});

const VXLAN = struct({
  vni: required(integer(1, 16_777_215), "Number of the segment (VNI)."),
  dev: optional(
    INTERFACE_NAME,
    "The interface that its packets leave by: a declared WireGuard link may be one.",
  ),
  local: optional(UNICAST, "Source address of its packets."),
  group: optional(
    GROUP_ADDRESS,
    "Where packets go whose place is not known: a multicast group, or the one other end.",
  ),
  port: defaulted(PORT, 4789, "UDP port of the other ends."),
  portRange: optional(
    list(PORT, { most: 2, least: 2 }),
    "Source ports of its packets: the lowest and the one behind the highest.",
  ),
  noLearning: defaulted(BOOLEAN, false, "True: it learns no addresses from packets."),
  noAge: defaulted(
    BOOLEAN,
    false,
    "True: what it has learned it keeps for 23 days without a packet, as long as a kernel can; else for five minutes.",
  ),
  proxyARP: defaulted(BOOLEAN, false, "True: it answers ARP for what it knows."),
  ttl: optional(integer(1, 255), "TTL of its packets."),
  tos: optional(integer(0, 255), "TOS of its packets."),
}, [
  {
    cel: `!has(self.group) || !isIP(self.group) || !self.group.matches('${MULTICAST}') || has(self.dev)`,
    message: "a multicast group needs dev",
    holds: ({ group, dev }) => group === undefined || !isMulticast(group) || dev !== undefined,
  },
  {
    cel: "!has(self.group) || !has(self.local) || !isIP(self.group) || !isIP(self.local) || " +
      "ip(self.group).family() == ip(self.local).family()",
    message: "local and group must be of one family",
    holds: ({ group, local }) => areOfOneFamily(group, local),
  },
  {
    cel: "!has(self.portRange) || self.portRange[0] < self.portRange[1]",
    message: "portRange must begin below its end",
    holds: ({ portRange }) => portRange === undefined || portRange[0]! < portRange[1]!,
  },
]);

const VETH = struct({
  local: optional(
    struct({
      interfaceName: optional(INTERFACE_NAME, "Its name, in place of spec.interfaceName."),
      addresses: optional(NETLINK_ADDRESSES, "Its addresses, in place of spec.addresses."),
      container: optional(CONTAINER, "A container that it is to live in, in place of spec.container."),
    }),
    "What this end has of its own.",
  ),
  peer: required(
    struct({
      interfaceName: required(INTERFACE_NAME, "Its name."),
      addresses: defaulted(NETLINK_ADDRESSES, [], "Its addresses."),
      container: optional(CONTAINER, "A container that it is to live in."),
    }),
    "The other end.",
  ),
});

const KINDS = ["dummy", "bridge", "vxlan", "veth"] as const;

/** What each kind of such an interface says. */
export const NETLINK_FIELDS = {
  node: required(NODE_NAME, "Name of the Node that has it."),
  interfaceName: required(INTERFACE_NAME, "Name of the interface; of a pair of veths, of this end."),
  type: required(word(KINDS), "What it is."),
  dummy: optional(struct({}), "A dummy has nothing to say."),
  bridge: optional(BRIDGE, "What a bridge has."),
  vxlan: optional(VXLAN, "What a VXLAN has."),
  addresses: defaulted(NETLINK_ADDRESSES, [], "Its addresses."),
  mtu: optional(MTU, "MTU in bytes, of both ends of a pair. Missing: as the kernel has it."),
  up: defaulted(BOOLEAN, true, "False: it is there, and down."),
};

/** What the rules ask of. */
interface Ruled {
  readonly interfaceName: string;
  readonly type: (typeof KINDS)[number];
  readonly dummy: unknown;
  readonly bridge: Read<typeof BRIDGE> | undefined;
  readonly vxlan: Read<typeof VXLAN> | undefined;
  readonly veth: {
    readonly local: { readonly interfaceName: string | undefined } | undefined;
    readonly peer: { readonly interfaceName: string };
  } | undefined;
}

/** Of what type says. */
export const NETLINK_RULES: readonly Rule<Ruled>[] = [
  {
    cel: "(!has(self.dummy) || self.type == 'dummy') && (!has(self.bridge) || self.type == 'bridge') && " +
      "(!has(self.vxlan) || self.type == 'vxlan') && (!has(self.veth) || self.type == 'veth')",
    message: "dummy, bridge, vxlan and veth stand only where type says so",
    holds: (spec) => KINDS.every((it) => spec[it] === undefined || spec.type === it),
  },
  {
    cel: "self.type != 'vxlan' || has(self.vxlan)",
    message: "vxlan is missing, which its type asks for",
    holds: ({ type, vxlan }) => type !== "vxlan" || vxlan !== undefined,
  },
  {
    cel: "!has(self.vxlan) || !has(self.vxlan.dev) || self.vxlan.dev != self.interfaceName",
    message: "a VXLAN cannot stand on itself",
    holds: ({ vxlan, interfaceName }) => vxlan?.dev !== interfaceName,
  },
  {
    cel: "!has(self.bridge) || !has(self.bridge.slaves) || !(self.interfaceName in self.bridge.slaves)",
    message: "a bridge cannot be a member of itself",
    holds: ({ bridge, interfaceName }) => !bridge?.slaves.includes(interfaceName),
  },
  {
    cel: "self.type != 'veth' || has(self.veth)",
    message: "veth is missing, which its type asks for",
    holds: ({ type, veth }) => type !== "veth" || veth !== undefined,
  },
  {
    cel: "!has(self.veth) || self.veth.peer.interfaceName != (has(self.veth.local) && " +
      "has(self.veth.local.interfaceName) ? self.veth.local.interfaceName : self.interfaceName)",
    message: "the two ends of a pair must have two names",
    holds: ({ interfaceName, veth }) =>
      veth === undefined || veth.peer.interfaceName !== (veth.local?.interfaceName ?? interfaceName),
  },
];

const SPEC = struct({
  ...NETLINK_FIELDS,
  veth: optional(VETH, "What the two ends of a pair have."),
  container: optional(CONTAINER, "A container that it is to live in."),
}, NETLINK_RULES);

/** What is asked of one interface, or of a pair. */
export type NetlinkSpec = Read<typeof SPEC>;

/** The kind. */
export const NETLINK_INTERFACE: Kind<"NetlinkInterface", NetlinkSpec> = {
  name: "NetlinkInterface",
  plural: "netlinkinterfaces",
  shortNames: ["nl", "nli", "nlif"],
  description: "An interface of one node: a dummy, a bridge, a VXLAN, or a pair of veths.",
  spec: SPEC,
  status: STATUS,
  columns: [
    { name: "Node", type: "string", jsonPath: ".spec.node" },
    { name: "Interface", type: "string", jsonPath: ".spec.interfaceName" },
    { name: "Type", type: "string", jsonPath: ".spec.type" },
  ],
  selectable: [".spec.node"],
};
