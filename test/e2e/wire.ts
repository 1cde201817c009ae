// What crosses the network of the nodes, read off it.

import assert from "node:assert/strict";
import { Process } from "../lab/process.ts";
import { until } from "../lab/until.ts";
import { HTTP } from "./pods.ts";
import { at, type World } from "./world.ts";

const TRIES = 5;
/** So many packets at least are what all the asking comes to in one family. */
export const SOME = 8 * TRIES;

/**
 * Has pods of two nodes talk, and tells how many of their packets cross the network, by what they travel in: `wireguard`, `vxlan`, or
 * `v4` and `v6` for what can be read as it is.
 */
export async function seenOnWire(world: World): Promise<Record<string, number>> {
  const { engine } = world.cluster;
  const statuses = await Promise.all(world.nodes.map((node) => world.statusOf(node)));
  const pods = statuses.flatMap((status) => status!.podCidrs).map((cidr) => `net ${cidr}`).join(" or ");
  const [family] = world.families as ["v4" | "v6"];
  const marked = await world.nodeAddress(world.far, family);
  const link = `br-${(await engine.docker(["network", "inspect", "-f", "{{.Id}}", "kind"])).slice(0, 12)}`;
  const filter = `udp port 24601 or udp port 24603 or ${pods} or ((icmp or icmp6) and host ${marked})`;
  const options = ["-i", link, "-Z", "root", "-nn", "-l", "--immediate-mode"];
  const capture = new Process([...engine.enter, "tcpdump", ...options, filter]);
  try {
    await capture.line("stderr", /listening on/);
    for (const family of world.families) {
      for (const [from, to] of [["one", "far"], ["far", "one"]] as const) {
        const address = await world.podAddress(to, family);
        for (let i = 0; i < TRIES; i++) {
          assert.equal(await world.ask(from, `http://${at(address, HTTP)}/hostname`), to);
        }
        assert.equal((await world.inPod(from, ["ping", "-c", "3", "-i", "0.2", address])).code, 0);
      }
    }
    // It passes after all that, and is seen after all that.
    await new Process([...engine.enter, "ping", "-c", "1", marked]).ended;
    await until(
      "the capture to show a ping",
      () => capture.stdout.some((line) => line.includes(marked) && / echo reply/.test(line)),
    );
  } finally {
    await capture.kill("SIGINT");
  }
  await capture.closed; // what it says last is read after its end
  assert.match(capture.stderr.join("\n"), /\b0 packets dropped by kernel/);
  const counts: Record<string, number> = {};
  for (const line of capture.stdout) {
    const kind = kindOf(line, marked);
    if (kind !== undefined) counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}

function kindOf(line: string, marked: string): string | undefined {
  if (line.includes(".24601")) return "wireguard";
  if (line.includes(".24603")) return "vxlan";
  return line === "" || line.includes(marked) ? undefined : line.includes(" IP6 ") ? "v6" : "v4";
}
