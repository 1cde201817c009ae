// Runs in the virtual machine: a node with the package boots, again and again, beside one that stands. What lies between
// network-online and its first complete apply is compared with what the runtime alone takes there.

import { BootedNode } from "../booted/booted_node.ts";
import { shareManifests, startTimes } from "../booted/mesh.ts";
import { PACKAGE } from "../booted/packages.ts";
import { isInside, runInside } from "../lab/outer.ts";
import { Lab } from "../lab/lab.ts";
import { manifestOf } from "../lab/manifest.ts";
import { getReady } from "../vm/ready.ts";
import { tell } from "./alone.ts";
import { Verdict } from "./verdict.ts";

const BOOTS = 5;
/** Behind the runtime's own start. */
const ONLINE_TO_MESH_MS = 3_000;
const NETWORK = "[Match]\nName=eth0\n\n[Network]\nKeepConfiguration=yes\nIPv6AcceptRA=no\n";
/** The agent may be in sync before it. */
const ONLINE = "until systemctl --quiet is-active network-online.target; do sleep 0.1; done";
/** Prints when a packet of the node has been answered through the tunnel, in seconds; a look costs what it looks at. */
const REACHED = "until test -e /run/wigglenet/cni-etc-cni-net.d-10-wigglenet.conflist; do sleep 0.2; done; " +
  "until ping -n -q -c1 -W1 -I 10.244.2.1 10.244.1.1 > /dev/null 2>&1; do sleep 0.1; done; cat /proc/uptime";

/** As on a machine: somebody manages its uplink, and says when it is online. */
async function manageUplink(node: BootedNode): Promise<void> {
  await node.write("/etc/systemd/network/50-uplink.network", NETWORK);
  await node.run(["systemctl", "enable", "--quiet", "systemd-networkd", "systemd-networkd-wait-online"]);
  await node.run(["systemctl", "add-wants", "multi-user.target", "network-online.target"]);
}

async function measure(): Promise<number> {
  const lab = await Lab.create({ nodes: 0 });
  const nodes = [
    await BootedNode.boot({ lab, manifest: manifestOf(1), suite: "trixie" }),
    await BootedNode.boot({ lab, manifest: manifestOf(2), suite: "trixie" }),
  ] as const;
  const [, n2] = nodes;
  const verdict = new Verdict();
  try {
    for (const node of nodes) await node.install(PACKAGE);
    await shareManifests(nodes);
    for (const node of nodes) await node.says(/^in sync, 1 peer$/);
    await manageUplink(n2);
    tell("both have the package, and are a mesh");
    const beyond: number[] = [];
    const ready: number[] = [];
    const runtime: number[] = [];
    for (let i = 0; i < BOOTS; i++) {
      await n2.powerOff();
      await n2.powerOn();
      const uptime = await n2.run(["timeout", "60", "sh", "-c", REACHED], { deadlineMs: 70_000 });
      await n2.run(["timeout", "60", "sh", "-c", ONLINE], { deadlineMs: 70_000 });
      await n2.says(/^in sync, 1 peer$/, 60_000);
      const times = await startTimes(n2);
      if (times.onlineMs === undefined) throw new Error("it never was online");
      const meshMs = Math.round(Number.parseFloat(uptime) * 1_000 - times.onlineAtMs);
      tell(`boot ${i + 1}: mesh ${meshMs} ms behind network-online; ${JSON.stringify(times)}`);
      beyond.push(meshMs - times.runtimeMs);
      ready.push(times.onlineMs - times.runtimeMs);
      runtime.push(times.runtimeMs);
    }
    verdict.median({ what: "the runtime's own start", values: runtime, unit: "ms" });
    verdict.median({
      what: "from network-online to mesh, beyond that",
      values: beyond,
      unit: "ms",
      bound: ONLINE_TO_MESH_MS,
    });
    verdict.median({
      what: "from there until systemd is told ready, beyond that",
      values: ready,
      unit: "ms",
    });
  } finally {
    await Promise.all(nodes.map((node) => node.close()));
    await lab.close();
  }
  console.log(`\n${verdict.table()}`);
  return verdict.holds ? 0 : 1;
}

if (isInside()) {
  try {
    Deno.exit(await measure());
  } catch (error) {
    console.error(error instanceof Error ? error.stack : error);
    Deno.exit(1);
  }
}
await getReady();
const self = new URL(import.meta.url).pathname;
const flags = ["--quiet", "--no-check", "--cached-only", "-A"];
Deno.exit(await runInside([Deno.execPath(), "run", ...flags, self]));
