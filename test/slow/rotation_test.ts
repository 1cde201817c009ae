// Keys rotate under traffic: of all nodes at once, and of one while another one's agent is dead at two moments. Not one packet
// is lost, and the old keys are gone. An operator puts into the manifests what the key files say, as `wigglenet node` prints it.
//
//   n1-pod ═══ n2-pod     100 packets a second in each direction, IPv4 and IPv6
//        ╚═ n3-pod ═╝

import assert from "node:assert/strict";
import type { Node } from "../lab/node.ts";
import { run } from "../lab/process.ts";
import { until } from "../lab/until.ts";
import { losing } from "../netns/losses.ts";
import { Mesh } from "../netns/mesh.ts";

const mesh = await Mesh.create({ nodes: 3 });
const { lab, settings } = mesh;
const [n1, n2, n3] = mesh.nodes as [Node, Node, Node];
const traffic = await mesh.traffic();
const losesOnly = losing(traffic);
Deno.test.afterAll(() => mesh.close());

/** Public key of a file of the node; undefined: it is not there. */
async function keyIn(node: Node, file: string): Promise<string | undefined> {
  const key = await Deno.readTextFile(`${node.folder}/${file}`).catch(() => undefined);
  return key && (await run(["wg", "pubkey"], { stdin: key })).trim();
}

const published = new Map<Node, string>();

/** Puts what the key files say into the manifests. */
async function publishKeys(): Promise<void> {
  for (const node of mesh.nodes) {
    const [key, next] = [await keyIn(node, "private.key"), await keyIn(node, "private.key.next")];
    const annotations = {
      "wigglenet/public-key": key!,
      ...(next === undefined ? {} : { "wigglenet/next-key": next }),
    };
    const text = JSON.stringify(annotations);
    if (published.get(node) === text) continue;
    published.set(node, text);
    const { manifest } = node;
    await lab.publish({ ...manifest, metadata: { ...manifest.metadata, annotations } });
  }
}

/** Goes on until the look is true. */
async function rotating(what: string, look: () => Promise<boolean>): Promise<void> {
  await until(what, async () => {
    await publishKeys();
    return await look();
  }, { deadlineMs: 60_000, pauseMs: 200, seen: () => lab.diagnose() });
}

async function rotate(...nodes: readonly Node[]): Promise<void> {
  const outputs = await Promise.all(nodes.map((node) => node.runAgent({ verb: "rotate-key" })));
  for (const { code, stdout, stderr } of outputs) {
    assert.deepEqual([code, stderr], [0, ""]);
    assert.match(stdout, /^\S{44} is to be replaced by \S{44}\n$/);
  }
}

/** Nothing rotates, and nothing is left of a rotation. */
async function areAtRest(): Promise<boolean> {
  const left = await Promise.all(mesh.nodes.map(async (node) => [
    await keyIn(node, "private.key.next"),
    await keyIn(node, "private.key.requested"),
    (await node.attempt(["ip", "link", "show", "dev", "wigglenet-next"])).code === 0 || undefined,
  ]));
  return left.flat().every((it) => it === undefined);
}

async function isKnown(key: string): Promise<boolean> {
  const shown = await Promise.all(
    mesh.nodes.map(async (node) => (await node.run(["wg", "show", "all", "dump"]))),
  );
  return shown.some((dump) => dump.includes(key));
}

function keysNow(): Promise<string[]> {
  return Promise.all(mesh.nodes.map(async (node) => (await keyIn(node, "private.key"))!));
}

Deno.test("all nodes rotate their keys at once: nothing is lost, and the old keys are gone everywhere", async (t) => {
  const before = await keysNow();
  await losesOnly(t, {}, async () => {
    await rotate(n1, n2, n3);
    const again = await n1.runAgent({ verb: "rotate-key" });
    assert.deepEqual([again.code, /rotation is under way/.test(again.stderr)], [1, true]);
    await rotating("all keys to take over", async () => {
      return (await keysNow()).every((key, i) => key !== before[i]);
    });
    await rotating("the rotations to end", areAtRest);
  });
  for (const key of before) assert.equal(await isKnown(key), false);
  for (const node of mesh.nodes) {
    await node.inSync();
    const alerts = node.agent!.stderr.filter((line) => /error/.test(line));
    assert.deepEqual(alerts, []);
  }
});

Deno.test("one node rotates while the agent of another is dead, before and behind the change of keys: nothing is lost", async (t) => {
  const [before] = await keysNow() as [string];
  await losesOnly(t, {}, async () => {
    await n3.agent!.kill("SIGKILL");
    await rotate(n1);
    await rotating("n2 to come along", async () => {
      const { rotation, waiting } = (await n1.status())!;
      return rotation?.stage === "announced" && rotation.awaited.join() === "n3" &&
        waiting.some(({ what, why }) => what === "key rotation of n1" && /^n3 /.test(why));
    });
    assert.equal((await keysNow())[0], before);
    await n2.says(
      "for whom its second interface stands",
      ({ waiting }) =>
        waiting.some(({ what, why }) => what === "interface wigglenet-next" && /, of n1$/.test(why)),
    );
    n3.startAgent({ settings });
    await rotating("the key to take over", async () => (await keysNow())[0] !== before);
    await n3.agent!.kill("SIGKILL");
    await rotating("n2 to go back", async () => {
      return (await n1.status())?.rotation?.awaited.join() === "n3";
    });
    n3.startAgent({ settings });
    await rotating("the rotation to end", areAtRest);
  });
  assert.equal(await isKnown(before), false);
});

Deno.test("a Node that claims the next key in the middle of a rotation holds it up, and costs no packet", async (t) => {
  const [before] = await keysNow();
  await losesOnly(t, {}, async () => {
    await n3.agent!.kill("SIGKILL");
    await rotate(n1);
    const areOnSecond = async () => {
      const routes = await Promise.all(
        [n1, n2].map((node) => node.run(["ip", "route", "show", "proto", "146"])),
      );
      return routes.map((text) => text.includes(" dev wigglenet-next ")).join();
    };
    await rotating("both to send by the second interface", async () => await areOnSecond() === "true,true");
    const nextKey = (await keyIn(n1, "private.key.next"))!;
    const metadata = { name: "stranger", annotations: { "wigglenet/public-key": nextKey } };
    await lab.publish({
      ...n1.manifest,
      metadata,
      spec: { podCIDRs: ["10.244.77.0/24"] },
      status: { addresses: [] },
    });
    // Who is not believed does; the other one stays for as long as its session lives.
    await rotating("n1 to leave it", async () => await areOnSecond() === "false,true");
    const { rotation, waiting } = (await n1.status())!;
    assert.equal(rotation?.stage, "announced");
    assert.match(
      waiting.map(({ why }) => why).join(),
      /do not believe its next key: stranger has the same key/,
    );
    n3.startAgent({ settings });
    await lab.withdraw("stranger");
    await rotating(
      "the key to rotate all the same",
      async () => (await keysNow())[0] !== before && await areAtRest(),
    );
  });
});

Deno.test("an interface of the second one's name that is somebody else's is left alone, opens nothing, and is told; without it the key rotates", async () => {
  const [before] = await keysNow();
  await n1.run(["ip", "link", "add", "dev", "wigglenet-next", "type", "veth", "peer", "name", "stranger"]);
  for (const name of ["wigglenet-next", "stranger"]) await n1.run(["ip", "link", "set", "dev", name, "up"]);
  // The guard knows it at once, by what it is: nobody has had time to tell.
  await n1.run(["ip", "route", "add", "10.244.2.200/32", "dev", "wigglenet-next"]);
  assert.equal((await mesh.pods[0]!.ping("10.244.2.200", { timeoutMs: 500 })).received, 0);
  assert.match(
    await n1.run(["nft", "list", "chain", "inet", "wigglenet", "unencrypted"]),
    /counter packets [1-9]/,
  );
  await n1.says(
    "whose interface it is",
    ({ waiting }) => waiting.some(({ why }) => /wigglenet-next that is not ours/.test(why)),
  );
  const { stdout, stderr } = await n1.runAgent({ verb: "check" });
  assert.match(stdout + stderr, /wigglenet-next that is not ours/);
  await rotate(n1);
  await n1.says("that it waits", ({ rotation }) => rotation === undefined);
  assert.match(await n1.run(["ip", "-d", "link", "show", "dev", "wigglenet-next"]), /veth/);
  assert.equal((await keysNow())[0], before);
  await n1.run(["ip", "link", "del", "dev", "wigglenet-next"]);
  await rotating("the key to rotate", async () => (await keysNow())[0] !== before && await areAtRest());
});

Deno.test("cleanup knows what a rotation has made", async () => {
  await n3.agent!.kill("SIGKILL");
  await rotate(n1);
  await rotating("the second interface", async () => (await n1.status())?.rotation?.awaited.join() === "n3");
  await n1.agent!.kill("SIGTERM");
  const { code, stderr } = await n1.runAgent({ verb: "cleanup" });
  assert.deepEqual([code, stderr], [0, ""]);
  assert.doesNotMatch(await n1.run(["ip", "link"]), /wigglenet/);
  const left = await Array.fromAsync(Deno.readDir(n1.folder), ({ name }) => name);
  assert.deepEqual(left.filter((name) => name.startsWith("private.key")), ["private.key"]);
});
