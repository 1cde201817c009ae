// Every field of a declared interface is in the kernel as it is said, and the second pass finds nothing to do.

import assert from "node:assert/strict";
import { declared, type ObjectJson } from "../declared/walk_through.ts";
import { HAS_DUMMY } from "../lab/kernel.ts";
import { Lab } from "../lab/lab.ts";
import { passesOn } from "./declared_passes.ts";

const lab = await Lab.create({ nodes: 0 });
const host = await lab.addHost("one", ["10.9.1.1", "fd09::1"], { hasOwnMounts: true });
Deno.test.afterAll(() => lab.close());
const { settle } = passesOn(lab);

const KEYS = [
  "wDBZu1y0MvkLcfFOcVDZ4kHnPX0LZ2tTWLdxHFw7aBY=",
  "Ky5TSVYyYqfGMyFAu7rLMUrl7sJuAm3nIfqcZJwlQxI=",
];

const netlink = (interfaceName: string, spec: object): ObjectJson =>
  declared("NetlinkInterface", interfaceName, { node: "one", interfaceName, ...spec });

// deno-lint-ignore no-explicit-any -- JSON of ip
async function shown(name: string): Promise<any> {
  return JSON.parse(await host.run(["ip", "-N", "-j", "-d", "address", "show", "dev", name]))[0];
}

/** Addresses that the kernel has not made by itself, as ip prints them. */
async function addressesOf(name: string): Promise<string[]> {
  const printed = (await host.run(["ip", "-o", "address", "show", "dev", name])).trim().split("\n");
  const lines = printed.filter((line) => !/stable-privacy|proto kernel_ll/.test(line));
  const texts = lines.map((line) => / inet6? (.+?) (?:brd|scope)/.exec(line)?.[1] ?? line);
  return texts.filter((text) => !/^fe80::.*ff:fe/.test(text)).sort();
}

const WIREGUARD = declared("WireGuardInterface", "wg", {
  node: "one",
  interfaceName: "wg9",
  listenPort: 51_999,
  mtu: 1380,
  addresses: [
    { family: "inet", local: "10.21.0.1", prefixlen: 24 },
    { family: "inet", local: "10.22.0.1", peer: "10.22.0.2" },
    { family: "inet", local: "10.23.0.1", peer: "10.23.1.0", prefixlen: 24 },
    { family: "inet", local: "10.24.0.1" },
    { family: "inet", local: "10.25.0.1", prefixlen: 24, noPrefixRoute: true },
    { family: "inet6", local: "fd21::1", prefixlen: 64 },
    { family: "inet6", local: "fd25::1", prefixlen: 64, noPrefixRoute: true },
    { family: "inet6", local: "fe80::1771", peer: "fe80::a:1771", prefixlen: 64 },
  ],
  peers: [
    {
      publicKey: KEYS[0],
      allowedIPs: ["fd00::1/64", "10.30.0.1/16", "10.3.0.0/16", "10.30.0.0/16"],
      endpoint: "[fd09::2]:5000",
      persistentKeepalive: 7,
    },
    { publicKey: KEYS[1] },
  ],
});

Deno.test("A WireGuardInterface: port, MTU, addresses of both families with peers and lengths, peers", async () => {
  await settle(host, [WIREGUARD]);
  assert.deepEqual(await addressesOf("wg9"), [
    "10.21.0.1/24",
    "10.22.0.1 peer 10.22.0.2/32",
    "10.23.0.1 peer 10.23.1.0/24",
    "10.24.0.1/32",
    "10.25.0.1/24",
    "fd21::1/64",
    "fd25::1/64",
    "fe80::1771 peer fe80::a:1771/64",
  ]);
  const dump = (await host.run(["wg", "show", "wg9", "dump"])).trim().split("\n").map((line) =>
    line.split("\t")
  );
  assert.deepEqual(dump[0]!.slice(2), ["51999", "off"]);
  assert.deepEqual(
    dump.slice(1).map(([key, , endpoint, allowed, , , , keepalive]) => [key, endpoint, allowed, keepalive])
      .sort(),
    [
      [KEYS[1], "(none)", "(none)", "off"],
      [KEYS[0], "[fd09::2]:5000", "10.3.0.0/16,10.30.0.0/16,fd00::/64", "7"],
    ],
  );
  assert.equal((await shown("wg9")).mtu, 1380);
});

Deno.test("noPrefixRoute: of that network the kernel has no route, of the others it has", async () => {
  const routes = await host.run(["sh", "-c", "ip -4 route show dev wg9; ip -6 route show dev wg9"]);
  for (const network of ["10.21.0.0/24", "10.22.0.2", "10.23.1.0/24", "fd21::/64"]) {
    assert.match(routes, new RegExp(`^${RegExp.escape(network)} `, "m"));
  }
  assert.doesNotMatch(routes, /10\.25\.0\.0|fd25::\/64/);
});

const VXLANS: readonly [string, Record<string, unknown>, Record<string, unknown>][] = [
  [
    "a group of many, no learning, no ageing, ARP, TTL, TOS and source ports",
    {
      ...{
        vni: 4711,
        dev: "eth0",
        local: "10.9.1.1",
        group: "239.1.1.1",
        port: 4790,
        portRange: [40_000, 41_000],
      },
      ...{ noLearning: true, noAge: true, proxyARP: true, ttl: 7, tos: 16 },
    },
    {
      ...{
        id: 4711,
        link: "eth0",
        local: "10.9.1.1",
        group: "239.1.1.1",
        port: 4790,
        learning: false,
        ageing: 2_000_000,
      },
      ...{ proxy: true, ttl: 7, port_range: { low: 40_000, high: 41_000 } },
    },
  ],
  [
    "one other end over IPv6",
    { vni: 1, dev: "eth0", local: "fd09::1", group: "fd09::2" },
    { id: 1, link: "eth0", local6: "fd09::1", remote6: "fd09::2", port: 4789 },
  ],
  [
    "a group of IPv6",
    { vni: 2, dev: "eth0", group: "ff05::100", port: 4791 },
    { id: 2, link: "eth0", group6: "ff05::100", port: 4791 },
  ],
  ["nothing but its number", { vni: 16_777_215, port: 4792 }, { id: 16_777_215, port: 4792 }],
];

for (const [what, vxlan, expected] of VXLANS) {
  Deno.test(`A VXLAN: ${what}`, async () => {
    await settle(host, [netlink("vx", { type: "vxlan", vxlan, addresses: [{ ipcidr: "10.26.0.1/24" }] })]);
    const { linkinfo: { info_data: has } } = await shown("vx");
    for (const [field, value] of Object.entries(expected)) assert.deepEqual(has[field], value, field);
    if ("tos" in vxlan) assert.equal(Number(has.tos), vxlan.tos);
    assert.deepEqual(await addressesOf("vx"), ["10.26.0.1/24"]);
  });
}

Deno.test("A dummy: addresses of both families, MTU, and as a bridge's member (kernel with dummies)", {
  ignore: !HAS_DUMMY,
}, async () => {
  const dummy = netlink("dm", {
    type: "dummy",
    mtu: 1400,
    addresses: [{ ipcidr: "10.29.0.1/24" }, { ipcidr: "fd29::1/64" }],
  });
  await settle(host, [dummy, netlink("br8", { type: "bridge", bridge: { slaves: ["dm"] } })]);
  const { mtu, master, linkinfo } = await shown("dm");
  assert.deepEqual([mtu, master, linkinfo.info_kind], [1400, "br8", "dummy"]);
  assert.deepEqual(await addressesOf("dm"), ["10.29.0.1/24", "fd29::1/64"]);
});

Deno.test("A bridge: its members, its MTU, down as it is said, and an address with another end", async () => {
  await host.run(["ip", "link", "add", "port0", "type", "veth", "peer", "name", "port1"]);
  const addresses = [{ ipcidr: "10.27.0.1/32", peerCidr: "10.27.1.0/24" }];
  const object = netlink("br9", {
    type: "bridge",
    bridge: { slaves: ["port0"] },
    mtu: 1400,
    up: false,
    addresses,
  });
  await settle(host, [object]);
  const { mtu, flags } = await shown("br9");
  assert.deepEqual([mtu, flags.includes("UP")], [1400, false]);
  assert.equal((await shown("port0")).master, "br9");
  assert.deepEqual(await addressesOf("br9"), ["10.27.0.1 peer 10.27.1.0/24"]);
  await settle(host, [{ ...object, spec: { ...object.spec, up: true, bridge: { slaves: [] } } }]);
  assert.ok((await shown("br9")).flags.includes("UP"));
  // Nobody's interface but ours is let go: who has put it there may want it there.
  assert.equal((await shown("port0")).master, "br9");
});

Deno.test("A pair: both ends with names, addresses and MTU of their own saying", async () => {
  await settle(host, [netlink("ignored", {
    type: "veth",
    mtu: 1300,
    addresses: [{ ipcidr: "10.28.9.9/24" }],
    veth: {
      local: { interfaceName: "left", addresses: [{ ipcidr: "10.28.0.1/24" }] },
      peer: { interfaceName: "right", addresses: [{ ipcidr: "fd28::2/64" }] },
    },
  })]);
  assert.deepEqual(await addressesOf("left"), ["10.28.0.1/24"]);
  assert.deepEqual(await addressesOf("right"), ["fd28::2/64"]);
  for (const [end, other] of [["left", "right"], ["right", "left"]] as const) {
    const { mtu, link, flags } = await shown(end);
    assert.deepEqual([mtu, link, flags.includes("UP")], [1300, other, true]);
  }
});

Deno.test("What changes in an object changes on the host, and nothing of what was there before stays", async () => {
  const { addresses: _, peers: __, ...spec } = WIREGUARD.spec;
  const changed = {
    ...WIREGUARD,
    spec: {
      ...spec,
      listenPort: 52_000,
      mtu: 1300,
      addresses: [{ family: "inet", local: "10.21.0.2", prefixlen: 25 }],
      peers: [{ publicKey: KEYS[1], allowedIPs: ["10.31.0.0/16"], endpoint: "10.9.1.9:1" }],
    },
  };
  await settle(host, [WIREGUARD]);
  await settle(host, [changed]);
  assert.deepEqual(await addressesOf("wg9"), ["10.21.0.2/25"]);
  const [own, ...peers] = (await host.run(["wg", "show", "wg9", "dump"])).trim().split("\n");
  assert.equal(own!.split("\t")[2], "52000");
  assert.deepEqual(peers.map((line) => line.split("\t").slice(0, 4)), [
    [KEYS[1], "(none)", "10.9.1.9:1", "10.31.0.0/16"],
  ]);
  assert.equal((await shown("wg9")).mtu, 1300);
});
