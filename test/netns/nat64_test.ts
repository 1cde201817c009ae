// docs/nat64.md, as a reader would use it: tayga on a node whose pods have IPv6 only.
//
//   pod (IPv6) ── n1: agent, tayga ── outsider (asked by IPv4)

import assert from "node:assert/strict";
import page from "../../docs/nat64.md" with { type: "text" };
import { snippetsIn } from "../docs/snippets.ts";
import { Capture } from "../lab/capture.ts";
import { bytesOf } from "../lab/craft.ts";
import { Lab } from "../lab/lab.ts";
import type { Node } from "../lab/node.ts";
import { connect, listen } from "../lab/tcp.ts";
import { until } from "../lab/until.ts";
import { sendUdp } from "../lab/wire.ts";
import { differences, identityOf } from "./state.ts";

const SNIPPETS = snippetsIn({ path: "docs/nat64.md", text: page });
const OUTSIDER = "10.9.1.200";
const TRANSLATED = "fd00:64::a09:1c8";
const NODE = "10.9.1.1";

/** Runs the page's commands on a node, with its files in the laboratory's folder instead of the machine's. */
async function translate(node: Node): Promise<void> {
  const inFolder = (text: string) =>
    text.replaceAll("/etc/", `${node.folder}/`).replaceAll("/var/spool/tayga", node.folder);
  await Deno.writeTextFile(`${node.folder}/tayga.conf`, inFolder(SNIPPETS.get("tayga")!));
  await Deno.writeTextFile(`${node.folder}/nat64.nft`, SNIPPETS.get("nft")!);
  // In the foreground it ends with the laboratory.
  const commands = inFolder(SNIPPETS.get("commands")!).split("\n").filter((line) => line !== "");
  const serve = commands.pop()!;
  await node.run(["sh", "-c", commands.join("\n")]);
  node.start([...serve.split(" "), "--nodetach"]);
}

Deno.test("a pod with IPv6 alone reaches IPv4 addresses by docs/nat64.md, with its node's address and no port of WireGuard's", async () => {
  await using lab = await Lab.create({ nodes: 1, families: { pods: [6] } });
  const [node] = lab.nodes as [Node];
  node.startAgent();
  const pod = await node.addPod("web");
  assert.equal(pod.address(4), undefined);
  await listen(lab.outsider, 80);
  assert.equal((await pod.ping(TRANSLATED)).received, 0, "without it there is no way");
  const before = await identityOf(node);
  await translate(node);
  await until("tayga to answer", async () => (await pod.ping(TRANSLATED)).received === 1, {
    deadlineMs: 10_000,
  });
  const capture = await Capture.start(lab.outsider, "eth0");
  assert.deepEqual(await connect(pod, { address: TRANSLATED, port: 80 }), {
    isOpen: true,
    greeting: "outsider",
  });
  sendUdp(pod, { address: bytesOf(TRANSLATED), ports: [24601, 9], payload: new Uint8Array(8) });
  await capture.catchUp(node, OUTSIDER);
  const packets = await capture.stop();
  const asked = packets.filter(({ destination }) => destination === OUTSIDER);
  assert.deepEqual([...new Set(asked.map(({ source }) => source))], [NODE]);
  const [udp, ...more] = asked.filter(({ protocol }) => protocol === 17);
  assert.deepEqual(more, []);
  assert.ok(udp!.sourcePort! >= 61000, `from port ${udp!.sourcePort}`);
  assert.equal(differences(before, await identityOf(node)), "", "what is ours is as it was");
  await node.says("all is well", ({ applied }) => applied.isInSync);
});
