// Objects of two namespaces, what each is granted, and what a tenant might try: in words that the schema does not have, and by saying
// more than its grant. The parser, the agent's own check and the API server are all asked.

import { bad, type BadObject, withValue } from "./bad_objects.ts";
import { declared, type ObjectJson, WIREGUARD } from "./walk_through.ts";

const KEY = "Ky5TSVYyYqfGMyFAu7rLMUrl7sJuAm3nIfqcZJwlQxI=";

/** An object of a namespace. */
export interface TenantJson extends ObjectJson {
  readonly metadata: { readonly name: string; readonly namespace: string };
}

/** The same in another namespace, and by another name. */
export function inNamespace(object: ObjectJson, namespace: string, name = object.metadata.name): TenantJson {
  return { ...object, metadata: { name, namespace } };
}

/** What two namespaces may do; no other may do anything. */
export const GRANT = declared("PodInterfaceGrant", "wigglenet", {
  namespaces: [
    {
      namespace: "team-a",
      interfaceNames: ["ta-"],
      ports: [{ start: 52_000, end: 52_009 }, { start: 52_100, end: 52_100 }],
      prefixes: ["10.70.0.0/16", "fd00:70::/32"],
      endpoints: ["192.0.2.0/24", "2001:db8::/32"],
    },
    {
      namespace: "team-b",
      interfaceNames: ["tb-"],
      ports: [{ start: 52_010, end: 52_019 }],
      prefixes: ["10.71.0.0/16"],
    },
  ],
});

/** All that team-a may say of a WireGuard interface. */
export const POD_WIREGUARD = inNamespace(
  declared("PodWireGuardInterface", "link", {
    node: "n1",
    pod: "web-0",
    interfaceName: "ta-wg",
    listenPort: 52_001,
    addresses: [
      { family: "inet", local: "10.70.0.1", peer: "10.70.0.2", prefixlen: 32 },
      { family: "inet6", local: "fd00:70::1", prefixlen: 64 },
    ],
    peers: [{
      publicKey: KEY,
      presharedKeySecretRef: { name: "shared", key: "psk" },
      allowedIPs: ["10.70.8.0/24", "fd00:70::/64"],
      endpoint: "192.0.2.7:51820",
    }],
  }),
  "team-a",
);

/** The same for a pair between two of its pods. */
export const POD_VETH = inNamespace(
  declared("PodNetlinkInterface", "pair", {
    node: "n1",
    pod: "web-0",
    interfaceName: "ta-left",
    type: "veth",
    veth: {
      local: { addresses: [{ ipcidr: "10.70.1.1/24" }] },
      peer: { interfaceName: "ta-right", pod: "web-1", addresses: [{ ipcidr: "10.70.1.2/24" }] },
    },
  }),
  "team-a",
);

/** A dummy. */
export const POD_DUMMY = inNamespace(
  declared("PodNetlinkInterface", "dummy", {
    node: "n1",
    pod: "web-0",
    interfaceName: "ta-dummy",
    type: "dummy",
    addresses: [{ ipcidr: "10.70.2.1/24" }, { ipcidr: "10.70.2.1/32", peerCidr: "10.70.2.2/32" }],
  }),
  "team-a",
);

/** All that stand alone; of team-b the same words with its own values. */
export const TENANTS: readonly TenantJson[] = [POD_WIREGUARD, POD_VETH, POD_DUMMY];

const PEERS = POD_WIREGUARD.spec["peers"] as readonly object[];
const peering = (said: object) => [{ ...PEERS[0], ...said }];

/** Places that a tenant's object has no word for. */
export const NO_SUCH_WORDS: readonly BadObject[] = [
  ...[
    ["a process", { netns: { pid: 1 } }],
    ["a network namespace of the node", { netns: { name: "host" } }],
    ["a container of docker", { docker: { name: "agent1" } }],
    ["another namespace's pod as a container", { pod: { namespace: "team-b", name: "web-0" } }],
  ].flatMap(([what, container]) => [
    bad(`${what} for WireGuard`, [POD_WIREGUARD, "container", container], [
      /^spec: unknown field "container"$/,
      /unknown field "spec.container"/,
    ]),
    bad(`${what} for the other end of a pair`, [POD_VETH, "veth.peer.container", container], [
      /^spec.veth.peer: unknown field "container"$/,
      /unknown field "spec.veth.peer.container"/,
    ]),
  ]),
  bad("the node's own namespace", [POD_WIREGUARD, "moveToContainer", false], [
    /^spec: unknown field "moveToContainer"$/,
    /unknown field "spec.moveToContainer"/,
  ]),
  bad("no pod at all", [POD_DUMMY, "pod", undefined], [
    /^spec.pod: it is missing$/,
    /spec.pod: Required value/,
  ]),
  bad("a pod by namespace and name", [POD_DUMMY, "pod", "team-b/web-0"], [
    /^spec.pod: "team-b\/web-0" is not a name/,
    /spec.pod in body should match/,
  ]),
  bad("a pod of another namespace", [POD_VETH, "veth.peer.pod", { namespace: "team-b", name: "web-0" }], [
    /^spec.veth.peer.pod: .* is not a text$/,
    /unknown field "spec.veth.peer.pod.namespace"|spec.veth.peer.pod.*must be of type string/,
  ]),
  bad("another namespace's Secret", [POD_WIREGUARD, "privateKeySecretRef", {
    name: "own",
    key: "private",
    namespace: "team-b",
  }], [
    /^spec.privateKeySecretRef: unknown field "namespace"$/,
    /unknown field "spec.privateKeySecretRef.namespace"/,
  ]),
  bad("another namespace's preshared key", [POD_WIREGUARD, "peers.0.presharedKeySecretRef", {
    name: "own",
    key: "private",
    namespace: "team-b",
  }], [
    /presharedKeySecretRef: unknown field "namespace"$/,
    /unknown field "spec.peers\[0\].presharedKeySecretRef.namespace"/,
  ]),
  bad("the node's own loopback", [POD_WIREGUARD, "peers", peering({ endpoint: "[::1]:53" })], [
    /endpoint: "::1" is not a unicast address, or a loopback$/,
    /must not be a loopback, multicast or unspecified address/,
  ]),
  bad("a port of the kernel's choice", [POD_WIREGUARD, "listenPort", undefined], [
    /^spec.listenPort: it is missing$/,
    /spec.listenPort: Required value/,
  ]),
];

const NAMES = [/begins with none of team-a's: ta-/, /must begin with one of: ta-/] as const;
const ADDRESSES = [
  /is in none of team-a's: 10.70.0.0\/16, fd00:70::\/32/,
  /addresses\D* must be in one of: 10.70/,
] as const;
const ALLOWED = [ADDRESSES[0], /allowedIPs must be in one of: 10.70.0.0\/16, fd00:70::\/32/] as const;
const PORTS = [
  /port \d+ is none of team-a's: 52000 to 52009/,
  /listenPort must be in one of: 52000 to 52009, 52100 to 52100/,
] as const;
const ENDPOINTS = [
  /endpoint .* is in none of team-a's: 192.0.2.0\/24/,
  /endpoints must be addresses, no names, in one of: 192/,
] as const;
const ADDRESS = { family: "inet", local: "10.70.0.1" };

/** More than team-a is granted, each in one way alone. */
export const OVERREACHING: readonly BadObject[] = [
  bad("the pod's own uplink", [POD_WIREGUARD, "interfaceName", "eth0"], [...NAMES]),
  bad("another tenant's name", [POD_DUMMY, "interfaceName", "tb-dummy"], [...NAMES]),
  bad("the name of the node's tunnel", [POD_VETH, "veth.peer.interfaceName", "wigglenet"], [...NAMES]),
  bad("the uplink for this end of a pair", [POD_VETH, "veth.local.interfaceName", "eth0"], [...NAMES]),
  bad("the port of the pod network", [POD_WIREGUARD, "listenPort", 24_601], [...PORTS]),
  bad("a port of another tenant", [POD_WIREGUARD, "listenPort", 52_010], [...PORTS]),
  bad("a port between its ranges", [POD_WIREGUARD, "listenPort", 52_099], [...PORTS]),
  bad("another tenant's address", [POD_WIREGUARD, "addresses", [{ family: "inet", local: "10.71.0.1" }]], [
    ...ADDRESSES,
  ]),
  bad("another tenant as the other end", [POD_WIREGUARD, "addresses", [{ ...ADDRESS, peer: "10.71.0.1" }]], [
    ...ADDRESSES,
  ]),
  bad("a network around its own", [POD_WIREGUARD, "addresses", [{ ...ADDRESS, prefixlen: 15 }]], [
    ...ADDRESSES,
  ]),
  bad("all addresses", [POD_WIREGUARD, "addresses", [{ ...ADDRESS, prefixlen: 0, noPrefixRoute: true }]], [
    ...ADDRESSES,
  ]),
  bad("an address of the other family", [POD_WIREGUARD, "addresses", [{
    family: "inet6",
    local: "fd00:71::1",
  }]], [...ADDRESSES]),
  bad("a peer for everything", [POD_WIREGUARD, "peers", peering({ allowedIPs: ["0.0.0.0/0"] })], [
    ...ALLOWED,
  ]),
  bad("a peer for another tenant's", [
    POD_WIREGUARD,
    "peers",
    peering({ allowedIPs: ["10.70.0.0/24", "10.71.0.0/24"] }),
  ], [...ALLOWED]),
  bad("a peer for more than its own", [POD_WIREGUARD, "peers", peering({ allowedIPs: ["10.70.0.0/15"] })], [
    ...ALLOWED,
  ]),
  bad("packets of the node to itself", [POD_WIREGUARD, "peers", peering({ endpoint: "10.9.1.1:53" })], [
    ...ENDPOINTS,
  ]),
  bad("packets of the node to anybody", [POD_WIREGUARD, "peers", peering({ endpoint: "[2001:db9::1]:53" })], [
    ...ENDPOINTS,
  ]),
  bad("an endpoint that the node would look up", [
    POD_WIREGUARD,
    "peers",
    peering({ endpoint: "gw.example.org:51820" }),
  ], [
    /endpoint gw.example.org is a name/,
    ENDPOINTS[1],
  ]),
  bad("the pod's own uplink as a member", [
    withValue(POD_DUMMY, "type", "bridge"),
    "bridge",
    { slaves: ["ta-0", "eth0"] },
  ], [...NAMES]),
  bad("another tenant's address on a dummy", [POD_DUMMY, "addresses", [{ ipcidr: "10.71.0.1/24" }]], [
    ...ADDRESSES,
  ]),
  bad("a wider network on a dummy", [POD_DUMMY, "addresses", [{ ipcidr: "10.70.0.1/8" }]], [...ADDRESSES]),
  bad("another tenant behind a dummy", [POD_DUMMY, "addresses", [{
    ipcidr: "10.70.0.1/32",
    peerCidr: "10.71.0.0/16",
  }]], [...ADDRESSES]),
  bad("another tenant's address at this end", [POD_VETH, "veth.local.addresses", [{
    ipcidr: "10.71.0.1/24",
  }]], [...ADDRESSES]),
  bad("another tenant's address at the other end", [POD_VETH, "veth.peer.addresses", [{
    ipcidr: "10.71.0.1/24",
  }]], [...ADDRESSES]),
  bad("another tenant behind the other end", [POD_VETH, "veth.peer.addresses", [{
    ipcidr: "10.70.0.1/32",
    peerCidr: "10.71.0.1/32",
  }]], [...ADDRESSES]),
];

/** A grant that is none. */
export const BAD_GRANTS: readonly BadObject[] = [
  bad("a namespace that is named twice", [GRANT, "namespaces.1.namespace", "team-a"], [
    /^spec.namespaces\[1\]: "team-a" is there already$/,
    /Duplicate value: {"namespace":"team-a"}/,
  ]),
  bad("a grant of no names", [GRANT, "namespaces.0.interfaceNames", []], [
    /^spec.namespaces\[0\].interfaceNames: 0 items, at least 1/,
    /should have at least 1 items/,
  ]),
  bad("a grant of all names", [GRANT, "namespaces.0.interfaceNames", [""]], [
    /"" begins no name of an interface$/,
    /interfaceNames\[0\] in body should match/,
  ]),
  bad("a grant of ports backwards", [GRANT, "namespaces.0.ports", [{ start: 2, end: 1 }]], [
    /start must not be behind end$/,
    /start must not be behind end/,
  ]),
  bad("a grant of a prefix that is none", [GRANT, "namespaces.0.prefixes", ["10.0.0.0/33"]], [
    /^spec.namespaces\[0\].prefixes\[0\]: /,
    /must be an address with a prefix length/,
  ]),
];

/** What an administrator's object for a pod would be: tenants have no such kind. */
export const CLUSTER_OBJECT = withValue(WIREGUARD, "container", {
  pod: { namespace: "team-b", name: "web-0" },
});
