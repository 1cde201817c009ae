// Declared networks in the kernel, on two hosts from files:
//
//   lax1 10.9.1.1 ────── underlay ────── 10.9.1.2 lax2
//     wg-lax1-lax2-0 10.4.0.1 ══════ 10.4.0.2 wg-lax2-lax1-0   (plan1)
//     wg1 fe80::1771 ═════════════ fe80::a:1771 wg1            (by hand)
//     vxlan1 fe80::1 ─────────────────────── fe80::2 vxlan2    (over plan1's link)

import assert from "node:assert/strict";
import { byHand } from "../declared/two_nodes.ts";
import { BRIDGE, declared, DUMMY, type ObjectJson, PLAN, VETH, VXLAN } from "../declared/walk_through.ts";
import type { Host } from "../lab/host.ts";
import { HAS_DUMMY } from "../lab/kernel.ts";
import { Lab } from "../lab/lab.ts";
import { until } from "../lab/until.ts";
import { passesOn } from "./declared_passes.ts";

const VXLAN2 = declared("NetlinkInterface", "vxlan-lax2", {
  node: "lax2",
  interfaceName: "vxlan2",
  type: "vxlan",
  vxlan: { vni: 100, dev: "wg-lax2-lax1-0", local: "10.4.0.2", group: "10.4.0.1", port: 4789 },
  addresses: [{ ipcidr: "fe80::2/64" }],
  mtu: 1330,
});

const lab = await Lab.create({ nodes: 0 });
const lax1 = await lab.addHost("lax1", ["10.9.1.1", "fd09::1"], { hasOwnMounts: true });
const lax2 = await lab.addHost("lax2", ["10.9.1.2", "fd09::2"], { hasOwnMounts: true });
Deno.test.afterAll(() => lab.close());

const { keys, converge, settle } = passesOn(lab);

async function publicKeyOf(host: Host): Promise<string> {
  const key = await Deno.readTextFile(`${keys(host)}/plan-plan1.key`);
  return (await host.run(["wg", "pubkey"], { stdin: key })).trim();
}

/** The plan with the keys that the hosts have made. */
async function planWithKeys(): Promise<ObjectJson> {
  const copy = structuredClone(PLAN) as unknown as { spec: { nodes: { publicKey: string }[] } };
  copy.spec.nodes[0]!.publicKey = await publicKeyOf(lax1);
  copy.spec.nodes[1]!.publicKey = await publicKeyOf(lax2);
  return copy as unknown as ObjectJson;
}

async function linksOf(host: Host): Promise<string> {
  // Without what lives: counters, lifetimes, states.
  const links = JSON.parse(await host.run(["ip", "-j", "-d", "address", "show"]));
  return JSON.stringify(
    // deno-lint-ignore no-explicit-any -- JSON of ip
    links.map(({ ifname, group, flags, mtu, addr_info }: any) => ({ ifname, group, flags, mtu, addr_info })),
  );
}

async function answers(host: Host, address: string): Promise<void> {
  await until(`${address} to answer ${host.name}`, async () => {
    return (await host.attempt(["ping", "-c", "1", "-W", "1", address])).code === 0;
  }, { seen: async () => (await host.attempt(["sh", "-c", "wg show; ip addr; ip route"])).stdout });
}

/** A bridge's member may be anybody's. */
const PORT = { ...BRIDGE, spec: { ...BRIDGE.spec, bridge: { slaves: ["port0"] } } };
await lax1.run(["ip", "link", "add", "port0", "type", "veth", "peer", "name", "port1"]);

let plan = PLAN;

Deno.test("The plan's link stands on both hosts, and its addresses answer", async () => {
  for (const host of [lax1, lax2]) await converge(host, [PLAN]);
  plan = await planWithKeys();
  for (const host of [lax1, lax2]) await settle(host, [plan]);
  const shown = await lax1.run(["ip", "address", "show", "dev", "wg-lax1-lax2-0"]);
  assert.match(shown, /inet 10\.4\.0\.1 peer 10\.4\.0\.2\/32 scope global wg-lax1-lax2-0/);
  assert.match(shown, /mtu 1420/);
  await answers(lax1, "10.4.0.2");
  await answers(lax2, "10.4.0.1");
});

Deno.test("Interfaces by hand face each other with link-local addresses, which answer", async () => {
  const members = [{ name: "lax1", hostname: "10.9.1.1" }, { name: "lax2", hostname: "10.9.1.2" }] as const;
  const made = byHand(members);
  for (const [i, host] of [lax1, lax2].entries()) await converge(host, [plan, made[i]]);
  const known = await Promise.all([lax1, lax2].map(async (host, i) => ({
    ...members[i]!,
    publicKey: (await host.run(["wg", "show", "wg1", "public-key"])).trim(),
  })));
  const facing = byHand(known as [typeof known[0], typeof known[0]]);
  for (const [i, host] of [lax1, lax2].entries()) await settle(host, [plan, facing[i]]);
  const shown = await lax1.run(["ip", "address", "show", "dev", "wg1"]);
  assert.match(shown, /inet6 fe80::1771 peer fe80::a:1771\/64 scope link/);
  await answers(lax1, "fe80::a:1771%wg1");
  await answers(lax2, "fe80::1771%wg1");
});

Deno.test("Bridge, VXLAN and pair stand as they are said, and the second pass finds nothing to do", async () => {
  const [first] = await settle(lax1, [plan, PORT, VXLAN, VETH]);
  assert.ok(first!.changes.includes("+ interface br1: bridge (missing)"), first!.changes.join("\n"));
  await settle(lax2, [plan, VXLAN2]);
  const vxlan = JSON.parse(await lax1.run(["ip", "-j", "link", "show", "dev", "vxlan1"]))[0];
  assert.deepEqual([vxlan.mtu, vxlan.ifalias], [1330, "NetlinkInterface/vxlan-lax1"]);
  const [port] = JSON.parse(await lax1.run(["ip", "-j", "link", "show", "dev", "port0"]));
  assert.equal(port.master, "br1");
});

Deno.test("A dummy is a member of the bridge (kernel with dummies)", { ignore: !HAS_DUMMY }, async () => {
  await settle(lax1, [plan, DUMMY, BRIDGE, VXLAN, VETH]);
  const dummy = JSON.parse(await lax1.run(["ip", "-j", "link", "show", "dev", "dummy1"]))[0];
  assert.deepEqual([dummy.master, dummy.mtu, dummy.ifalias], ["br1", 1300, "NetlinkInterface/dummy"]);
  await settle(lax1, [plan, PORT, VXLAN, VETH]);
});

Deno.test("ff02::1 is answered by both ends of the VXLAN over the WireGuard link, and of the pair", async () => {
  await until("both ends of the VXLAN to answer", async () => {
    const { stdout } = await lax1.attempt(["ping", "-c", "2", "-W", "2", "ff02::1%vxlan1"]);
    return stdout.includes("fe80::1%vxlan1") && stdout.includes("fe80::2%vxlan1");
  }, { seen: async () => (await lax1.attempt(["ip", "-d", "link", "show", "vxlan1"])).stdout });
  await until("both ends of the pair to answer", async () => {
    const { stdout } = await lax1.attempt(["ping", "-c", "2", "-W", "2", "ff02::1%veth1-a"]);
    return stdout.includes("fe80::eeee:1%veth1-a") && stdout.includes("fe80::eeee:2%veth1-a");
  });
});

const LINK = "wg-lax1-lax2-0";
const STRANGER = "Q0K7obhosJ0yfIX8D7s8fAfte/JX191c5+rKwKFAvHk=";

const DAMAGES: readonly [string, readonly string[]][] = [
  ["the bridge is deleted", ["ip", "link", "del", "br1"]],
  ["the WireGuard link is deleted, and the VXLAN with it", ["ip", "link", "del", "wg-lax1-lax2-0"]],
  ["one end of the pair is deleted", ["ip", "link", "del", "veth1-b"]],
  ["the bridge is down", ["ip", "link", "set", "br1", "down"]],
  ["the member is let go", ["ip", "link", "set", "port0", "nomaster"]],
  ["the MTU is another", ["ip", "link", "set", "vxlan1", "mtu", "1200"]],
  ["an address is gone", [
    "ip",
    "address",
    "del",
    "10.4.0.1",
    "peer",
    "10.4.0.2/32",
    "dev",
    "wg-lax1-lax2-0",
  ]],
  ["an address has come", ["ip", "address", "add", "10.99.0.1/24", "dev", "br1"]],
  ["the alias is another", ["ip", "link", "set", "dev", "br1", "alias", "mine"]],
  ["the private key is another", ["sh", "-c", `wg genkey | wg set ${LINK} private-key /proc/self/fd/0`]],
  ["the peer is gone", ["sh", "-c", `wg set ${LINK} peer $(wg show ${LINK} peers) remove`]],
  ["a peer has come", ["wg", "set", LINK, "peer", STRANGER, "allowed-ips", "10.99.0.0/16"]],
  ["the peer has fewer allowed IPs", [
    ...["sh", "-c", `wg set ${LINK} peer $(wg show ${LINK} peers) allowed-ips 10.99.0.0/16`],
  ]],
  ["it listens elsewhere", ["wg", "set", LINK, "listen-port", "7"]],
  ["its packets have a mark", ["wg", "set", LINK, "fwmark", "7"]],
  ["the peer has a preshared key", [
    ...["sh", "-c", `wg genpsk | wg set ${LINK} peer $(wg show ${LINK} peers) preshared-key /proc/self/fd/0`],
  ]],
];

for (const [what, argv] of DAMAGES) {
  Deno.test(`It is mended: ${what}`, async () => {
    const before = [namesIn(await linksOf(lax1)), await lax1.run(["wg", "showconf", LINK])];
    await lax1.run(argv);
    const passes = await settle(lax1, [plan, PORT, VXLAN, VETH]);
    assert.ok(passes.length >= 2, "nothing was seen");
    assert.deepEqual([namesIn(await linksOf(lax1)), await lax1.run(["wg", "showconf", LINK])], before);
    await answers(lax1, "10.4.0.2");
  });
}

function namesIn(links: string): string[] {
  return JSON.parse(links).map(({ ifname }: { ifname: string }) => ifname).sort();
}

Deno.test("An interface of a wanted name that somebody else has made is told, and left as it is", async () => {
  await lax1.run(["ip", "link", "add", "foreign", "type", "bridge"]);
  const before = await linksOf(lax1);
  const claim = declared("NetlinkInterface", "claim", {
    node: "lax1",
    interfaceName: "foreign",
    type: "dummy",
  });
  const passes = await converge(lax1, [plan, PORT, VXLAN, VETH, claim]);
  assert.match(
    passes.at(-1)!.changes.join("\n"),
    /^… interface foreign: NetlinkInterface claim asks for foreign/,
  );
  assert.equal(await linksOf(lax1), before);
});

Deno.test("The key of an interface that somebody else has made is not copied", async () => {
  const key = (await lax1.run(["wg", "genkey"])).trim();
  const env = { WG_QUICK_USERSPACE_IMPLEMENTATION: "wireguard-go" };
  await Deno.writeTextFile(`${lab.folder}/wgt.conf`, `[Interface]\nPrivateKey = ${key}\n`, { mode: 0o600 });
  await lax1.run(["wg-quick", "up", `${lab.folder}/wgt.conf`], { env });
  const claim = declared("WireGuardInterface", "thief", { node: "lax1", interfaceName: "wgt", peers: [] });
  const passes = await converge(lax1, [plan, PORT, VXLAN, VETH, claim]);
  assert.match(passes.at(-1)!.changes.join("\n"), /^… interface wgt: WireGuardInterface thief asks for wgt/);
  for await (const { name } of Deno.readDir(keys(lax1))) {
    assert.notEqual((await Deno.readTextFile(`${keys(lax1)}/${name}`)).trim(), key, name);
  }
  await lax1.run(["wg-quick", "down", `${lab.folder}/wgt.conf`], { env });
});

Deno.test("An object that cannot be read any more keeps what it has; one that goes takes it along, and nothing else", async () => {
  const before = await linksOf(lax1);
  const broken = { ...PORT, spec: { ...PORT.spec, mtu: 1 } };
  const [told] = await settle(lax1, [plan, broken, VXLAN, VETH]);
  assert.match(
    told!.rejected[0]!,
    /^NetlinkInterface bridge: NetlinkInterface: spec.mtu: 1 is not 576 to 65535$/,
  );
  assert.equal(await linksOf(lax1), before);
  await settle(lax1, []);
  const left = namesIn(await linksOf(lax1));
  assert.deepEqual(
    left,
    ["foreign", "port0", "port1", ...left.filter((name) => /^(lo|eth|tun|sit|ip6|gre|erspan)/.test(name))]
      .sort(),
  );
  assert.equal((await lax1.attempt(["pgrep", "-fc", "wireguard-go -f wg-lax1-lax2-0"])).stdout.trim(), "0");
});
