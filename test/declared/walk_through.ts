// The objects of a walk from one link to an Ethernet over it, between two nodes. They are what documents, netns and API tests use.

const LAX1_KEY = "wDBZu1y0MvkLcfFOcVDZ4kHnPX0LZ2tTWLdxHFw7aBY=";
const LAX2_KEY = "Ky5TSVYyYqfGMyFAu7rLMUrl7sJuAm3nIfqcZJwlQxI=";

/** An object as a file has it. */
export interface ObjectJson {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec: Readonly<Record<string, unknown>>;
}

/** An object of our group. */
export function declared(kind: string, name: string, spec: Readonly<Record<string, unknown>>): ObjectJson {
  return { apiVersion: "networking.wigglenet.dev/v1alpha1", kind, metadata: { name }, spec };
}

/** Two nodes with one link. */
export const PLAN = declared("WireGuardNetworkPlan", "plan1", {
  defaultPortRange: { start: 25_000, end: 25_999 },
  nodes: [
    {
      nodeName: "lax1",
      underlay: { hostname: "10.9.1.1", portRange: { start: 51_000, end: 51_099 } },
      addresses: [{ family: "inet", local: "10.4.0.1" }],
      publicKey: LAX1_KEY,
    },
    {
      nodeName: "lax2",
      underlay: { hostname: "10.9.1.2" },
      addresses: [{ family: "inet", local: "10.4.0.2" }],
      mtu: 1400,
      publicKey: LAX2_KEY,
    },
  ],
  links: [
    { fromNode: "lax1", toNodes: [{ nodeName: "lax2" }] },
    {
      fromNode: "lax2",
      toNodes: [{
        nodeName: "lax1",
        addresses: [{ family: "inet6", local: "fd00:4::2", prefixlen: 64, noPrefixRoute: true }],
      }],
    },
  ],
});

/** One end of a link with link-local addresses, by hand. */
export const WIREGUARD = declared("WireGuardInterface", "lax1-wg1", {
  node: "lax1",
  interfaceName: "wg1",
  listenPort: 51_821,
  addresses: [{ family: "inet6", local: "fe80::1771", peer: "fe80::a:1771", prefixlen: 64 }],
  peers: [{
    publicKey: LAX2_KEY,
    allowedIPs: ["0.0.0.0/0", "::/0"],
    endpoint: "10.9.1.2:51821",
    persistentKeepalive: 25,
  }],
});

/** A dummy. */
export const DUMMY = declared("NetlinkInterface", "dummy", {
  node: "lax1",
  interfaceName: "dummy1",
  type: "dummy",
  addresses: [{ ipcidr: "10.7.0.1/24" }, { ipcidr: "fe80::7/64" }],
  mtu: 1300,
});

/** A bridge that has the dummy as its member. */
export const BRIDGE = declared("NetlinkInterface", "bridge", {
  node: "lax1",
  interfaceName: "br1",
  type: "bridge",
  bridge: { slaves: ["dummy1"] },
  addresses: [{ ipcidr: "10.8.0.1/24" }],
});

/** An Ethernet over the plan's link. */
export const VXLAN = declared("NetlinkInterface", "vxlan-lax1", {
  node: "lax1",
  interfaceName: "vxlan1",
  type: "vxlan",
  vxlan: { vni: 100, dev: "wg-lax1-lax2-0", local: "10.4.0.1", group: "10.4.0.2", port: 4789 },
  addresses: [{ ipcidr: "fe80::1/64" }],
  mtu: 1330,
});

/** A pair. */
export const VETH = declared("NetlinkInterface", "veth", {
  node: "lax1",
  interfaceName: "veth1-a",
  type: "veth",
  veth: {
    local: { addresses: [{ ipcidr: "fe80::eeee:1/64" }] },
    peer: { interfaceName: "veth1-b", addresses: [{ ipcidr: "fe80::eeee:2/64" }] },
  },
});

/** All of them. */
export const WALK_THROUGH: readonly ObjectJson[] = [PLAN, WIREGUARD, DUMMY, BRIDGE, VXLAN, VETH];
