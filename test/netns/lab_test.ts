// The laboratory itself: what the other tests of this folder rely on without saying so.

import assert from "node:assert/strict";
import { isWithin } from "../lab/frames.ts";
import { Lab } from "../lab/lab.ts";
import { Probe } from "../lab/probe.ts";
import { Process } from "../lab/process.ts";
import { pids } from "../lab/reaper.ts";
import { until } from "../lab/until.ts";

function isAlive(pid: number): boolean {
  try {
    return Deno.readLinkSync(`/proc/${pid}/ns/net`) !== ""; // a zombie has none
  } catch {
    return false;
  }
}

Deno.test("each node has its own /run and its own interfaces in /sys", async () => {
  await using lab = await Lab.create({ nodes: 2 });
  const [n1, n2] = lab.nodes;
  await n1!.run(["touch", "/run/mark"]);
  assert.equal((await n2!.attempt(["cat", "/run/mark"])).code, 1);
  await n1!.ip(["link add extra type veth peer name other"]);
  assert.match(await n1!.run(["ls", "/sys/class/net"]), /^eth0\nextra\nlo\nother\n$/);
  assert.match(await n2!.run(["ls", "/sys/class/net"]), /^eth0\nlo\n$/);
});

Deno.test("nodes of one family have no address of the other", async () => {
  await using lab = await Lab.create({ nodes: 2, families: { underlay: [6], pods: [6] }, mtuBytes: 9000 });
  const [n1, n2] = lab.nodes;
  assert.equal((await n1!.ping(n2!.address(6)!)).received, 1);
  assert.equal(n2!.address(4), undefined);
  assert.equal(await n1!.run(["ip", "-4", "-brief", "address", "show", "dev", "eth0"]), "");
  assert.match(await n1!.run(["ip", "link", "show", "eth0"]), /mtu 9000/);
});

Deno.test("a node added later reaches the others and is published", async () => {
  await using lab = await Lab.create({ nodes: 1 });
  const node = await lab.addNode();
  assert.equal((await node.ping(lab.nodes[0]!.address(4)!)).received, 1);
  assert.deepEqual([...Deno.readDirSync(lab.nodesFolder)].map(({ name }) => name).sort(), [
    "n1.yaml",
    "n2.yaml",
  ]);
});

Deno.test("a capture of the underlay shows a packet with a pod's address in the clear", async () => {
  await using lab = await Lab.create({ nodes: 2 });
  const capture = await lab.capture();
  await lab.outsider.ping("10.244.2.9", { timeoutMs: 20 });
  await lab.nodes[0]!.ping("fd00:10:244:2::9", { timeoutMs: 20 }); // by the default route: a leak
  await lab.catchUp(capture);
  const leaked = (await capture.stop()).filter((packet) => isWithin(packet, lab.podCIDRs));
  assert.deepEqual(
    new Set(leaked.map(({ destination }) => destination)),
    new Set(["10.244.2.9", "fd00:10:244:2::9"]),
  );
});

Deno.test("a probe tells how long nothing arrived and how much was lost", async () => {
  await using lab = await Lab.create({ nodes: 2 });
  const [n1, n2] = lab.nodes;
  const probe = await Probe.start({ from: n1!, to: n2!, address: n2!.address(4)!, ratePerSecond: 500 });
  await probe.flowing();
  await lab.underlay.ip(["link set n2 down"]);
  await new Promise((resolve) => setTimeout(resolve, 300)); // the outage itself
  await lab.underlay.ip(["link set n2 up"]);
  await probe.flowing();
  const { sent, received, longestGapMs } = await probe.stop();
  assert.ok(longestGapMs >= 300 && longestGapMs < 3000, `the gap is ${longestGapMs} ms long`);
  assert.ok(sent - received >= 100, `${received} of ${sent} arrived`);
});

Deno.test("a process whose parent was killed is collected when it dies, as init does", async () => {
  await using lab = await Lab.create({ nodes: 1 });
  const before = new Set(pids());
  const parent = lab.nodes[0]!.start(["setsid", "--fork", "sleep", "infinity"]);
  await parent.ended;
  const orphan = await until("the orphan", () => pids().find((pid) => !before.has(pid) && isAlive(pid)));
  Deno.kill(orphan, "SIGKILL");
  await until("the orphan to be gone", () => !pids().includes(orphan));
});

Deno.test("kill -9 of a laboratory in a namespace of its own leaves nothing behind", async () => {
  const mounts = () => Deno.readTextFileSync("/proc/mounts");
  const before = { pids: new Set(pids()), mounts: mounts(), files: [...Deno.readDirSync("/dev/shm")] };
  const lab = new URL("../lab/", import.meta.url);
  const inner =
    `import { Lab } from "${lab}lab.ts"; await Lab.create({ nodes: 2 }); console.log("stands"); ` +
    `setInterval(() => {}, 1000);`;
  const outer = `import { runInside } from "${lab}outer.ts"; ` +
    `await runInside([Deno.execPath(), "eval", "--quiet", ${JSON.stringify(inner)}]);`;
  const process = new Process([Deno.execPath(), "eval", "--quiet", outer]);
  await process.line("stdout", /stands/);
  const started = pids().filter((pid) => !before.pids.has(pid));
  assert.ok(started.length >= 6, `${started.length} processes were started`);
  await process.kill("SIGKILL");
  await until("all of it to be gone", () => !started.some(isAlive), {
    seen: () => `alive: ${started.filter(isAlive)}`,
  });
  await process.closed;
  assert.equal(mounts(), before.mounts);
  assert.deepEqual([...Deno.readDirSync("/dev/shm")], before.files);
});
