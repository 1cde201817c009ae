// Texts that several kinds of objects have: addresses, CIDRs, names, keys, endpoints. Each refuses the same in the API server as here.

import { type Address, parseAddress } from "../../net/address.ts";
import { type Destination, type HostName, parseDestination } from "../../net/destination.ts";
import { parsePublicKey, type PublicKey } from "../../net/keys.ts";
import { parseMaskedPrefix, type Prefix } from "../../net/prefix.ts";
import { quote, Refusal, refused } from "../../net/refusal.ts";
import { parseObjectName } from "../../policy/object_reader.ts";
import { isInterfaceName } from "../../settings/grammar.ts";
import { type Schema, text } from "./schema.ts";

const ADDRESS = "[0-9.]+|[0-9A-Fa-f:]+";
const LONGEST_ADDRESS = 39;
const LONGEST_NAME = 253;
/** A last label that makes a resolver take a name for an address. */
const ENDS_IN_NUMBER = "(^|[.])([0-9]+|0[xX][0-9A-Fa-f]*)$";
const NAME = "[A-Za-z0-9]([-A-Za-z0-9]{0,61}[A-Za-z0-9])?([.][A-Za-z0-9]([-A-Za-z0-9]{0,61}[A-Za-z0-9])?)*";

/** In CEL, of an address that can be read: it is one host's, and not every host's own. */
const isUnicastInCel = (it: string) => `(ip(${it}).isGlobalUnicast() || ip(${it}).isLinkLocalUnicast())`;

/** Of a text that is an address: several hosts listen to it. CEL has no word for it. */
export const MULTICAST = "^(22[4-9][.]|23[0-9][.]|[fF][fF][0-9a-fA-F]{2}:)";

/** An address that packets may be sent to, of one host or of many. */
export const GROUP_ADDRESS: Schema<Address> = text({
  pattern: `^(${ADDRESS})$`,
  longest: LONGEST_ADDRESS,
  cel: [{
    rule: `isIP(self) && (${isUnicastInCel("self")} || self.matches('${MULTICAST}'))`,
    message: "must be an IP address of somebody, and no loopback",
  }],
  parse: (input) => {
    const address = parseAddress(input);
    return refused(address) || isUnicast(address) || isMulticast(address)
      ? address
      : new Refusal(`${quote(input)} is nobody's address, or a loopback`);
  },
});

/** An address that an interface may have; link-local ones are welcome. */
export const UNICAST: Schema<Address> = text({
  pattern: `^(${ADDRESS})$`,
  longest: LONGEST_ADDRESS,
  cel: [{
    rule: `isIP(self) && ${isUnicastInCel("self")}`,
    message: "must be a unicast IP address, and no loopback",
  }],
  parse: parseUnicast,
});

function parseUnicast(input: string): Address | Refusal {
  const address = parseAddress(input);
  return refused(address) ? address : refusalOf(address) ?? address;
}

function refusalOf(address: Address): Refusal | undefined {
  if (isUnicast(address)) return undefined;
  return new Refusal(`${quote(address.text)} is not a unicast address, or a loopback`);
}

/** Of what may be a name as well. */
const NO_SUCH_ADDRESS = "must not be a loopback, multicast or unspecified address";

/** As Go's netip has it for what is global or link-local. */
function isUnicast({ family, value }: Address): boolean {
  if (family === 6) return value > 1n && value >> 120n !== 0xffn;
  return value !== 0n && value !== 0xffff_ffffn && value >> 24n !== 127n && value >> 28n !== 0xen;
}

/** True for an address that several hosts listen to. */
export function isMulticast({ family, value }: Address): boolean {
  return family === 6 ? value >> 120n === 0xffn : value >> 28n === 0xen;
}

/** A network; host bits are masked, as wg does. */
export const NETWORK: Schema<Prefix> = text({
  pattern: `^(${ADDRESS})/[0-9]{1,3}$`,
  longest: LONGEST_ADDRESS + 4,
  cel: [{ rule: "isCIDR(self)", message: "must be an address with a prefix length" }],
  parse: parseMaskedPrefix,
});

/** An address with the length of its network. */
export interface AddressInNetwork {
  readonly address: Address;
  readonly length: number;
}

/** `10.0.0.1/24`: an address of an interface, with its network's length. */
export const ADDRESS_IN_NETWORK: Schema<AddressInNetwork> = text({
  pattern: `^(${ADDRESS})/[0-9]{1,3}$`,
  longest: LONGEST_ADDRESS + 4,
  cel: [{
    rule: "isCIDR(self) && (cidr(self).ip().isGlobalUnicast() || cidr(self).ip().isLinkLocalUnicast())",
    message: "must be a unicast IP address with a prefix length, and no loopback",
  }],
  parse: (input) => {
    const network = parseMaskedPrefix(input);
    if (refused(network)) return network;
    const address = parseUnicast(input.slice(0, input.indexOf("/")));
    return refused(address) ? address : { address, length: network.length };
  },
});

/** The name of a Node, or of a machine that is none. */
export const NODE_NAME: Schema<string> = text({
  pattern: "^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
  longest: LONGEST_NAME,
  parse: parseObjectName as (input: string) => string | Refusal,
});

/** Names that the kernel's sysctl folders or every host have already, and the one that `wg show` takes for a word of its own. */
const RESERVED: readonly string[] = ["lo", "all", "default", "interfaces"];

/** The name of an interface: what the kernel, ip and nft take as it stands. */
export const INTERFACE_NAME: Schema<string> = text({
  pattern: "^[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}$",
  longest: 15,
  cel: [{
    rule: "!(self in ['lo', 'all', 'default', 'interfaces'])",
    message: "must not be lo, all, default or interfaces",
  }],
  parse: (input) =>
    isInterfaceName(input) && /^\w/.test(input) && !RESERVED.includes(input)
      ? input
      : new Refusal(`${quote(input)} is not a name for an interface`),
});

/** What names of interfaces begin with. */
export const INTERFACE_PREFIX: Schema<string> = text({
  pattern: "^[A-Za-z0-9_][A-Za-z0-9_.-]{0,13}$",
  longest: 14,
  parse: (input) =>
    /^\w[\w.-]{0,13}$/.test(input) ? input : new Refusal(`${quote(input)} begins no name of an interface`),
});

/** A WireGuard public key. */
export const PUBLIC_KEY: Schema<PublicKey> = text({
  pattern: "^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$",
  longest: 44,
  cel: [{ rule: `self != '${"A".repeat(43)}='`, message: "must not be all zeros" }],
  parse: parsePublicKey,
});

/** Where a node is to be reached: an address or a DNS name, without a port. */
export const HOST: Schema<Address | HostName> = text({
  pattern: `^(${ADDRESS}|${NAME})$`,
  longest: LONGEST_NAME,
  cel: [{
    rule: `isIP(self) || (!self.contains(':') && !self.matches('${ENDS_IN_NUMBER}'))`,
    message: "must be an IP address or a DNS name",
  }, { rule: `!isIP(self) || ${isUnicastInCel("self")}`, message: NO_SUCH_ADDRESS }],
  parse: (input) => {
    if (input.includes(":")) return parseUnicast(input);
    const destination = parseDestination(input);
    if (refused(destination)) return destination;
    const { host } = destination;
    return typeof host === "string" ? host : refusalOf(host) ?? host;
  },
});

/** Where a peer listens, with its port. */
export interface PeerEndpoint extends Destination {
  readonly port: number;
}

const HOST_OF_ENDPOINT = "self.substring(0, self.lastIndexOf(':'))";
const IPV6_OF_ENDPOINT = "self.substring(1, self.lastIndexOf(']'))";

/** `192.0.2.1:51820`, `[2001:db8::1]:51820`, `gw.example.org:51820`. */
export const ENDPOINT: Schema<PeerEndpoint> = text({
  pattern: `^([[][0-9A-Fa-f:]+[]]|[0-9.]+|${NAME}):[1-9][0-9]{0,4}$`,
  longest: LONGEST_NAME + 8,
  cel: [
    {
      rule: "int(self.substring(self.lastIndexOf(':') + 1)) <= 65535",
      message: "must have a port of at most 65535",
    },
    {
      rule: `self.startsWith('[') ? isIP(${IPV6_OF_ENDPOINT}) : ` +
        `(isIP(${HOST_OF_ENDPOINT}) || !${HOST_OF_ENDPOINT}.matches('${ENDS_IN_NUMBER}'))`,
      message: "must begin with an IP address, in brackets for IPv6, or a DNS name",
    },
    {
      rule: `[self.startsWith('[') ? ${IPV6_OF_ENDPOINT} : ${HOST_OF_ENDPOINT}].all(it, !isIP(it) || ${
        isUnicastInCel("it")
      })`,
      message: NO_SUCH_ADDRESS,
    },
  ],
  parse: (input) => {
    const destination = parseDestination(input);
    if (refused(destination)) return destination;
    const { host, port } = destination;
    if (port === undefined) return new Refusal(`${quote(input)} has no port`);
    return typeof host === "string" ? { ...destination, port } : refusalOf(host) ?? { ...destination, port };
  },
});

/** The name of a Secret, or of a namespace. */
export const OBJECT_NAME: Schema<string> = NODE_NAME;

/** A key of a Secret. */
export const SECRET_KEY: Schema<string> = text({
  pattern: "^[-._A-Za-z0-9]+$",
  longest: LONGEST_NAME,
  parse: (input) =>
    /^[-._A-Za-z0-9]+$/.test(input) ? input : new Refusal(`${quote(input)} is no key of a Secret`),
});

/** The name of a container, as docker and podman take it. */
export const CONTAINER_NAME: Schema<string> = text({
  pattern: "^[A-Za-z0-9][-A-Za-z0-9_.]*$",
  longest: 128,
  parse: (input) =>
    /^[A-Za-z0-9][-A-Za-z0-9_.]*$/.test(input)
      ? input
      : new Refusal(`${quote(input)} is no container's name`),
});

/** The name of a network namespace, a file in /run/netns: `ip netns add` takes more, but a dot at the front hides it. */
export const NAMESPACE_NAME: Schema<string> = text({
  pattern: "^[A-Za-z0-9_][-A-Za-z0-9_.@]*$",
  longest: 255,
  parse: (input) =>
    /^[A-Za-z0-9_][-A-Za-z0-9_.@]*$/.test(input)
      ? input
      : new Refusal(`${quote(input)} is no network namespace's name`),
});

const MOMENT_PATTERN =
  "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})$";

/** A moment as RFC 3339 has it, as milliseconds since 1970. */
export const MOMENT: Schema<number> = text({
  pattern: MOMENT_PATTERN,
  longest: 35,
  cel: [{ rule: "timestamp(self).getFullYear() > 0", message: "must be a date with a time" }],
  parse: (input) => {
    const ms = new RegExp(MOMENT_PATTERN).test(input) ? Date.parse(input) : NaN;
    // V8 takes the 30th of February for the 2nd of March.
    const day = Number(input.slice(8, 10));
    const isDay =
      day <= new Date(Date.UTC(Number(input.slice(0, 4)), Number(input.slice(5, 7)), 0)).getUTCDate();
    return Number.isNaN(ms) || !isDay ? new Refusal(`${quote(input)} is no date with a time`) : ms;
  },
});
