// The admission policies and the agent refuse the same of tenants' objects: random ones from values around what team-a is granted,
// each asked for on a real API server, as a dry run.

import assert from "node:assert/strict";
import fc from "fast-check";
import type { KindName } from "../../src/core/declared/kinds/kinds.ts";
import { parseDeclared } from "../../src/core/declared/parse_declared.ts";
import { overreaching } from "../../src/core/declared/want/grants.ts";
import { DeclaredCluster, folderOf } from "../declared/declared_cluster.ts";
import { parsed } from "../declared/parsed.ts";
import { makeNamespace, policiesHold, setUpTenants } from "../declared/tenancy.ts";
import { GRANT, inNamespace, POD_DUMMY } from "../declared/tenants.ts";
import { declared, type ObjectJson } from "../declared/walk_through.ts";
import { Cluster } from "../lab/kubernetes/cluster.ts";
import { until } from "../lab/until.ts";

const RUNS = 400;

const cluster = await Cluster.create({ nodes: 1 });
Deno.test.afterAll(() => cluster[Symbol.asyncDispose]());
const { admin } = cluster;

/** What the API server is to answer, and why. */
function verdictOn(json: ObjectJson): { readonly status: number; readonly reason?: string | undefined } {
  const { object, rejected } = parseDeclared(json.kind as KindName, json, "");
  if (object === undefined) return { status: 422, reason: rejected?.reason };
  const [refused] = overreaching([GRANTED, object]);
  return refused === undefined ? { status: 201 } : { status: 403, reason: refused.reason };
}

const GRANTED = parsed(GRANT);

/** Mostly what is granted, for one value that is not decides. */
const mostly = <T>(granted: readonly T[], others: readonly T[]) =>
  fc.oneof({ weight: 12, arbitrary: fc.constantFrom(...granted) }, {
    weight: 1,
    arbitrary: fc.constantFrom(...others),
  });

const NAMES = mostly(["ta-a", "ta-", "ta-0123456789ab"], ["t", "tb-a", "eth0", "Ta-a", "xta-a"]);
const V4 = mostly(["10.70.0.0", "10.70.0.1", "10.70.255.255"], ["10.69.255.255", "10.71.0.0", "192.0.2.1"]);
const V6 = mostly(["fd00:70::", "fd00:70:ffff:ffff::1", "FD00:0070::1"], [
  "fd00:71::",
  "fd00:6f::1",
  "fe80::1",
  "2001:db8::1",
]);
const L4 = mostly([16, 17, 24, 31, 32], [0, 8, 15]);
const L6 = mostly([32, 33, 64, 127, 128], [0, 16, 31]);
const inOf = (address: fc.Arbitrary<string>, length: fc.Arbitrary<number>) =>
  fc.tuple(address, length).map(([a, l]) => `${a}/${l}`);
const NETWORK = fc.oneof(inOf(V4, L4), inOf(V6, L6));
const optional = <T>(it: fc.Arbitrary<T>) => fc.option(it, { nil: undefined });

const addressOf = (family: "inet" | "inet6", address: fc.Arbitrary<string>, length: fc.Arbitrary<number>) =>
  fc.record({
    family: fc.constant(family),
    local: address,
    peer: optional(address),
    prefixlen: optional(length),
    noPrefixRoute: fc.boolean(),
  });
const ADDRESSES = fc.array(fc.oneof(addressOf("inet", V4, L4), addressOf("inet6", V6, L6)), { maxLength: 3 });
const ENDPOINT = mostly(
  ["192.0.2.0:1", "192.0.2.255:65535", "[2001:db8::1]:1", "[2001:DB8:ffff::]:9"],
  [
    ...[
      "192.0.3.0:1",
      "[2001:db9::]:1",
      "gw.example.org:1",
      "127.0.0.1:53",
      "[::1]:53",
      "[::]:53",
      "0.0.0.0:1",
    ],
    ...[
      "[::ffff:c000:201]:1",
      "[fe80::1]:1",
      "224.0.0.1:1",
      "[ff0e::1]:1",
      "255.255.255.255:1",
      "192.0.2.01:1",
    ],
  ],
);
const KEYS = ["wDBZu1y0MvkLcfFOcVDZ4kHnPX0LZ2tTWLdxHFw7aBY=", "Ky5TSVYyYqfGMyFAu7rLMUrl7sJuAm3nIfqcZJwlQxI="];
const PEERS = fc.array(
  fc.record({ allowedIPs: fc.array(NETWORK, { maxLength: 3 }), endpoint: optional(ENDPOINT) }),
  { maxLength: 2 },
).map((peers) => peers.map((it, i) => ({ ...it, publicKey: KEYS[i] })));

const WIREGUARD = fc.record({
  interfaceName: NAMES,
  listenPort: mostly([52_000, 52_009, 52_100], [51_999, 52_010, 52_099, 52_101, 1, 65_535]),
  addresses: ADDRESSES,
  peers: PEERS,
}).map((spec) => of("PodWireGuardInterface", spec));

const SAME = fc.oneof(
  fc.record({ ipcidr: inOf(V4, L4), peerCidr: optional(inOf(V4, L4)) }),
  fc.record({ ipcidr: inOf(V6, L6), peerCidr: optional(inOf(V6, L6)) }),
);
const NETLINK_ADDRESSES = fc.array(SAME, { maxLength: 2 });
const DUMMY = fc.record({ interfaceName: NAMES, addresses: NETLINK_ADDRESSES })
  .map((spec) => of("PodNetlinkInterface", { ...spec, type: "dummy" }));
const VETH = fc.record({
  interfaceName: NAMES,
  addresses: NETLINK_ADDRESSES,
  local: optional(fc.record({ interfaceName: optional(NAMES), addresses: optional(NETLINK_ADDRESSES) })),
  peer: fc.record({ interfaceName: NAMES.map((it) => `${it.slice(0, 13)}.p`), addresses: NETLINK_ADDRESSES }),
}).map(({ local, peer, ...spec }) =>
  of("PodNetlinkInterface", { ...spec, type: "veth", veth: { ...(local && { local }), peer } })
);

const BRIDGE = fc.record({
  interfaceName: NAMES,
  addresses: NETLINK_ADDRESSES,
  bridge: optional(fc.record({ slaves: fc.uniqueArray(NAMES, { maxLength: 2 }) })),
}).map((spec) => of("PodNetlinkInterface", { ...spec, type: "bridge" }));
const VXLAN = fc.record({
  interfaceName: NAMES,
  vxlan: fc.record({
    vni: mostly([1, 16_777_215], [0, 16_777_216]),
    dev: optional(fc.constantFrom("ta-dev", "eth0")),
    local: optional(
      mostly(["10.70.0.1", "198.51.100.1"], ["127.0.0.1", "0.0.0.0", "224.0.0.1", "fd00:70::1"]),
    ),
    group: optional(
      mostly(["10.70.0.2", "198.51.100.2"], ["127.0.0.2", "::1", "0.0.0.0", "239.1.1.1", "255.255.255.255"]),
    ),
  }),
}).map((spec) => of("PodNetlinkInterface", { ...spec, type: "vxlan" }));

function of(kind: string, spec: Record<string, unknown>): ObjectJson {
  // As JSON has it: what is undefined is not there.
  const said = JSON.parse(JSON.stringify({ node: "n1", pod: "web-0", ...spec }));
  return inNamespace(declared(kind, "random", said), "team-a");
}

Deno.test("the admission policies and the agent refuse the same", async () => {
  await new DeclaredCluster(cluster).define();
  await setUpTenants(cluster);
  await makeNamespace(cluster, "team-a");
  await policiesHold(admin);
  await admin.create(folderOf(GRANT), GRANT);
  const ask = (object: ObjectJson) =>
    admin.ask(`${folderOf(object)}?dryRun=All&fieldValidation=Strict`, { method: "POST", body: object });
  await until("the grant to hold", async () => (await ask(POD_DUMMY)).status === 201, { deadlineMs: 30_000 });
  const counts: Record<number, number> = { 201: 0, 403: 0, 422: 0 };
  await fc.assert(
    fc.asyncProperty(fc.oneof(WIREGUARD, DUMMY, VETH, BRIDGE, VXLAN), async (object) => {
      const { status, body } = await ask(object);
      const verdict = verdictOn(object);
      counts[verdict.status]!++;
      assert.equal(status, verdict.status, `${body.message}; ${verdict.reason}`);
    }),
    { numRuns: RUNS },
  );
  assert.ok(Math.min(...Object.values(counts)) > RUNS / 20, JSON.stringify(counts));
});
