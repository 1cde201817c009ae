// Nodes behind NATs by IPsec: do their pods reach all others, and nothing else than UDP leaves?

import assert from "node:assert/strict";
import { isWithin } from "../lab/frames.ts";
import { HAS_XFRM } from "../lab/kernel.ts";
import type { Node } from "../lab/node.ts";
import type { Pod } from "../lab/pod.ts";
import { until } from "../lab/until.ts";
import { keysOn, settled } from "./associations.ts";
import { ESP_PORT, IPSEC, NatMesh } from "./ipsec_nat_mesh.ts";
import { lost, type Mesh } from "./mesh.ts";
import { givesMtu, passesFull } from "./transports.ts";

/** IP (20), UDP (8), VXLAN (8) and ESP (52) around it, two bytes behind it, to a multiple of four. */
const MTU = 1_410;
const ESP = 50;

const nat = await NatMesh.create();
Deno.test.afterAll(() => nat?.close());

/** A test of the mesh; without XFRM there is none. */
function test(name: string, run: (mesh: Mesh) => Promise<void>): void {
  Deno.test(`ipsec in udp: ${name} (kernel with XFRM)`, { ignore: !HAS_XFRM }, () => run(nat!.mesh));
}

test("pods of three nodes, two of them behind NATs, reach each other, all of it is in UDP, and full packets pass", async (mesh) => {
  const { lab, nodes: [n1, n2, n3] } = mesh;
  await settled(mesh);
  // The first ones were made while nobody was known to be behind a NAT.
  await givesMtu(mesh, MTU);
  const [pod1, pod2, pod3] = await Promise.all(
    [n1!, n2!, n3!].map((node) => node.addPod(`${node.name}-full`)),
  );
  const capture = await lab.capture();
  await mesh.reachable();
  for (const [from, to] of [[pod1!, pod2!], [pod3!, pod1!], [pod2!, pod3!]] as const) {
    await passesFull(from, to, MTU);
  }
  await lab.catchUp(capture);
  const packets = await capture.stop();
  assert.ok(packets.filter(({ destinationPort }) => destinationPort === ESP_PORT).length >= 36);
  assert.deepEqual(packets.filter((packet) => isWithin(packet, lab.podCIDRs)), []);
  assert.deepEqual(packets.filter(({ protocol }) => protocol === ESP), []);
});

test("diff finds nothing to do, and status names each way", async (mesh) => {
  await settled(mesh);
  for (const node of mesh.nodes) await node.inSync();
  const [n1] = mesh.nodes as [Node];
  const settings = { ...IPSEC, "filter-ipv4": "true", "filter-ipv6": "true" };
  const { code, stdout, stderr } = await n1.runAgent({ verb: "diff", settings });
  assert.equal(code, 0, stdout + stderr);
  const status = await n1.runAgent({ verb: "status" });
  assert.match(
    status.stdout,
    /n2 by IPsec in UDP to 10\.9\.1\.62:24606 dev wigglenet-ipsec to 10\.244\.2\.0\/24/,
  );
});

test("what is not tried with one packet: a megabyte of TCP comes whole, both ways", async (mesh) => {
  const [pod1, pod2] = mesh.pods as [Pod, Pod];
  for (const [from, to] of [[pod1, pod2], [pod2, pod1]] as const) {
    const listening = to.start(["busybox", "nc", "-l", "-p", "5001", "-e", "busybox", "wc", "-c"]);
    await until("somebody to listen", async () => (await to.run(["ss", "-ltn"])).includes(":5001 "));
    const sent = ["sh", "-c", `head -c 1000000 /dev/zero | busybox nc -w 60 ${to.address(4)} 5001`];
    const { stdout, stderr } = await from.attempt(sent);
    assert.equal(stdout.trim(), "1000000", stderr + listening.tail());
  }
});

test("a node behind a NAT that boots anew has other keys, and its pods are reached", async (mesh) => {
  const { lab, nodes, pods } = mesh;
  const before = new Set((await Promise.all(nodes.map(keysOn))).flat());
  const n3 = nodes[2]!;
  await n3.agent!.kill("SIGKILL");
  const again = await lab.reboot(n3);
  await nat!.routers.get(3)!.serve(again);
  again.startAgent({ settings: mesh.settings });
  pods[2] = await again.addPod("n3-again");
  await mesh.reachable(60_000);
  await settled(mesh);
  for (const key of await keysOn(again)) assert.ok(!before.has(key));
});

test("an agent that starts anew behind a NAT rolls all keys over, and no packet is lost", async (mesh) => {
  await settled(mesh);
  const before = (await Promise.all(mesh.nodes.map(keysOn))).flat();
  const probe = await mesh.probe(50);
  const n2 = mesh.nodes[1]!;
  await n2.agent!.kill("SIGKILL");
  n2.startAgent({ settings: mesh.settings });
  await until("all its keys to be others", async () => {
    const now = await keysOn(n2);
    return now.length > 0 && now.every((key) => !before.includes(key));
  }, { deadlineMs: 60_000, pauseMs: 200 });
  await settled(mesh);
  const { there, back } = await probe.stop();
  assert.deepEqual([lost(there), lost(back)], [0, 0]);
});

test("when no Node says that it is behind a NAT any more, all of it goes, and cleanup leaves none", async (mesh) => {
  const { lab, nodes: [n1] } = mesh;
  for (const i of [2, 3]) await lab.withdraw(`n${i}`);
  const left = async () =>
    (await n1!.attempt(["ip", "link", "show", "wigglenet-udp"])).stdout +
    (await n1!.run(["ip", "rule", "show"])).split("\n").filter((line) => line.includes("proto 146")).join(
      "\n",
    ) +
    (await n1!.attempt(["ip", "route", "show", "table", "146"])).stdout;
  await until("nothing of it to be left", async () => await left() === "", {
    deadlineMs: 20_000,
    seen: left,
  });
  for (const i of [2, 3]) await lab.publish(nat!.clerk.manifestOf(mesh.nodes[i - 1]!));
  await until("it to be there again", async () => (await left()).includes("192.168.2.2"), {
    deadlineMs: 60_000,
  });
  await n1!.agent!.kill("SIGTERM");
  const { code, stdout, stderr } = await n1!.runAgent({ verb: "cleanup", settings: mesh.settings });
  assert.equal(code, 0, stdout + stderr);
  assert.equal(await left(), "");
});
