// TRANSPORT_IPV4 and _IPV6=native: somebody else routes, here by hand; the agent makes firewall, masquerade, policies and the CNI file.
//
//   n1, n2, n3 on 10.9.1.0/24 and fd09::/64, with routes to each other's pods that no agent has made

import assert from "node:assert/strict";
import { manifestOf } from "../lab/manifest.ts";
import type { Node } from "../lab/node.ts";
import type { Pod } from "../lab/pod.ts";
import { connect, listen } from "../lab/tcp.ts";
import { Victim } from "../netns/drift.ts";
import { mediaOf, passesFull, policyDecides, saying } from "../netns/transports.ts";

const FILTERED = { "filter-ipv4": "true", "filter-ipv6": "true" };
const settingsOf = (name: string) => ({ ...FILTERED, "transport-ipv4": name, "transport-ipv6": name });
const PORT = 8_080;
const NATIVE = settingsOf("native");

/** Behind what an agent would make, were it to route. */
function byHand(node: Node, all: readonly Node[]): string[] {
  return all.filter((other) => other !== node).flatMap((other) =>
    other.podCIDRs.map((prefix) =>
      `route add ${prefix} via ${other.address(prefix.includes(":") ? 6 : 4)} metric 20000`
    )
  );
}

const victim = await Victim.create({ nodes: [1, 2, 3].map((i) => manifestOf(i)) }, NATIVE, (lab) => {
  for (const node of lab.nodes) void node.ip(byHand(node, lab.nodes));
});
const { mesh } = victim;
const [n1] = mesh.nodes as [Node];
Deno.test.afterAll(() => mesh.close());

Deno.test("pods of three nodes reach each other as they are routed, full packets pass, and the agent makes neither interface nor route", async () => {
  for (const node of mesh.nodes) await node.inSync();
  assert.deepEqual(await mediaOf(mesh), ["v4", "v6"]);
  const [from, ...others] = mesh.pods as [Pod, ...Pod[]];
  for (const to of others) await passesFull(from, to, 1_500);
  assert.doesNotMatch(await n1.run(["ip", "-br", "link", "show"]), /wigglenet/);
  for (const family of ["-4", "-6"]) {
    assert.equal(await n1.run(["ip", family, "route", "show", "proto", "146"]), "");
  }
  const { code, stdout, stderr } = await n1.runAgent({ verb: "diff", settings: NATIVE });
  assert.equal(code, 0, stdout + stderr);
  assert.match((await n1.runAgent({ verb: "status" })).stdout, /it is routed natively/);
});

const drifts = {
  "the ruleset is flushed": { act: victim.on("nft", "flush", "ruleset"), log: /[~+] table inet wigglenet/ },
  "other nodes' pods are taken out of the sets": {
    act: victim.on("nft", "flush", "set", "inet", "wigglenet", "pod-cidrs-v6"),
    log: /\+ element pod-cidrs-v6/,
  },
};

for (const [what, drift] of Object.entries(drifts)) {
  Deno.test(`native: ${what}: all is as before, and traffic flows both ways`, () =>
    victim.healsTraffic(drift));
}

Deno.test("native: who is no pod reaches none, whatever somebody else's routes lead there", async () => {
  const [pod, other] = mesh.pods as [Pod, Pod];
  await listen(pod, PORT);
  for (const family of [4, 6] as const) {
    const end = { address: pod.address(family)!, port: PORT };
    assert.equal((await connect(other, end)).isOpen, true, `IPv${family}, from a pod`);
    assert.equal((await connect(n1, end)).isOpen, true, `IPv${family}, from its own node`);
    assert.equal((await connect(mesh.lab.outsider, end)).isOpen, false, `IPv${family}, from outside`);
  }
});

Deno.test("native: a NetworkPolicy decides who reaches a pod", () => policyDecides(mesh));

for (const transport of ["direct", "native"]) {
  Deno.test(`native and direct: to ${transport}, node by node, no packet is lost`, async () => {
    const probe = await mesh.probe();
    for (const node of mesh.nodes) {
      await node.agent!.kill("SIGTERM");
      node.startAgent({ settings: settingsOf(transport) });
      await node.inSync();
      // An agent of native routing says nothing of it, as the original: somebody has put that into the manifest.
      await mesh.lab.publish(saying(node.manifest, `ipv4=${transport},ipv6=${transport}`));
      for (const each of mesh.nodes) await each.inSync();
    }
    await probe.flowing();
    const { there, back } = await probe.stop();
    assert.deepEqual([there, back].map(({ sent, received }) => Math.max(0, sent - received)), [0, 0]);
    const { stdout } = await n1.attempt(["ip", "route", "get", mesh.pods[1]!.address(4)!]);
    assert.match(stdout, /via 10\.9\.1\.2 dev eth0/);
    const routes = await n1.run(["ip", "route", "show", "proto", "146"]);
    assert.equal(routes.includes("10.244.2.0/24 via "), transport === "direct", routes);
  });
}
