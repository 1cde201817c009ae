// Somebody changes our interface, routes or peers: traffic flows again in time, and nothing leaves in the clear meanwhile.
//
//   n1-pod ── n1 ══ tunnel ══ n2 ── n2-pod        everything happens to n1

import assert from "node:assert/strict";
import { isWireGuard, isWithin } from "../lab/frames.ts";
import { manifestOf } from "../lab/manifest.ts";
import type { Node } from "../lab/node.ts";
import { until } from "../lab/until.ts";
import { POLL_MS, Victim } from "./drift.ts";
import { keyOf, networkDrifts, polledDrifts, restDrifts, trafficDrifts } from "./injections.ts";
import { readState } from "./state.ts";

const victim = await Victim.create();
const { mesh } = victim;
const [n1, n2] = mesh.nodes as [Node, Node];
const capture = await mesh.lab.capture();
Deno.test.afterAll(() => mesh.close());

for (const [what, drift] of Object.entries(networkDrifts(victim))) {
  Deno.test(`${what}: all is as before within a second`, () => victim.heals(drift));
}

for (const [what, drift] of Object.entries(trafficDrifts(victim))) {
  Deno.test(`${what}: traffic flows both ways again within a second`, () => victim.healsTraffic(drift));
}

Deno.test("another kind of interface in its place is left alone and told; once it is gone, ours is back", async () => {
  const probe = await mesh.probe();
  await victim.heals({
    act: async () => {
      const { pid } = n1.agent!;
      Deno.kill(pid, "SIGSTOP"); // or it would be faster
      await n1.ip(["link del wigglenet", "link add wigglenet type veth peer name other"]);
      Deno.kill(pid, "SIGCONT");
      await until("the agent to tell", async () => {
        return /waiting: interface wigglenet: it exists with kind veth/.test(await n1.statusText());
      }, { seen: () => n1.agent!.tail() });
      await n1.ip(["link del wigglenet"]);
    },
    log: /\+ interface wigglenet: (tun|wireguard)/,
  });
  await probe.flowing();
  await probe.stop();
});

const set = (...args: string[]) => victim.on("wg", "set", "wigglenet", ...args);

for (const [what, drift] of Object.entries(polledDrifts(victim))) {
  Deno.test(`${what}: traffic flows both ways again within 2.5 s`, () => {
    return victim.healsTraffic(drift);
  });
}

for (const [what, drift] of Object.entries(restDrifts(victim))) {
  Deno.test(`${what}: all is as before within 2.5 s`, () => victim.heals(drift));
}

Deno.test("the endpoint of a peer that is silent is altered: it is what its Node says within 2.5 s", async () => {
  const silent = manifestOf(9);
  const key = "aW5zdGVhZCBvZiBhIHJlYWwga2V5IG9mIG5vZGUgMjI=";
  silent.metadata.annotations = { "wigglenet/public-key": key };
  await mesh.lab.publish(silent);
  const hasPeer = async () => (await readState(n1, ["wireguard"])).includes(key);
  await until("n1 to have the peer", hasPeer);
  await victim.heals({
    act: set("peer", key, "endpoint", "10.9.1.77:24601"),
    log: /~ peer n9: endpoint 10\.9\.1\.9:24601 \(endpoint is 10\.9\.1\.77:24601/,
    withinMs: POLL_MS,
  });
  await mesh.lab.withdraw("n9");
  await until("n1 not to have it", async () => !await hasPeer());
});

Deno.test("the endpoint of a peer that spoke in the same second is altered: it is right again within 2.5 s", async () => {
  const probe = await mesh.probe();
  await probe.stop();
  // The peer's own next packet may be faster than the agent.
  await victim.heals({
    act: set("peer", keyOf(n2), "endpoint", "10.9.1.77:24601"),
    log: /./,
    withinMs: POLL_MS,
  });
});

Deno.test("through all of this no packet with a pod's address was readable on the underlay", async () => {
  await mesh.lab.catchUp(capture);
  const packets = await capture.stop();
  const readable = packets.filter((packet) => isWithin(packet, mesh.lab.podCIDRs));
  const shown = readable.slice(0, 10).map(({ source, destination, protocol }) =>
    `${source} ${destination} ${protocol}`
  );
  assert.ok(
    packets.filter((packet) => isWireGuard(packet)).length > 300,
    `only ${packets.length} packets were captured`,
  );
  assert.deepEqual(shown, [], `${readable.length} packets`);
});
