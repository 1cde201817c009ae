// The walk-through for two nodes of a laboratory: a link with addresses that people and protocols use, an Ethernet over it, a pair.

import { declared, type ObjectJson } from "./walk_through.ts";

/** A node as a plan needs it. */
export interface PlanMember {
  readonly name: string;
  /** Where the other reaches it. */
  readonly hostname: string | undefined;
  readonly publicKey?: string | undefined;
}

/** The plan `backbone`: 10.4.0.1 and fe80::a:1 on the first, 10.4.0.2 and fe80::a:2 on the second. */
export function backbone(members: readonly PlanMember[]): ObjectJson {
  return declared("WireGuardNetworkPlan", "backbone", {
    nodes: members.map(({ name, hostname, publicKey }, i) => ({
      nodeName: name,
      underlay: { hostname },
      addresses: [
        { family: "inet", local: `10.4.0.${i + 1}` },
        { family: "inet6", local: `fe80::a:${i + 1}`, prefixlen: 64 },
      ],
      ...(publicKey !== undefined && { publicKey }),
    })),
    links: members.map(({ name }) => ({
      fromNode: name,
      toNodes: members.filter((it) => it.name !== name).map((it) => ({ nodeName: it.name })),
    })),
  });
}

/** An Ethernet over the plan's link, fe80::1 and fe80::2, on each of them. */
export function vxlans(names: readonly [string, string]): readonly ObjectJson[] {
  return names.map((node, i) =>
    declared("NetlinkInterface", `vxlan-${node}`, {
      node,
      interfaceName: "vxlan1",
      type: "vxlan",
      vxlan: {
        vni: 100,
        dev: `wg-${node}-${names[1 - i]}-0`,
        local: `10.4.0.${i + 1}`,
        group: `10.4.0.${2 - i}`,
        port: 4789,
      },
      addresses: [{ ipcidr: `fe80::${i + 1}/64` }],
      mtu: 1330,
    })
  );
}

/** A bridge and a pair on one node. */
export function others(node: string): readonly ObjectJson[] {
  return [
    declared("NetlinkInterface", `bridge-${node}`, {
      node,
      interfaceName: "br1",
      type: "bridge",
      addresses: [{ ipcidr: "10.8.0.1/24" }],
    }),
    declared("NetlinkInterface", `pair-${node}`, {
      node,
      interfaceName: "pair-a",
      type: "veth",
      veth: {
        local: { addresses: [{ ipcidr: "fe80::eeee:1/64" }] },
        peer: { interfaceName: "pair-b", addresses: [{ ipcidr: "fe80::eeee:2/64" }] },
      },
    }),
  ];
}

/** The link wg1 by hand, on each of them: fe80::1771 and fe80::a:1771 face each other. Without a key of the other's nobody is let in. */
export function byHand(members: readonly [PlanMember, PlanMember]): readonly ObjectJson[] {
  const addresses = ["fe80::1771", "fe80::a:1771"] as const;
  return members.map(({ name }, i) => {
    const other = members[1 - i]!;
    return declared("WireGuardInterface", `${name}-wg1`, {
      node: name,
      interfaceName: "wg1",
      listenPort: 51_821,
      addresses: [{ family: "inet6", local: addresses[i], peer: addresses[1 - i], prefixlen: 64 }],
      peers: other.publicKey === undefined ? [] : [{
        publicKey: other.publicKey,
        allowedIPs: ["0.0.0.0/0", "::/0"],
        endpoint: `${other.hostname}:51821`,
        persistentKeepalive: 25,
      }],
    });
  });
}

/** A dummy, and a bridge that has it as its member. */
export function bridgedDummy(node: string): readonly ObjectJson[] {
  return [
    declared("NetlinkInterface", `dummy-${node}`, {
      node,
      interfaceName: "dummy1",
      type: "dummy",
      addresses: [{ ipcidr: "10.7.0.1/24" }],
    }),
    declared("NetlinkInterface", `bridge-of-dummy-${node}`, {
      node,
      interfaceName: "br2",
      type: "bridge",
      bridge: { slaves: ["dummy1"] },
    }),
  ];
}
