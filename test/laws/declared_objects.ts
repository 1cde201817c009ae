// Random declared objects of one host, `a`, which want each other's names, ports, members and devices; and what somebody does to it.

import fc from "fast-check";
import type { DeclaredObject } from "../../src/core/declared/declared_object.ts";
import type { KindName } from "../../src/core/declared/kinds/kinds.ts";
import { parseDeclared } from "../../src/core/declared/parse_declared.ts";
import { declared, type ObjectJson } from "../declared/walk_through.ts";
import { keyOf } from "../cluster.ts";
import { plan } from "./declared_plans.ts";

const NAMES = ["i1", "i2", "i3", "i4", "theirs"];
/** What others have made. */
export const FOREIGN = ["theirs", "port0"];

const name = fc.constantFrom(...NAMES);
const cidr = fc.constantFrom("10.7.0.1/24", "10.7.0.2/24", "10.8.0.1/16", "fd07::1/64", "fe80::7/64");

const common = fc.record({
  name: fc.constantFrom("o1", "o2", "o3", "o4"),
  interfaceName: name,
  addresses: fc.uniqueArray(cidr, { maxLength: 2 }).map((all) => all.map((ipcidr) => ({ ipcidr }))),
  mtu: fc.option(fc.constantFrom(1300, 1400), { nil: undefined }),
  up: fc.boolean(),
});

const kindOf = fc.oneof(
  fc.constant({ type: "dummy" }),
  fc.uniqueArray(fc.constantFrom(...NAMES, "port0", "nowhere"), { maxLength: 3 }).map((slaves) => ({
    type: "bridge",
    bridge: { slaves },
  })),
  fc.record({
    vni: fc.constantFrom(7, 8),
    dev: fc.constantFrom(...NAMES, "nowhere"),
    port: fc.constantFrom(4789, 5001),
  })
    .map(({ vni, dev, port }) => ({ type: "vxlan", vxlan: { vni, dev, port, group: "10.7.0.9" } })),
  name.map((interfaceName) => ({ type: "veth", veth: { peer: { interfaceName, addresses: [] } } })),
);

/** A NetlinkInterface. */
export const netlink = fc.tuple(common, kindOf).map(([{ name, ...spec }, kind]) =>
  declared("NetlinkInterface", name, { node: "a", ...spec, ...kind })
);

const peer = fc.record({
  publicKey: fc.integer({ min: 2, max: 4 }).map(keyOf),
  allowedIPs: fc.uniqueArray(fc.constantFrom("10.1.0.0/16", "10.2.0.0/16", "::/0"), { minLength: 1 }),
  endpoint: fc.constantFrom("192.0.2.1:51820", "192.0.2.2:51820"),
});

const wireguard = fc.record({
  name: fc.constantFrom("o1", "o2", "o3"),
  interfaceName: name,
  listenPort: fc.option(fc.constantFrom(5001, 5002, 5003), { nil: undefined }),
  peers: fc.uniqueArray(peer, { maxLength: 2, selector: ({ publicKey }) => publicKey }),
}).map(({ name, ...spec }): ObjectJson => declared("WireGuardInterface", name, { node: "a", ...spec }));

/** What a host may be asked for. */
export const objects = fc.uniqueArray(
  fc.oneof({ arbitrary: netlink, weight: 4 }, { arbitrary: wireguard, weight: 3 }, plan),
  { selector: ({ kind, metadata }) => `${kind} ${metadata.name}`, maxLength: 7 },
);

/** Those that can be read. */
export function readAll(all: readonly ObjectJson[]): DeclaredObject[] {
  return all.flatMap((json) => parseDeclared(json.kind as KindName, json, "").object ?? []);
}

/** Lines of ip by which somebody takes a host apart. */
export const disturbance = name.chain((dev) =>
  fc.constantFrom(
    `link del dev ${dev}`,
    `link set dev ${dev} down`,
    `link set dev ${dev} mtu 1234`,
    `link set dev ${dev} alias NetlinkInterface/o1`,
    `link set dev ${dev} nomaster`,
    `address add 10.99.0.1/24 dev ${dev}`,
  )
);
