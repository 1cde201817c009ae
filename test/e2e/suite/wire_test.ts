// What crosses the network of the nodes, read off it.

import assert from "node:assert/strict";
import { Process } from "../../lab/process.ts";
import { until } from "../../lab/until.ts";
import { HTTP } from "../pods.ts";
import { at, World } from "../world.ts";

const world = await World.standing();
const WIREGUARD = ".24601";
const TRIES = 5;

Deno.test("between nodes, nothing that pods say to each other is seen but WireGuard's packets", async () => {
  const { engine } = world.cluster;
  const statuses = await Promise.all(world.nodes.map((node) => world.statusOf(node)));
  const pods = statuses.flatMap((status) => status!.podCidrs).map((cidr) => `net ${cidr}`).join(" or ");
  const [family] = world.families as ["v4" | "v6"];
  const marked = await world.nodeAddress(world.far, family);
  const link = `br-${(await engine.docker(["network", "inspect", "-f", "{{.Id}}", "kind"])).slice(0, 12)}`;
  const filter = `udp port 24601 or ${pods} or ((icmp or icmp6) and host ${marked})`;
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
    await until("the capture to show a ping", () => capture.stdout.some((line) => / echo reply/.test(line)));
  } finally {
    await capture.kill("SIGINT");
  }
  const seen = capture.stdout.filter((line) => line !== "");
  const wireguard = seen.filter((line) => line.includes(WIREGUARD));
  const clear = seen.filter((line) => !line.includes(WIREGUARD) && !line.includes(marked));
  assert.deepEqual(clear, []);
  assert.ok(wireguard.length > 8 * TRIES, `${wireguard.length} packets of WireGuard`);
  assert.match(capture.stderr.join("\n"), /\b0 packets dropped by kernel/);
});
