// Random clusters for laws: a few Nodes over a small universe of prefixes, addresses, keys and ages, so that conflicts
// are frequent, among them objects that are no Nodes at all. n1 is ours and always there.

import fc from "fast-check";
import { desire } from "../../src/core/desired/desire.ts";
import type { DesiredState } from "../../src/core/desired/desired_state.ts";
import { type HostFacts, NO_FACTS } from "../../src/core/desired/host_facts.ts";
import { type Address, parseAddress } from "../../src/core/net/address.ts";
import type { ParsedNode } from "../../src/core/nodes/node.ts";
import { parseNode } from "../../src/core/nodes/parse_node.ts";
import type { RawSettings } from "../../src/core/settings/parse_settings.ts";
import { interfaceOf, keyOf, nodeJson, type NodeWords, settingsOf } from "../cluster.ts";

/** The key that n1's key file holds. */
export const OWN_KEY = keyOf(1);

const PREFIXES = [
  ...[0, 1, 2, 3].flatMap((i) => [`10.244.${i}.0/24`, `fd00:10:244:${i}::/64`]),
  ...["10.244.0.0/22", "10.244.0.0/23", "10.244.2.0/23", "10.244.1.0/25", "10.244.1.128/25", "10.244.3.7/32"],
  ...["10.9.0.0/16", "10.9.1.0/24", "172.16.0.0/12", "fd00:10:244::/62", "fd09::/64", "fd00:10:244:2::7/128"],
];
const ADDRESSES = [
  ...[1, 2, 3, 4].flatMap((i) => [`10.9.1.${i}`, `fd09::${i}`]),
  ...["10.244.1.9", "192.0.2.7", "fd00:10:244:3::9"],
];
const JUNK: readonly unknown[] = [
  ...["0.0.0.0/0", "10.244.1.5/24", "10.244.1.0/33", "::ffff:10.1.0.0/112", "fe80::1", "127.0.0.1", "", "\n"],
  ...["10.1.0.0/24 }; add rule inet wigglenet forward accept; {", "$(reboot)", '"', "*", null, 7, [], {}],
];

/** Outside of all pod CIDRs: who claims one around an endpoint takes it away. */
const ENDPOINTS = [
  ...["192.0.2.7:7", "203.0.113.9", "[2001:db8::9]:65535", "10.9.1.2:24601"],
  ...["gw.example.org:7", "unknown.example.org"],
];
const gateway = ["203.0.113.7", "2001:db8::7"].map((text) => parseAddress(text) as Address);
const RESOLVED = new Map([["gw.example.org", { addresses: gateway, trouble: undefined }]]);

const STATED_TRANSPORTS = [
  ...["ipv4=direct,ipv6=direct", "ipv4=direct-or-wireguard,ipv6=wireguard"],
  ...["ipv4=vxlan,ipv6=vxlan", "ipv4=wireguard,ipv6=vxlan-or-wireguard"],
];

/** Now and then junk among what is meant. */
function mostly(good: readonly unknown[], maxLength: number): fc.Arbitrary<unknown[]> {
  const item = fc.oneof(
    { weight: 9, arbitrary: fc.constantFrom(...good) },
    { weight: 1, arbitrary: fc.constantFrom(...JUNK) },
  );
  return fc.array(item, { maxLength });
}

const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined, freq: 4 });

/** What a Node says of itself. */
export const words: fc.Arbitrary<NodeWords> = fc.record({
  name: fc.constantFrom("n2", "n3", "n4", "n5", "n1"),
  day: maybe(fc.integer({ min: 1, max: 3 })),
  key: maybe(
    fc.oneof(
      { weight: 9, arbitrary: fc.integer({ min: 1, max: 6 }).map(keyOf) },
      { weight: 1, arbitrary: fc.constantFrom(...JUNK) },
    ),
  ),
  podCIDRs: maybe(mostly(PREFIXES, 3)),
  internal: maybe(mostly(ADDRESSES, 3)),
  transport: fc.option(fc.constantFrom<unknown>(...STATED_TRANSPORTS, ...JUNK), { nil: undefined, freq: 2 }),
  external: fc.option(mostly(ADDRESSES, 2), { nil: undefined, freq: 2 }),
  endpoint: fc.option(fc.constantFrom<unknown>(...ENDPOINTS, ...JUNK), { nil: undefined, freq: 2 }),
  said: fc.record({ podCidrs: fc.option(mostly(PREFIXES, 3)), nodeIps: fc.option(mostly(ADDRESSES, 2)) }).map(
    ({ podCidrs, nodeIps }) => ({ podCidrs: podCidrs ?? undefined, nodeIps: nodeIps ?? undefined }),
  ),
}) as fc.Arbitrary<NodeWords>;

/** Any JSON at all, sometimes where the parser looks for something. */
export const junkObjects: fc.Arbitrary<unknown> = fc.oneof(
  fc.jsonValue({ maxDepth: 4 }),
  fc.record({
    metadata: fc.record({
      name: fc.oneof(fc.string(), fc.constant("odd")),
      annotations: fc.oneof(fc.jsonValue(), fc.dictionary(fc.string(), fc.string())),
      creationTimestamp: fc.jsonValue(),
    }),
    spec: fc.oneof(fc.jsonValue(), fc.record({ podCIDRs: fc.jsonValue(), podCIDR: fc.jsonValue() })),
    status: fc.oneof(fc.jsonValue(), fc.record({ addresses: fc.jsonValue() })),
  }, { requiredKeys: ["metadata"] }),
);

const own: fc.Arbitrary<unknown> = fc.record({
  podCIDRs: mostly(PREFIXES, 3),
  hasKey: fc.boolean(),
  transport: fc.constantFrom(undefined, ...STATED_TRANSPORTS),
  keepalive: fc.constantFrom(undefined, undefined, "0", "15", "junk"),
}).map((it) =>
  nodeJson({
    name: "n1",
    day: 1,
    key: it.hasKey ? OWN_KEY : undefined,
    podCIDRs: it.podCIDRs,
    internal: ["10.9.1.1", "fd09::1"],
    keepalive: it.keepalive,
    transport: it.transport,
  })
);

/** Objects of a source, n1 among them. */
export const objects: fc.Arbitrary<unknown[]> = fc.tuple(
  own,
  fc.array(
    fc.oneof({ weight: 8, arbitrary: words.map(nodeJson) }, { weight: 1, arbitrary: junkObjects }),
    { maxLength: 7 },
  ),
).map(([first, rest]) => [first, ...rest]);

const flag = fc.constantFrom(undefined, undefined, "true", "false");
const transport = fc.constantFrom(
  ...[undefined, undefined, undefined, undefined],
  ...["direct", "direct-or-wireguard", "vxlan", "vxlan-or-wireguard"],
);
const rare = fc.constantFrom(...Array.from({ length: 6 }, () => undefined), "true", "false");

/** Settings that leave interface, paths and WireGuard's implementation alone. */
export const environments: fc.Arbitrary<RawSettings> = fc.record({
  FILTER_IPV4: flag,
  FILTER_IPV6: flag,
  MASQUERADE_IPV4: flag,
  MASQUERADE_IPV6: flag,
  NO_MASQUERADE_CIDRS: fc.constantFrom(undefined, undefined, "192.0.2.0/24,2001:db8::/32", "10.9.1.0/24"),
  STRICT: flag,
  TRANSPORT_IPV4: transport,
  TRANSPORT_IPV6: transport,
  NATIVE_ROUTING_IPV4: rare,
  NATIVE_ROUTING_IPV6: rare,
  FIREWALL_ONLY: rare,
  WG_IP_FAMILY: fc.constantFrom(undefined, undefined, "ipv4", "ipv6"),
  WIGGLENET_WG_PORT: fc.constantFrom(undefined, undefined, "61000"),
  CLUSTER_POD_CIDRS: fc.constantFrom(undefined, undefined, "10.244.0.0/16,fd00:10:244::/56", "10.244.2.0/24"),
  HOST_ENCRYPTION: fc.constantFrom(undefined, undefined, "require"),
  KEY_ROTATION: fc.constantFrom("manual", "off"),
  POD_CIDR_SOURCE_IPV4: fc.constantFrom(undefined, undefined, "none"),
  ENABLE_FLOWTABLE: flag,
  FLOWTABLE_DEVICES: fc.constantFrom(undefined, "eth0", "eth1,eth0", "eth1,nosuch0"),
}).map(withOneTransport).map(withTunnelForHosts);

/** What is said twice is refused, and so is what leaves in the clear beside encrypted hosts. */
function withOneTransport(environment: RawSettings): RawSettings {
  const { FIREWALL_ONLY, NATIVE_ROUTING_IPV4, NATIVE_ROUTING_IPV6, HOST_ENCRYPTION } = environment;
  const isBarred = FIREWALL_ONLY === "true" || HOST_ENCRYPTION !== undefined;
  const transportOf = (env: string, native: string | undefined) =>
    isBarred || native === "true" ? undefined : environment[env];
  return {
    ...environment,
    TRANSPORT_IPV4: transportOf("TRANSPORT_IPV4", NATIVE_ROUTING_IPV4),
    TRANSPORT_IPV6: transportOf("TRANSPORT_IPV6", NATIVE_ROUTING_IPV6),
  };
}

/** Without a tunnel it is refused. */
function withTunnelForHosts(environment: RawSettings): RawSettings {
  const { FIREWALL_ONLY, NATIVE_ROUTING_IPV4, NATIVE_ROUTING_IPV6 } = environment;
  const hasNone = FIREWALL_ONLY === "true" ||
    NATIVE_ROUTING_IPV4 === "true" && NATIVE_ROUTING_IPV6 === "true";
  return hasNone ? { ...environment, HOST_ENCRYPTION: undefined } : environment;
}

/** One is on the network of n1's addresses, the other on none. */
const INTERFACES = [interfaceOf("eth0", ["10.9.1.1/24", "fd09::1/64"]), interfaceOf("eth1", [])];

/** Reads objects as a source does. */
export function parseAll(objects: readonly unknown[]): ParsedNode[] {
  return objects.map((object) => parseNode(object, "nodes.yaml"));
}

/** What n1 wants of these objects. */
export function wanted(
  objects: readonly unknown[],
  environment: RawSettings = {},
  known: Partial<HostFacts> = {},
): DesiredState {
  const own = {
    interfaces: INTERFACES,
    publicKey: OWN_KEY,
    wireguard: "kernel",
    resolved: RESOLVED,
  } as const;
  return desire(settingsOf(environment), parseAll(objects), { ...NO_FACTS, ...own, ...known })!;
}

/** What n1 may want, whatever the cluster and the settings are; always of one implementation of WireGuard. */
export function desiredStates(wireguard: "kernel" | "userspace"): fc.Arbitrary<DesiredState> {
  return fc.tuple(objects, environments).map(([all, environment]) => wanted(all, environment, { wireguard }));
}
