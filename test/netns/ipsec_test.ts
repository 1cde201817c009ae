// TRANSPORT_IPV4 and _IPV6=ipsec: pods' packets in ESP from node to node; same guard and repair. On kernels that have XFRM.
//
//   n1-pod ── n1 ──┐
//   n2-pod ── n2 ──┼── 10.9.1.0/24, fd09::/64
//   n3-pod ── n3 ──┘                    outsider, who forges

import assert from "node:assert/strict";
import { type Body, frameOf, ipPacket, udp } from "../lab/craft.ts";
import { isWithin } from "../lab/frames.ts";
import { HAS_XFRM } from "../lab/kernel.ts";
import { Lab } from "../lab/lab.ts";
import { manifestOf } from "../lab/manifest.ts";
import type { Node } from "../lab/node.ts";
import { until } from "../lab/until.ts";
import { Wire } from "../lab/wire.ts";
import { keysOn, settled } from "./associations.ts";
import { Clerk } from "./clerk.ts";
import { type Drift, Victim } from "./drift.ts";
import { lost } from "./mesh.ts";
import { givesMtu, passesFull, policyDecides } from "./transports.ts";

const FAMILIES = [4, 6] as const;
const IPSEC = { "transport-ipv4": "ipsec", "transport-ipv6": "ipsec" };
const MTU = 1_426;
const ESP = 50;

let clerk: Clerk;
const begins = (lab: Lab) => void (clerk = new Clerk(lab, "ipv4=ipsec,ipv6=ipsec"));
const nodes = [manifestOf(1), manifestOf(2), manifestOf(3)];
const victim = HAS_XFRM ? await Victim.create({ nodes }, IPSEC, begins) : undefined;
const mesh = victim?.mesh;
Deno.test.afterAll(async () => {
  clerk?.close();
  await mesh?.close();
});

/** A test of the mesh; without XFRM there is none. */
function test(name: string, run: (test: Deno.TestContext) => Promise<void>): void {
  Deno.test(`${name} (kernel with XFRM)`, { ignore: !HAS_XFRM }, run);
}

test("pods of three nodes reach each other, all of it is ESP, and full packets pass", async () => {
  const { lab, nodes: [n1, n2] } = mesh!;
  await settled(mesh!);
  // The first ones were made while the tunnel still stood, with its MTU.
  await givesMtu(mesh!, MTU);
  const [from, to] = [await n1!.addPod("n1-full"), await n2!.addPod("n2-full")];
  const capture = await lab.capture();
  await mesh!.reachable();
  await passesFull(from, to, MTU);
  await lab.catchUp(capture);
  const packets = await capture.stop();
  assert.ok(packets.filter(({ protocol }) => protocol === ESP).length >= 28);
  assert.deepEqual(packets.filter((packet) => isWithin(packet, lab.podCIDRs)), []);
});

test("diff finds nothing to do, status names each way, and nothing tells a key", async () => {
  await settled(mesh!);
  const [n1] = mesh!.nodes as [Node];
  await n1.inSync();
  const settings = { ...IPSEC, "filter-ipv4": "true", "filter-ipv6": "true" };
  const { code, stdout, stderr } = await n1.runAgent({ verb: "diff", settings });
  assert.equal(code, 0, stdout + stderr);
  const status = await n1.runAgent({ verb: "status" });
  assert.match(status.stdout, /n2 by IPsec dev wigglenet-ipsec to 10\.244\.2\.0\/24/);
  const told = [stdout, stderr, status.stdout, JSON.stringify(await n1.status()), ...n1.agent!.stderr].join(
    "\n",
  );
  for (const line of await keysOn(n1)) assert.ok(!told.includes(line.split(" ")[1]!.slice(2)));
});

test("an agent that starts anew rolls all keys over, and no packet is lost", async (test) => {
  await settled(mesh!);
  const before = (await Promise.all(mesh!.nodes.map(keysOn))).flat();
  const probe = await mesh!.probe(50);
  const [n1] = mesh!.nodes as [Node];
  await n1.agent!.kill("SIGKILL");
  n1.startAgent({ settings: mesh!.settings });
  await until("all keys to be others", async () => {
    const now = await keysOn(n1);
    return now.length > 0 && now.every((key) => !before.includes(key));
  }, { deadlineMs: 60_000, pauseMs: 200 });
  await settled(mesh!);
  const { there, back } = await probe.stop();
  await test.step(`of ${there.sent} and ${back.sent} packets`, () => {});
  assert.deepEqual([lost(there), lost(back)], [0, 0]);
});

test("a node that boots anew has no key and number that was ever there", async () => {
  const before = new Set((await Promise.all(mesh!.nodes.map(keysOn))).flat());
  const n3 = mesh!.nodes[2]!;
  const seen = new Set(await keysOn(n3));
  await n3.agent!.kill("SIGKILL");
  const again = await mesh!.lab.reboot(n3);
  again.startAgent({ settings: mesh!.settings });
  mesh!.pods[2] = await again.addPod("n3-again");
  await mesh!.reachable(60_000);
  await settled(mesh!);
  const after = await keysOn(again);
  assert.equal(after.length, 4);
  for (const key of after) assert.ok(!before.has(key) && !seen.has(key));
});

test("associations that somebody flushes come back with other keys", async () => {
  const [n1] = mesh!.nodes as [Node];
  await settled(mesh!);
  const before = await keysOn(n1);
  await n1.run(["ip", "xfrm", "state", "flush"]);
  await mesh!.reachable(60_000);
  await settled(mesh!);
  for (const key of await keysOn(n1)) assert.ok(!before.includes(key));
});

const ip = (...args: string[]) => victim!.on("ip", ...args);
const drifts: Readonly<Record<string, () => Drift>> = {
  "a policy is deleted": () => ({
    act: ip(..."xfrm policy delete src 0.0.0.0/0 dst 10.244.2.0/24 dir out if_id 146".split(" ")),
    log: /\+ policy src 0\.0\.0\.0\/0 dst 10\.244\.2\.0\/24 dir out/,
    withinMs: 3_000,
  }),
  "all policies are flushed": () => ({
    act: ip("xfrm", "policy", "flush"),
    log: /\+ policy src 0\.0\.0\.0\/0 dst 10\.244\.2\.0\/24 dir out/,
    withinMs: 3_000,
  }),
  "a route is deleted": () => ({
    act: ip("route", "del", "10.244.2.0/24"),
    log: /\+ route 10\.244\.2\.0\/24 dev wigglenet-ipsec/,
  }),
  "the interface is deleted": () => ({
    act: ip("link", "del", "wigglenet-ipsec"),
    log: /\+ interface wigglenet-ipsec: xfrm/,
    withinMs: 3_000,
  }),
  "the interface is set down": () => ({
    act: ip("link", "set", "wigglenet-ipsec", "down"),
    log: /~ interface wigglenet-ipsec: mtu 1426, up/,
    withinMs: 3_000,
  }),
  "its address is deleted": () => ({
    act: ip("address", "del", "10.244.1.1/32", "dev", "wigglenet-ipsec"),
    log: /\+ address wigglenet-ipsec: 10\.244\.1\.1\/32/,
    withinMs: 3_000,
  }),
};
for (const [what, drift] of Object.entries(drifts)) {
  test(`${what}: traffic flows both ways again`, () => victim!.healsTraffic(drift()));
}

test("no node sends in the name of another one's pods", async () => {
  const [n1, , n3] = mesh!.nodes as [Node, Node, Node];
  const forged = "10.244.2.77";
  await n3.run(["ip", "address", "add", `${forged}/32`, "dev", "lo"]);
  await n3.run(["ip", "link", "set", "lo", "up"]);
  const mismatches = async () =>
    Number(/XfrmInTmplMismatch\s+(\d+)/.exec(await n1.run(["cat", "/proc/net/xfrm_stat"]))![1]);
  const before = await mismatches();
  const { code } = await n3.attempt([
    "ping",
    "-n",
    "-c",
    "2",
    "-W",
    "1",
    "-I",
    forged,
    mesh!.pods[0]!.address(4)!,
  ]);
  assert.notEqual(code, 0);
  assert.ok(await mismatches() >= before + 2);
  await n3.run(["ip", "address", "del", `${forged}/32`, "dev", "lo"]);
});

/** What begins as an association of this number would; there is none. */
const UNKNOWN: Body = { protocol: ESP, bytes: Uint8Array.of(0, 0, 9, 9, 0, 0, 0, 1, ...new Uint8Array(60)) };

test("what comes to pods beside ESP, or in ESP without a key, reaches none, whosever name it has", async () => {
  const { lab, nodes: [n1, n2], pods: [pod1, pod2] } = mesh!;
  const [spoofed, unknown] = [
    async () =>
      /counter packets (\d+)/.exec(
        await n1!.run(["nft", "list", "chain", "inet", "wigglenet", "spoofed-v4"]),
      )![1],
    async () => /XfrmInNoStates\s+(\d+)/.exec(await n1!.run(["cat", "/proc/net/xfrm_stat"]))![1],
  ].map((read) => async () => Number(await read()));
  const before = [await spoofed!(), await unknown!()];
  await lab.outsider.ping(n1!.address(4)!);
  const [known] = JSON.parse(await lab.outsider.run(["ip", "-j", "neigh", "show", n1!.address(4)!]));
  const [there, wire] = [new Wire(pod1!, "eth0"), new Wire(lab.outsider, "eth0")];
  const bare = (source: string) =>
    ipPacket({ source, destination: pod1!.address(4)! }, udp(9_998, 9_999, new Uint8Array(8)));
  try {
    for (let i = 0; i < 5; i++) {
      for (
        const packet of [
          bare(pod2!.address(4)!),
          bare(pod1!.address(4)!),
          bare(n2!.address(4)!),
          ipPacket({ source: n2!.address(4)!, destination: n1!.address(4)! }, UNKNOWN),
        ]
      ) wire.send(frameOf(packet, known.lladdr));
    }
    await until(
      "all to be counted where they are dropped",
      async () => await spoofed!() >= before[0]! + 10 && await unknown!() >= before[1]! + 5,
    );
    assert.deepEqual(there.receive().filter(({ destinationPort }) => destinationPort === 9_999), []);
  } finally {
    wire.close();
    there.close();
  }
});

test("while associations, policies or the interface are missing nothing leaves bare, nor by the tunnel", async () => {
  const { lab, nodes: [n1], pods: [pod1, ...others] } = mesh!;
  await settled(mesh!);
  await n1!.agent!.kill("SIGKILL");
  const capture = await lab.capture();
  for (const taken of ["xfrm state flush", "xfrm policy flush", "link del wigglenet-ipsec"]) {
    await n1!.run(["ip", ...taken.split(" ")]);
    for (const other of others) {
      for (const family of FAMILIES) {
        const { received } = await pod1!.ping(other.address(family)!, { timeoutMs: 300 });
        assert.equal(received, 0, `${taken}: IPv${family} to ${other.name}`);
      }
    }
  }
  await lab.catchUp(capture);
  assert.deepEqual((await capture.stop()).filter((packet) => isWithin(packet, lab.podCIDRs)), []);
  n1!.startAgent({ settings: mesh!.settings });
  await mesh!.reachable(60_000);
});

test("policies decide over what comes by ESP", () => policyDecides(mesh!));

test("cleanup leaves nothing of it", async () => {
  const [n1] = mesh!.nodes as [Node];
  await n1.agent!.kill("SIGTERM");
  const { code, stdout, stderr } = await n1.runAgent({ verb: "cleanup", settings: IPSEC });
  assert.equal(code, 0, stdout + stderr);
  assert.equal(await n1.run(["ip", "xfrm", "state", "list"]), "");
  assert.equal(await n1.run(["ip", "xfrm", "policy", "list"]), "");
  assert.notEqual((await n1.attempt(["ip", "link", "show", "dev", "wigglenet-ipsec"])).code, 0);
});

Deno.test("a kernel without XFRM is told, and what is for pods of other nodes stays on the node", {
  ignore: HAS_XFRM,
}, async () => {
  const lab = await Lab.create({ nodes: 2 });
  await using _ = lab;
  const scribe = new Clerk(lab, "ipv4=ipsec,ipv6=ipsec");
  const [n1, n2] = lab.nodes as [Node, Node];
  const capture = await lab.capture();
  for (const node of [n1, n2]) node.startAgent({ settings: IPSEC });
  await n1.says(
    "it cannot be had",
    ({ applied: { failing } }) => /Unknown device type/.test(failing.ipsec?.error ?? ""),
    60_000,
  );
  const [pod1, pod2] = [await n1.addPod("pod1"), await n2.addPod("pod2")];
  // Until both Nodes say ipsec the tunnel stands, and some seconds longer.
  for (const family of FAMILIES) {
    await until(`IPv${family} to end`, async () => {
      return (await pod1.ping(pod2.address(family)!, { timeoutMs: 300 })).received === 0;
    }, { deadlineMs: 30_000 });
  }
  await lab.catchUp(capture);
  assert.equal((await capture.stop()).filter((packet) => isWithin(packet, lab.podCIDRs)).length, 0);
  scribe.close();
});
