// What befalls the host, under traffic: its clock jumps, its disks fill up, its key file is lost or replaced. Nothing is
// lost on any of it; the agent says what is wrong, and mends by itself what can be mended.
//
//   n1-pod ═══ n2-pod     100 packets a second in each direction, IPv4 and IPv6
//        ╚═ n3-pod ═╝

import assert from "node:assert/strict";
import type { Status } from "../../src/core/plan/status.ts";
import { fakeClock } from "../lab/fake_clock.ts";
import type { Node } from "../lab/node.ts";
import { run } from "../lab/process.ts";
import { until } from "../lab/until.ts";
import { losing } from "../netns/losses.ts";
import { Mesh } from "../netns/mesh.ts";
import { differences, readState } from "../netns/state.ts";

const mesh = await Mesh.create({ nodes: 3 }, { "filter-ipv4": "true", "filter-ipv6": "true" });
const { lab, settings } = mesh;
const [n1] = mesh.nodes as [Node, Node, Node];
const keyPath = `${n1.folder}/private.key`;
const traffic = await mesh.traffic();
const losesOnly = losing(traffic);
Deno.test.afterAll(() => mesh.close());

/** A handshake that comes before the other side has the key is tried again every five seconds, by each side. */
const KEY_MS = 17_000;

const isFailing = (pattern: RegExp) => ({ applied }: Status) =>
  Object.values(applied.failing).some(({ error }) => pattern.test(error));
const isWell = ({ applied }: Status) => applied.isInSync && Object.keys(applied.failing).length === 0;

function annotationOf(node: Node): string {
  return node.manifest.metadata.annotations!["wigglenet/public-key"]!;
}

/** Waits until a node has a public key, its own or a peer's. */
async function hasKey(node: Node, publicKey: string): Promise<void> {
  await until(`${node.name} to have the key ${publicKey}`, async () => {
    return (await readState(node, ["wireguard"])).includes(publicKey);
  }, { seen: () => node.agent!.tail() });
}

async function becomes(before: string): Promise<void> {
  await until("n1 to be as before", async () => await readState(n1) === before, {
    seen: async () => `${differences(before, await readState(n1))}\n${n1.agent!.tail()}`,
  });
}

async function stays(before: string): Promise<void> {
  assert.equal(differences(before, await readState(n1)), "");
}

async function restart(): Promise<void> {
  await n1.agent!.kill("SIGTERM");
  n1.startAgent({ settings });
}

/** Waits until the key file holds a key again, and compares it. */
async function holds(key: string): Promise<void> {
  const text = await until(
    "the key file to be back",
    () => Deno.readTextFile(keyPath).catch(() => undefined),
    {
      seen: () => n1.agent!.tail(),
    },
  );
  assert.equal(text.trim(), key.trim());
  assert.equal((await Deno.stat(keyPath)).mode! & 0o777, 0o600);
  assert.ok(!n1.agent!.stderr.some((line) => line.includes(key.trim())), "the log shows the private key");
}

Deno.test("a key file that is removed is written anew from the interface, while the agent runs and when it starts", async (t) => {
  const [key, before] = [await Deno.readTextFile(keyPath), await readState(n1)];
  await losesOnly(t, {}, async () => {
    await Deno.remove(keyPath);
    await holds(key);
    await n1.agent!.kill("SIGKILL");
    await Deno.remove(keyPath);
    n1.startAgent({ settings });
    await holds(key);
    await n1.agent!.line("stderr", /the private key file was missing: wrote it anew from the interface/);
    await n1.says("all is well", isWell);
  });
  await stays(before);
});

Deno.test("a key file that is replaced is taken up when its key is published; until then nothing is lost", async (t) => {
  const [old, before] = [await Deno.readTextFile(keyPath), await readState(n1)];
  const key = await run(["wg", "genkey"]);
  const publicKey = (await run(["wg", "pubkey"], { stdin: key })).trim();
  const annotations = { ...n1.manifest.metadata.annotations, "wigglenet/public-key": publicKey };
  await losesOnly(t, {}, async () => {
    await Deno.writeTextFile(keyPath, key);
    const isKept = ({ what, why }: Status["waiting"][number]) =>
      what === "key of wigglenet" && why.includes(publicKey);
    await n1.says("the interface keeps its key", ({ waiting }) => waiting.some(isKept));
    await restart();
    await n1.says("the interface keeps its key", ({ waiting }) => waiting.some(isKept));
    await stays(before);
  });
  await losesOnly(t, { victim: "n1", outageMs: KEY_MS }, async () => {
    await lab.publish({ ...n1.manifest, metadata: { ...n1.manifest.metadata, annotations } });
    await Promise.all(mesh.nodes.map((node) => hasKey(node, publicKey)));
  });
  await losesOnly(t, { victim: "n1", outageMs: KEY_MS }, async () => {
    await Deno.writeTextFile(keyPath, old);
    await lab.publish(n1.manifest);
    await Promise.all(mesh.nodes.map((node) => hasKey(node, annotationOf(n1))));
    await becomes(before);
  });
});

Deno.test("a key file of junk is named and left alone; the interface keeps its key", async (t) => {
  const [key, before] = [await Deno.readTextFile(keyPath), await readState(n1)];
  await losesOnly(t, {}, async () => {
    await Deno.writeTextFile(keyPath, "junk");
    await n1.says("the key file is broken", ({ rejected }) => {
      return rejected.some(({ claim, reason }) =>
        claim === n1.pathOf(keyPath) && /holds no WireGuard key/.test(reason)
      );
    });
    assert.equal(await Deno.readTextFile(keyPath), "junk");
    await stays(before);
    await Deno.writeTextFile(keyPath, key);
    await n1.says("nothing is refused", ({ rejected }) => rejected.length === 0);
  });
});

Deno.test("a replaced key file is taken up when the interface is deleted, and the agent comes to rest", async () => {
  const [old, before] = [await Deno.readTextFile(keyPath), await readState(n1)];
  await Deno.writeTextFile(keyPath, await run(["wg", "genkey"]));
  await n1.says("the interface keeps its key", ({ waiting }) => {
    return waiting.some(({ what }) => what === "key of wigglenet");
  });
  await n1.run(["ip", "link", "del", "wigglenet"]);
  await n1.says("the other key is not published", (status) => {
    return isWell(status) && status.waiting.every(({ what }) => what === "peers for n1") &&
      status.waiting.length === 1;
  });
  await Deno.writeTextFile(keyPath, old);
  await becomes(before);
  await traffic.flowing(20_000);
});

/** Fills the file system of a folder on the node, but for nothing; returns what frees it. */
async function fill(node: Node, folder: string): Promise<() => Promise<unknown>> {
  const filler = `${folder}/filler`;
  await node.attempt(["dd", "if=/dev/zero", `of=${filler}`, "bs=4096"]);
  return () => node.run(["rm", filler]);
}

Deno.test("/run is full: what must be written fails and is named, no half of it stays, and space heals it", async (t) => {
  const before = await readState(n1);
  await n1.run(["mount", "-o", "remount,size=256k", "/run"]);
  const free = await fill(n1, "/run");
  await losesOnly(t, {}, async () => {
    await n1.run(["nft", "flush", "ruleset"]);
    await n1.ip(["link set eth0 mtu 1400"]);
    await n1.says("there is no space", isFailing(/[Nn]o space left/));
    await n1.says("the table is missing", ({ applied }) => "table" in applied.failing);
    assert.equal(await readState(n1, ["cni"]), JSON.stringify({ cni: JSON.parse(before).cni }, null, 1));
    await n1.ip(["link set eth0 mtu 1500"]);
    await free();
    await becomes(before);
    await n1.says("all is well", isWell);
  });
  assert.equal(await n1.run(["find", "/run/wigglenet", "-name", "input-*", "-o", "-name", "*.temp"]), "");
});

Deno.test("the CNI folder is full: a lost link is named, and is back when there is space", async (t) => {
  const before = await readState(n1);
  await losesOnly(t, {}, async () => {
    const folder = n1.pathOf(`${n1.folder}/cni`);
    await n1.run(["mount", "-t", "tmpfs", "-o", "nr_inodes=1", "tmpfs", folder]); // the folder itself, and full
    await n1.says("there is no space", isFailing(/[Nn]o space left/));
    await n1.run(["mount", "-o", "remount,nr_inodes=9", folder]);
    await until("the link to be back", async () => await readState(n1) === before, {
      seen: () => n1.agent!.tail(),
    });
    await n1.run(["umount", folder]);
    await n1.says("all is well", isWell);
  });
});

Deno.test("the key's folder is full and the key lost: it is named, a start too loses nothing, and space heals it", async (t) => {
  const [key, before] = [await Deno.readTextFile(keyPath), await readState(n1)];
  const isNamed = ({ rejected }: Status) =>
    rejected.some(({ claim, reason }) => claim === n1.pathOf(keyPath) && /[Nn]o space left/.test(reason));
  await losesOnly(t, {}, async () => {
    await n1.run(["mount", "-t", "tmpfs", "-o", "nr_inodes=3", "tmpfs", "/mnt"]);
    await n1.run(["mkdir", "/mnt/cni"]);
    await n1.run(["touch", "/mnt/full"]); // filled before the agent sees it, which makes folders and links itself
    const folder = n1.pathOf(n1.folder);
    await n1.run(["mount", "--bind", "/mnt", folder]);
    await n1.says("the key cannot be written", isNamed);
    await restart();
    await n1.says("the key cannot be written", isNamed);
    await n1.run(["mount", "-o", "remount,nr_inodes=10", "/mnt"]);
    await n1.says("nothing is refused", ({ rejected }) => rejected.length === 0);
    assert.equal((await n1.run(["cat", n1.pathOf(keyPath)])).trim(), key.trim());
    await n1.run(["umount", folder]);
    await n1.run(["umount", "/mnt"]);
    await n1.says("all is well", isWell);
  });
  await stays(before);
});

/** Starts the agent with a clock of its own: that of the host, and what the file says more. */
async function startWithClock(file: string): Promise<void> {
  await n1.agent!.kill("SIGTERM");
  n1.startAgent({ settings, env: await fakeClock({ FAKETIME_TIMESTAMP_FILE: file }) });
  await n1.inSync();
}

Deno.test("the agent's clock jumps by a year, either way: nothing is written, nothing lost, and drift is mended", async (t) => {
  const before = await readState(n1);
  const file = `${lab.folder}/clock`;
  await Deno.writeTextFile(file, "+0");
  await losesOnly(t, {}, async () => {
    await startWithClock(file);
    const { applied: { steps } } = (await n1.status())!;
    const polls = (await n1.status())!;
    for (const jump of ["+1y", "-1y"]) {
      await Deno.writeTextFile(file, jump);
      // A roaming endpoint is what ages decide over: the next polls see it with the new time.
      await pollsPass(polls);
      await stays(before);
      assert.equal((await n1.status())!.applied.steps, steps, n1.agent!.tail());
    }
    await n1.run(["nft", "flush", "ruleset"]);
    await becomes(before);
    const years = n1.agent!.stderr.map((line) => line.slice(0, 4));
    assert.ok(new Set(years).size > 1, "its clock did jump");
  });
  await restart();
  await n1.inSync();
});

/** Two polls of the peers: their counters show that they were read again. */
async function pollsPass(last: Status): Promise<void> {
  const received = ({ peers }: Status) => peers.map((peer) => peer.receivedBytes).join();
  let seen = received(last);
  for (let i = 0; i < 2; i++) {
    await n1.says("its peers were read", (status) => received(status) !== seen);
    seen = received((await n1.status())!);
  }
}
