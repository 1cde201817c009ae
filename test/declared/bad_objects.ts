// Objects of which each is wrong in one way that can be seen in it alone. The parser and the API server both refuse them.

import { BRIDGE, DUMMY, type ObjectJson, PLAN, VETH, VXLAN, WIREGUARD } from "./walk_through.ts";

/** An object, and what is said of it. */
export interface BadObject {
  readonly what: string;
  readonly object: ObjectJson;
  /** Of the parser's reason. */
  readonly reason: RegExp;
  /** Of the API server's answer. */
  readonly answer: RegExp;
}

type Json = Record<string, unknown>;

/** The same object with another value at a path of its spec; undefined takes it away. */
export function withValue(object: ObjectJson, path: string, value: unknown): ObjectJson {
  const copy = structuredClone(object) as unknown as { spec: Json };
  const steps = path.split(".");
  let at = copy.spec;
  for (const step of steps.slice(0, -1)) at = at[step] as Json;
  if (value === undefined) delete at[steps.at(-1)!];
  else at[steps.at(-1)!] = value;
  return copy as unknown as ObjectJson;
}

/** One of them, by the parser's reason and the API server's answer. */
export function bad(
  what: string,
  [object, path, value]: [ObjectJson, string, unknown],
  says: [RegExp, RegExp],
): BadObject {
  return { what, object: withValue(object, path, value), reason: says[0], answer: says[1] };
}

const PEER = { publicKey: "wDBZu1y0MvkLcfFOcVDZ4kHnPX0LZ2tTWLdxHFw7aBY=" };

/** In the order of the kinds. */
export const BAD_OBJECTS: readonly BadObject[] = [
  bad("a plan without nodes", [PLAN, "nodes", []], [
    /^spec.nodes: 0 items, at least 1/,
    /should have at least 1 items/,
  ]),
  bad("a plan that names a node twice", [PLAN, "nodes.1.nodeName", "lax1"], [
    /^spec.nodes\[1\]: "lax1" is there already$/,
    /spec.nodes: duplicate entries for key \[nodeName="lax1"\]/,
  ]),
  bad("a node name with capitals", [PLAN, "nodes.0.nodeName", "LAX1"], [
    /^spec.nodes\[0\].nodeName: "LAX1" is not a name/,
    /nodeName in body should match/,
  ]),
  bad("a misspelt field", [PLAN, "nodes.0.adresses", []], [
    /^spec.nodes\[0\]: unknown field "adresses"$/,
    /nodes\[nodeName="lax1"\].adresses: field not declared in schema/,
  ]),
  bad("an inline private key", [PLAN, "nodes.0.privateKey", "secret"], [
    /^spec.nodes\[0\]: unknown field "privateKey"$/,
    /nodes\[nodeName="lax1"\].privateKey: field not declared in schema/,
  ]),
  bad("an MTU out of range", [PLAN, "nodes.1.mtu", 70_000], [
    /^spec.nodes\[1\].mtu: 70000 is not 576 to 65535$/,
    /mtu in body should be less than or equal to 65535/,
  ]),
  bad("a range of ports that ends before it begins", [PLAN, "defaultPortRange", { start: 9, end: 8 }], [
    /^spec.defaultPortRange: start must not be behind end$/,
    /start must not be behind end/,
  ]),
  bad("a range of ports beyond the last", [PLAN, "defaultPortRange", { start: 9, end: 65_536 }], [
    /^spec.defaultPortRange.end: 65536 is not 1 to 65535$/,
    /end in body should be less than or equal to 65535/,
  ]),
  bad("a host name that a resolver takes for an address", [PLAN, "nodes.0.underlay.hostname", "127.1"], [
    /^spec.nodes\[0\].underlay.hostname: "127.1" is not an IP address$/,
    /must be an IP address or a DNS name/,
  ]),
  bad("a host name with a port", [PLAN, "nodes.0.underlay.hostname", "gw.example.org:1"], [
    /^spec.nodes\[0\].underlay.hostname: "gw.example.org:1" is not an IP address$/,
    /hostname in body should match/,
  ]),
  bad("a key of all zeros", [PLAN, "nodes.0.publicKey", `${"A".repeat(43)}=`], [
    /^spec.nodes\[0\].publicKey: the public key is all zeros$/,
    /must not be all zeros/,
  ]),
  bad("a link of a node with itself", [PLAN, "links.0.toNodes.0.nodeName", "lax1"], [
    /^spec.links\[0\]: a node has no link with itself$/,
    /a node has no link with itself/,
  ]),
  bad("an address of another family than it says", [PLAN, "nodes.0.addresses.0.family", "inet6"], [
    /^spec.nodes\[0\].addresses\[0\]: local must be of the family/,
    /local must be of the family that is said/,
  ]),
  bad("a peer address of another family", [WIREGUARD, "addresses.0.peer", "10.0.0.1"], [
    /^spec.addresses\[0\]: peer must be of the family/,
    /peer must be of the family that is said/,
  ]),
  bad("an address of IPv4 with a length of IPv6", [PLAN, "nodes.0.addresses.0.prefixlen", 64], [
    /^spec.nodes\[0\].addresses\[0\]: prefixlen must be at most 32/,
    /prefixlen must be at most 32 for inet/,
  ]),
  bad("an address with leading zeros", [PLAN, "nodes.0.addresses.0.local", "010.1.1.1"], [
    /^spec.nodes\[0\].addresses\[0\].local: "010.1.1.1" is not an IP address$/,
    /must be a unicast IP address/,
  ]),
  bad("an IPv4-mapped address", [WIREGUARD, "addresses.0.local", "::ffff:a00:1"], [
    /^spec.addresses\[0\].local: "::ffff:a00:1" is an IPv4-mapped/,
    /must be a unicast IP address/,
  ]),
  bad("a multicast address on an interface", [WIREGUARD, "addresses.0.local", "ff02::1"], [
    /^spec.addresses\[0\].local: "ff02::1" is not a unicast address/,
    /must be a unicast IP address/,
  ]),
  bad("an interface without a node", [WIREGUARD, "node", undefined], [
    /^spec.node: it is missing$/,
    /spec.node: Required value/,
  ]),
  bad("an interface name of 16 characters", [WIREGUARD, "interfaceName", "a".repeat(16)], [
    /^spec.interfaceName: "a{16}" is longer than 15 characters$/,
    /may not be more than 15/,
  ]),
  bad("an interface name with a slash", [WIREGUARD, "interfaceName", "wg/1"], [
    /^spec.interfaceName: "wg\/1" is not a name for an interface$/,
    /interfaceName in body should match/,
  ]),
  bad("an interface name that is an option", [WIREGUARD, "interfaceName", "-4"], [
    /^spec.interfaceName: "-4" is not a name for an interface$/,
    /interfaceName in body should match/,
  ]),
  bad("the loopback interface", [DUMMY, "interfaceName", "lo"], [
    /^spec.interfaceName: "lo" is not a name for an interface$/,
    /must not be lo, all, default or interfaces/,
  ]),
  bad("a port 0", [WIREGUARD, "listenPort", 0], [
    /^spec.listenPort: 0 is not 1 to 65535$/,
    /listenPort in body should be greater than or equal to 1/,
  ]),
  bad("a peer that stands twice", [WIREGUARD, "peers", [PEER, PEER]], [
    /^spec.peers\[1\]: "wDBZ\S+ is there already$/,
    /spec.peers: duplicate entries for key \[publicKey=/,
  ]),
  bad("a key of 31 bytes", [WIREGUARD, "peers.0.publicKey", "AAAA"], [
    /^spec.peers\[0\].publicKey: "AAAA" is not a WireGuard public key/,
    /publicKey in body should match/,
  ]),
  bad("an endpoint with a port beyond the last", [WIREGUARD, "peers.0.endpoint", "10.9.1.2:65536"], [
    /^spec.peers\[0\].endpoint: "10.9.1.2:65536" has a port/,
    /must have a port of at most 65535/,
  ]),
  ...["127.0.0.1:53", "0.0.0.0:53", "224.0.0.1:53", "[::1]:53", "[::]:53", "[FF02::1]:53"].map((endpoint) =>
    bad(`an endpoint that is nobody's alone: ${endpoint}`, [WIREGUARD, "peers.0.endpoint", endpoint], [
      /^spec.peers\[0\].endpoint: "\S+" is not a unicast address, or a loopback$/,
      /must not be a loopback, multicast or unspecified address/,
    ])
  ),
  ...["127.0.0.1", "0.0.0.0", "239.1.1.1", "::1", "::", "ff05::2"].map((hostname) =>
    bad(`a node that is reached at ${hostname}`, [PLAN, "nodes.0.underlay.hostname", hostname], [
      /^spec.nodes\[0\].underlay.hostname: "\S+" is not a unicast address, or a loopback$/,
      /must not be a loopback, multicast or unspecified address/,
    ])
  ),
  ...["127.0.0.1", "0.0.0.0", "224.0.0.1", "::1"].map((local) =>
    bad(`a VXLAN from ${local}`, [VXLAN, "vxlan", { vni: 1, local }], [
      /^spec.vxlan.local: "\S+" is not a unicast address, or a loopback$/,
      /must be a unicast IP address, and no loopback/,
    ])
  ),
  ...["0.0.0.0", "::", "127.0.0.1", "::1", "255.255.255.255"].map((group) =>
    bad(`a VXLAN to ${group}`, [VXLAN, "vxlan", { vni: 1, group }], [
      /^spec.vxlan.group: "\S+" is nobody's address, or a loopback$/,
      /must be an IP address of somebody, and no loopback/,
    ])
  ),
  bad("an endpoint without a port", [WIREGUARD, "peers.0.endpoint", "gw.example.org"], [
    /^spec.peers\[0\].endpoint: "gw.example.org" has no port$/,
    /endpoint in body should match/,
  ]),
  bad("an endpoint of hexadecimal digits", [WIREGUARD, "peers.0.endpoint", "0x7f.0x1:51820"], [
    /^spec.peers\[0\].endpoint: "0x7f.0x1" is neither/,
    /must begin with an IP address, in brackets for IPv6, or a DNS name/,
  ]),
  bad("an allowed network without a length", [WIREGUARD, "peers.0.allowedIPs.0", "10.0.0.1"], [
    /^spec.peers\[0\].allowedIPs\[0\]: "10.0.0.1" is not a CIDR/,
    /allowedIPs\[0\] in body should match/,
  ]),
  bad("an allowed network with too long a length", [WIREGUARD, "peers.0.allowedIPs.0", "10.0.0.0/33"], [
    /^spec.peers\[0\].allowedIPs\[0\]: "10.0.0.0\/33" is not a CIDR/,
    /must be an address with a prefix length/,
  ]),
  bad("a container that is none", [WIREGUARD, "container", {}], [
    /^spec.container: must name one of pod, docker, podman and netns$/,
    /must name one of pod, docker, podman and netns/,
  ]),
  bad("two containers", [WIREGUARD, "container", { docker: { name: "a" }, podman: { name: "a" } }], [
    /^spec.container: must name one of pod, docker, podman and netns$/,
    /must name one of pod, docker, podman and netns/,
  ]),
  bad("a network namespace by name and by process", [DUMMY, "container", { netns: { name: "a", pid: 2 } }], [
    /^spec.container.netns: must say one of name and pid$/,
    /must say one of name and pid/,
  ]),
  bad("a network namespace elsewhere", [DUMMY, "container", { netns: { name: "../../proc/1/ns/net" } }], [
    /^spec.container.netns.name: "\.\.\/\.\.\/proc\/1\/ns\/net" is no network namespace's name$/,
    /name in body should match/,
  ]),
  bad("a pod without a namespace", [DUMMY, "container", { pod: { name: "a" } }], [
    /^spec.container.pod.namespace: it is missing$/,
    /pod.namespace: Required value/,
  ]),
  bad("a type that nobody knows", [DUMMY, "type", "macvlan"], [
    /^spec.type: "macvlan" is none of dummy, bridge, vxlan, veth$/,
    /Unsupported value: "macvlan"/,
  ]),
  bad("a bridge that calls itself a dummy", [BRIDGE, "type", "dummy"], [
    /^spec: dummy, bridge, vxlan and veth stand only where type says so$/,
    /dummy, bridge, vxlan and veth stand only where type says so/,
  ]),
  bad("a member that stands twice", [BRIDGE, "bridge.slaves", ["a", "a"]], [
    /^spec.bridge.slaves\[1\]: "a" is there already$/,
    /spec.bridge.slaves: duplicate entries/,
  ]),
  bad("a VXLAN that says nothing of it", [VXLAN, "vxlan", undefined], [
    /^spec: vxlan is missing, which its type asks for$/,
    /vxlan is missing, which its type asks for/,
  ]),
  bad("a VNI of 25 bits", [VXLAN, "vxlan.vni", 16_777_216], [
    /^spec.vxlan.vni: 16777216 is not 1 to 16777215$/,
    /vni in body should be less than or equal to 16777215/,
  ]),
  bad("a multicast group without an interface", [VXLAN, "vxlan", { vni: 1, group: "FF05::1" }], [
    /^spec.vxlan: a multicast group needs dev$/,
    /a multicast group needs dev/,
  ]),
  bad("a VXLAN between two families", [VXLAN, "vxlan.group", "fd00::1"], [
    /^spec.vxlan: local and group must be of one family$/,
    /local and group must be of one family/,
  ]),
  bad("a VXLAN on itself", [VXLAN, "vxlan", { vni: 1, dev: "vxlan1" }], [
    /^spec: a VXLAN cannot stand on itself$/,
    /a VXLAN cannot stand on itself/,
  ]),
  bad("a bridge in itself", [BRIDGE, "bridge.slaves", ["br1"]], [
    /^spec: a bridge cannot be a member of itself$/,
    /a bridge cannot be a member of itself/,
  ]),
  bad("a name that wg reads as a word", [WIREGUARD, "interfaceName", "interfaces"], [
    /^spec.interfaceName: "interfaces" is not a name for an interface$/,
    /must not be lo, all, default or interfaces/,
  ]),
  bad("an expiry that is no day", [PLAN, "nodes.0.expires", "2026-02-30T00:00:00Z"], [
    /^spec.nodes\[0\].expires: "2026-02-30T00:00:00Z" is no date with a time$/,
    /expires/,
  ]),
  bad("source ports in the wrong order", [VXLAN, "vxlan.portRange", [2, 1]], [
    /^spec.vxlan: portRange must begin below its end$/,
    /portRange must begin below its end/,
  ]),
  bad("a pair that says nothing of it", [VETH, "veth", undefined], [
    /^spec: veth is missing, which its type asks for$/,
    /veth is missing, which its type asks for/,
  ]),
  bad("a pair of one name", [VETH, "veth.peer.interfaceName", "veth1-a"], [
    /^spec: the two ends of a pair must have two names$/,
    /the two ends of a pair must have two names/,
  ]),
  bad("an address of a network's peer in another family", [DUMMY, "addresses.0.peerCidr", "fd00::1/64"], [
    /^spec.addresses\[0\]: ipcidr and peerCidr must be of one family$/,
    /ipcidr and peerCidr must be of one family/,
  ]),
  bad("an address without a length", [DUMMY, "addresses.0.ipcidr", "10.0.0.1"], [
    /^spec.addresses\[0\].ipcidr: "10.0.0.1" is not a CIDR/,
    /ipcidr in body should match/,
  ]),
];
