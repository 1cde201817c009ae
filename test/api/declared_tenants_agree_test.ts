// The admission policies and the agent refuse the same of tenants' objects: random ones from values around what team-a is granted,
// each asked for on a real API server, as a dry run.

import assert from "node:assert/strict";
import fc from "fast-check";
import type { DeclaredObject } from "../../src/core/declared/declared_object.ts";
import type { KindName } from "../../src/core/declared/kinds/kinds.ts";
import { parseDeclared } from "../../src/core/declared/parse_declared.ts";
import { overreaching } from "../../src/core/declared/want/grants.ts";
import { DeclaredCluster, folderOf } from "../declared/declared_cluster.ts";
import { makeNamespace, policiesHold, setUpTenants } from "../declared/tenancy.ts";
import { GRANT, inNamespace, POD_DUMMY } from "../declared/tenants.ts";
import { declared, type ObjectJson } from "../declared/walk_through.ts";
import { Cluster } from "../lab/kubernetes/cluster.ts";
import { until } from "../lab/until.ts";

const RUNS = 300;

const cluster = await Cluster.create({ nodes: 1 });
Deno.test.afterAll(() => cluster[Symbol.asyncDispose]());
const { admin } = cluster;

function read(json: ObjectJson): DeclaredObject {
  const { object, rejected } = parseDeclared(json.kind as KindName, json, "");
  assert.equal(rejected, undefined);
  return object!;
}

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
  ["192.0.3.0:1", "[2001:db9::]:1", "gw.example.org:1", "127.0.0.1:53", "[::1]:53"],
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
  const grant = read(GRANT);
  const counts = { allowed: 0, refused: 0 };
  await fc.assert(
    fc.asyncProperty(fc.oneof(WIREGUARD, DUMMY, VETH), async (object) => {
      const { status, body } = await ask(object);
      const [reason] = overreaching([grant, read(object)]);
      counts[reason === undefined ? "allowed" : "refused"]++;
      assert.equal(status, reason === undefined ? 201 : 403, `${body.message}; ${reason?.reason}`);
    }),
    { numRuns: RUNS },
  );
  assert.ok(Math.min(counts.allowed, counts.refused) > RUNS / 10, JSON.stringify(counts));
});
