// Objects in objects that several kinds have: addresses of an interface, references to Secrets, containers.

import { type Address, widthOf } from "../../net/address.ts";
import { BOOLEAN, integer, type Read, type Schema, word } from "./schema.ts";
import { defaulted, optional, required, struct } from "./struct.ts";
import { CONTAINER_NAME as NAME, NAMESPACE_NAME, OBJECT_NAME, SECRET_KEY, UNICAST } from "./texts.ts";

const FITS = "(self.family == 'inet' ? 4 : 6)";

const familyOf = (family: "inet" | "inet6") => family === "inet" ? 4 : 6;

/** An address of a WireGuard interface. */
export const WIREGUARD_ADDRESS = struct({
  family: required(word(["inet", "inet6"]), "inet for IPv4, inet6 for IPv6."),
  local: required(UNICAST, "The address of this end. IPv6 link-local ones may be used."),
  peer: optional(
    UNICAST,
    "The address of the other end of a point-to-point link. In a plan, where prefixlen is missing too, it is the other " +
      "node's address of this family at the same place in its list.",
  ),
  prefixlen: optional(
    integer(0, 128),
    "Length of the network behind the link: of the peer's where there is a peer, else of this end's. " +
      "Where it is missing the address stands alone.",
  ),
  noPrefixRoute: defaulted(BOOLEAN, false, "True: the kernel makes no route for that network."),
}, [
  {
    cel: `!isIP(self.local) || ip(self.local).family() == ${FITS}`,
    message: "local must be of the family that is said",
    holds: ({ family, local }) => local.family === familyOf(family),
  },
  {
    cel: `!has(self.peer) || !isIP(self.peer) || ip(self.peer).family() == ${FITS}`,
    message: "peer must be of the family that is said",
    holds: ({ family, peer }) => peer === undefined || peer.family === familyOf(family),
  },
  {
    cel: "!has(self.prefixlen) || self.family == 'inet6' || self.prefixlen <= 32",
    message: "prefixlen must be at most 32 for inet",
    holds: ({ family, prefixlen }) => (prefixlen ?? 0) <= widthOf(familyOf(family)),
  },
]);

/** The same as a value. */
export type WireguardAddress = Read<typeof WIREGUARD_ADDRESS>;

/** A key in a Secret. */
export const SECRET_REFERENCE = struct({
  name: required(OBJECT_NAME, "Name of the Secret."),
  key: required(SECRET_KEY, "Key in the Secret's data: it holds 32 bytes in base64, as wg prints keys."),
  namespace: optional(
    OBJECT_NAME,
    "Namespace of the Secret. Agents read Secrets of one namespace only, which their settings name.",
  ),
});

/** A key in a Secret of the object's own namespace. */
export const OWN_SECRET_REFERENCE = struct({
  name: required(OBJECT_NAME, "Name of the Secret: of this namespace."),
  key: required(SECRET_KEY, "Key in the Secret's data: it holds 32 bytes in base64, as wg prints keys."),
});

const CONTAINER_NAME = struct({
  name: required(NAME, "Name of the container."),
});

/** A container that an interface is to live in. */
export const CONTAINER = struct({
  pod: optional(
    struct({
      namespace: required(OBJECT_NAME, "Namespace of the pod."),
      name: required(OBJECT_NAME, "Name of the pod."),
    }),
    "A pod of this node.",
  ),
  docker: optional(CONTAINER_NAME, "A container of docker."),
  podman: optional(CONTAINER_NAME, "A container of podman."),
  netns: optional(
    struct({
      name: optional(NAMESPACE_NAME, "Its name, as `ip netns` has it: /run/netns/NAME."),
      pid: optional(integer(1, 4_194_304), "Id of a process in it."),
    }, [{
      cel: "has(self.name) != has(self.pid)",
      message: "must say one of name and pid",
      holds: ({ name, pid }) => (name === undefined) !== (pid === undefined),
    }]),
    "A network namespace, by its name or by a process in it.",
  ),
}, [{
  cel: "[has(self.pod), has(self.docker), has(self.podman), has(self.netns)].filter(it, it).size() == 1",
  message: "must name one of pod, docker, podman and netns",
  holds: ({ pod, docker, podman, netns }) =>
    [pod, docker, podman, netns].filter((it) => it !== undefined).length === 1,
}]);

/** The same as a value. */
export type Container = Read<typeof CONTAINER>;

/** An MTU. */
export const MTU: Schema<number> = integer(576, 65_535);
/** A UDP port. */
export const PORT: Schema<number> = integer(1, 65_535);

/** Ports from one to another, both included. */
export const PORT_RANGE = struct({
  start: required(PORT, "The first port."),
  end: required(PORT, "The last port; it belongs to the range."),
}, [{
  cel: "self.start <= self.end",
  message: "start must not be behind end",
  holds: ({ start, end }) => start <= end,
}]);

/** The same as a value. */
export type PortRange = Read<typeof PORT_RANGE>;

/** True for addresses that one packet can have. */
export function areOfOneFamily(a: Address | undefined, b: Address | undefined): boolean {
  return a === undefined || b === undefined || a.family === b.family;
}
