// TRANSPORT_IPV4 and _IPV6=direct: packets of pods in the clear by routes within one network, with the same guard, filter and repair.
//
//   n1-pod ── n1 ──┐
//   n2-pod ── n2 ──┼── 10.9.1.0/24, fd09::/64 ── outsider, who forges
//   n3-pod ── n3 ──┘

import assert from "node:assert/strict";
import { frameOf, ipPacket, udp } from "../lab/craft.ts";
import { isWireGuard, isWithin } from "../lab/frames.ts";
import { type Family, manifestOf } from "../lab/manifest.ts";
import type { Node } from "../lab/node.ts";
import type { Pod } from "../lab/pod.ts";
import { until } from "../lab/until.ts";
import { Wire } from "../lab/wire.ts";
import { type Drift, Victim } from "./drift.ts";
import { policyDecides, saying } from "./transports.ts";

const FAMILIES = [4, 6] as const;
const DIRECT = { "transport-ipv4": "direct", "transport-ipv6": "direct" };
const PORT = 9_999;

const nodes = [1, 2, 3].map((i) => saying(manifestOf(i), "ipv4=direct,ipv6=direct"));
const victim = await Victim.create({ nodes }, DIRECT);
const { mesh } = victim;
const [n1, n2] = mesh.nodes as [Node, Node];
const [pod1, , pod3] = mesh.pods as [Pod, Pod, Pod];
Deno.test.afterAll(() => mesh.close());

Deno.test("pods of three nodes reach each other in both families, in packets of the network's own size, not wrapped", async () => {
  const capture = await mesh.lab.capture();
  await mesh.reachable();
  for (const [from, to] of [[pod1, pod3], [pod3, pod1]] as const) {
    for (const family of FAMILIES) {
      const size = 1500 - (family === 4 ? 28 : 48);
      const ping = ["ping", "-n", "-c", "1", "-W", "2", "-M", "do", "-s", `${size}`, to.address(family)!];
      assert.equal((await from.attempt(ping)).code, 0, `IPv${family}`);
    }
  }
  await mesh.lab.catchUp(capture);
  const packets = await capture.stop();
  assert.ok(packets.filter((packet) => isWithin(packet, mesh.lab.podCIDRs)).length > 30);
  assert.equal(packets.filter((packet) => isWireGuard(packet)).length, 0);
});

Deno.test("there is no interface of ours, diff finds nothing to do, status names each way", async () => {
  assert.notEqual((await n1.attempt(["ip", "link", "show", "dev", "wigglenet"])).code, 0);
  const settings = { ...DIRECT, "filter-ipv4": "true", "filter-ipv6": "true" };
  const { code, stdout, stderr } = await n1.runAgent({ verb: "diff", settings });
  assert.equal(code, 0, stdout + stderr);
  const status = await n1.runAgent({ verb: "status" });
  assert.match(status.stdout, /n2 in the clear via 10\.9\.1\.2 dev eth0 onlink to 10\.244\.2\.0\/24/);
  assert.match(status.stdout, /n3 in the clear via fd09::3 dev eth0 onlink to fd00:10:244:3::\/64/);
  assert.match(status.stdout, /mtu 1500: n2 via /);
  assert.match(status.stdout, /not guarded: IPv4: pods of nodes that are reached in the clear/);
});

const ip = (...args: string[]) => victim.on("ip", ...args);
const drifts: Readonly<Record<string, Drift>> = {
  "a route is deleted": { act: ip("route", "del", "10.244.2.0/24"), log: /\+ route 10\.244\.2\.0\/24 via/ },
  "an IPv6 route is deleted": {
    act: ip("-6", "route", "del", "fd00:10:244:2::/64", "dev", "eth0"),
    log: /\+ route fd00:10:244:2::\/64 via/,
  },
  "a route is led elsewhere": {
    act: ip("route", "replace", "10.244.2.0/24", "via", "10.9.1.254"),
    log: /\+ route 10\.244\.2\.0\/24 via 10\.9\.1\.2/,
  },
  "all routes of ours are flushed": { act: ip("route", "flush", "proto", "146"), log: /\+ route/ },
  "the set of who is near is emptied": {
    act: victim.on("nft", "flush", "set", "inet", "wigglenet", "clear-v4"),
    log: /\+ element clear-v4/,
  },
  "the ruleset is flushed": { act: victim.on("nft", "flush", "ruleset"), log: /~ table inet wigglenet/ },
};

for (const [what, drift] of Object.entries(drifts)) {
  Deno.test(`${what}: traffic flows both ways again within a second`, () => victim.healsTraffic(drift));
}

Deno.test("the network's interface goes down and comes up again: the routes are back, and all is as before", async () => {
  await victim.heals({
    act: () => n1.ip(["link set eth0 down", "link set eth0 up", "address replace fd09::1/64 dev eth0 nodad"]),
    log: /\+ route/,
    withinMs: 8_000,
  });
  await mesh.reachable();
});

/** Which of these sources' packets reach a pod, by the time that an honest one does. */
async function arriving(family: Family, sources: Readonly<Record<string, string>>): Promise<string[]> {
  const to = pod1.address(family)!;
  const [near] = FAMILIES.filter((it) => it === family).map((it) => n1.address(it)!);
  await mesh.lab.outsider.ping(near!);
  const [known] = JSON.parse(await mesh.lab.outsider.run(["ip", "-j", "neigh", "show", near!])) as [
    { lladdr: string },
  ];
  const [out, there] = [new Wire(mesh.lab.outsider, "eth0"), new Wire(pod1, "eth0")];
  const seen = new Set<number>();
  const names = [...Object.keys(sources), "honest"];
  const all = { ...sources, honest: pod3.address(family)! };
  try {
    await until(`the honest packet to arrive over IPv${family}`, () => {
      names.forEach((name, i) => {
        const body = udp(20_000 + i, PORT, new TextEncoder().encode(name));
        const packet = ipPacket({ source: all[name as keyof typeof all]!, destination: to }, body);
        out.send(frameOf(packet, known.lladdr));
      });
      for (const { destinationPort, sourcePort } of there.receive()) {
        if (destinationPort === PORT) seen.add(sourcePort! - 20_000);
      }
      return seen.has(names.length - 1);
    });
  } finally {
    out.close();
    there.close();
  }
  return names.filter((_, i) => seen.has(i));
}

for (const family of FAMILIES) {
  Deno.test(`IPv${family}: from the LAN comes what has an address of a near node's pod, and no other pod's`, async () => {
    const other = await n1.addPod(`n1-other-${family}`);
    const far = family === 4 ? "10.244.9.5" : "fd00:10:244:9::5";
    const manifest = saying(manifestOf(9), "ipv4=direct,ipv6=direct");
    manifest.status.addresses = [{ type: "InternalIP", address: "198.51.100.9" }];
    await mesh.lab.publish(manifest);
    await n1.says(
      "n9 is not reached",
      ({ waiting }) => waiting.some(({ what }) => what === `IPv${family} to n9`),
    );
    await n1.inSync();
    assert.deepEqual(
      await arriving(family, {
        "another pod of this node": other.address(family)!,
        "the pod itself": pod1.address(family)!,
        "a pod of a node behind a gateway": far,
        "somebody outside": family === 4 ? "192.0.2.9" : "2001:db8::9",
      }),
      ["honest"],
    );
    const { stdout } = await n1.attempt(["ip", `-${family}`, "route", "get", far]);
    assert.doesNotMatch(stdout, /dev eth0/, "it leaves by no other route");
    await mesh.lab.withdraw("n9");
    await n1.says("nothing of it is left", ({ waiting }) => waiting.length === 0);
  });
}

for (const family of FAMILIES) {
  Deno.test(`IPv${family}: whose pods were believed a moment ago, and who is near no more, is not believed`, async () => {
    const sources = { "a pod of n9": family === 4 ? "10.244.9.5" : "fd00:10:244:9::5" };
    const manifest = saying(manifestOf(9), "ipv4=direct,ipv6=direct");
    await mesh.lab.publish(manifest);
    await n1.says("n9 is near", ({ clear = [] }) => clear.some(({ node }) => node === "n9"));
    await n1.inSync();
    assert.deepEqual(await arriving(family, sources), ["a pod of n9", "honest"]);
    manifest.status.addresses = [{ type: "InternalIP", address: "198.51.100.9" }];
    await mesh.lab.publish(manifest);
    await n1.says(
      "n9 is not near",
      ({ waiting }) => waiting.some(({ what }) => what === `IPv${family} to n9`),
    );
    await n1.inSync();
    assert.deepEqual(await arriving(family, sources), ["honest"]);
    await mesh.lab.withdraw("n9");
    await n1.says("nothing of it is left", ({ waiting }) => waiting.length === 0);
  });
}

Deno.test("a NetworkPolicy decides who reaches a pod, as through the tunnel", () => policyDecides(mesh));

Deno.test("a Node whose address nobody answers at, or is this host's, costs the others nothing", async () => {
  const before = await n2.run(["ip", "route", "show", "proto", "146"]);
  const bad = saying(manifestOf(8), "ipv4=direct,ipv6=direct");
  bad.status.addresses = ["10.9.1.255", "10.9.1.0", "10.9.1.2", "10.9.1.88"].map((address) => ({
    type: "InternalIP",
    address,
  }));
  await mesh.lab.publish(bad);
  await n2.says("it has a way to n8", ({ clear = [] }) =>
    clear.some(({ node, route }) => {
      return node === "n8" && route === "via 10.9.1.88 dev eth0 onlink";
    }));
  await mesh.reachable();
  await mesh.lab.withdraw("n8");
  await until("its routes to be gone", async () => {
    return await n2.run(["ip", "route", "show", "proto", "146"]) === before;
  });
});

Deno.test("a way that the kernel refuses, for what else the host has, holds up no other one, and is told", async () => {
  await n2.ip(["route add local 10.9.1.88 dev lo", "route add fd09::58/128 dev lo metric 1"]);
  for (const i of [87, 88]) await mesh.lab.publish(saying(manifestOf(i), "ipv4=direct,ipv6=direct"));
  await n2.says("one is refused", ({ applied: { failing } }) => "clear-v4" in failing);
  await until("the other's routes", async () => {
    const routes = await routesOf(n2);
    return routes.includes("10.244.87.0/24 via 10.9.1.87") &&
      routes.includes("fd00:10:244:57::/64 via fd09::57");
  });
  await mesh.reachable();
  for (const i of [87, 88]) await mesh.lab.withdraw(`n${i}`);
  await n2.ip(["route del local 10.9.1.88 dev lo", "route del fd09::58/128 dev lo metric 1"]);
  await n2.inSync();
});

async function routesOf(node: Node): Promise<string> {
  const shown = await Promise.all(
    FAMILIES.map((family) => node.run(["ip", `-${family}`, "route", "show", "proto", "146"])),
  );
  return shown.join("");
}
