// Somebody changes our interface, routes or peers: traffic flows again in time, and nothing leaves in the clear meanwhile.
//
//   n1-pod ── n1 ══ tunnel ══ n2 ── n2-pod        everything happens to n1

import assert from "node:assert/strict";
import { HAS_KERNEL_WIREGUARD } from "../lab/kernel.ts";
import { isWireGuard, isWithin } from "../lab/frames.ts";
import { manifestOf } from "../lab/manifest.ts";
import type { Node } from "../lab/node.ts";
import { until } from "../lab/until.ts";
import { type Drift, pidOf, POLL_MS, Victim } from "./drift.ts";
import { readState } from "./state.ts";

const victim = await Victim.create();
const { mesh } = victim;
const [n1, n2] = mesh.nodes as [Node, Node];
const capture = await mesh.lab.capture();
Deno.test.afterAll(() => mesh.close());

const NETWORK: Readonly<Record<string, Drift>> = {
  "the interface's MTU is changed": {
    act: victim.on("ip", "link", "set", "wigglenet", "mtu", "1300"),
    log: /~ interface wigglenet: mtu 1420.*with mtu 1300/,
  },
  "an address is deleted": {
    act: victim.on("ip", "address", "del", "10.244.1.1/32", "dev", "wigglenet"),
    log: /\+ address wigglenet: 10\.244\.1\.1\/32/,
  },
  "an IPv6 address is deleted": {
    act: victim.on("ip", "address", "del", "fd00:10:244:1::1/128", "dev", "wigglenet"),
    log: /\+ address wigglenet: fd00:10:244:1::1\/128/,
  },
  "a foreign address is added": {
    act: victim.on("ip", "address", "add", "192.0.2.1/32", "dev", "wigglenet"),
    log: /- address wigglenet: 192\.0\.2\.1\/32/,
  },
  "an unreachable route is deleted": {
    act: victim.on("ip", "route", "del", "unreachable", "10.244.2.0/24"),
    log: /\+ route unreachable 10\.244\.2\.0\/24/,
  },
  "an IPv6 unreachable route is deleted": {
    act: victim.on("ip", "-6", "route", "del", "unreachable", "fd00:10:244:1::/64"),
    log: /\+ route unreachable fd00:10:244:1::\/64/,
  },
  "a route of our protocol is added": {
    act: victim.on("ip", "route", "add", "172.30.0.0/16", "dev", "wigglenet", "proto", "146"),
    log: /- route 172\.30\.0\.0\/16/,
  },
};

for (const [what, drift] of Object.entries(NETWORK)) {
  Deno.test(`${what}: all is as before within a second`, () => victim.heals(drift));
}

const TRAFFIC: Readonly<Record<string, Drift>> = {
  "a tunnel route is deleted": {
    act: victim.on("ip", "route", "del", "10.244.2.0/24", "dev", "wigglenet"),
    log: /\+ route 10\.244\.2\.0\/24 dev wigglenet/,
  },
  "an IPv6 tunnel route is deleted": {
    act: victim.on("ip", "-6", "route", "del", "fd00:10:244:2::/64", "dev", "wigglenet"),
    log: /\+ route fd00:10:244:2::\/64 dev wigglenet/,
  },
  "a tunnel route is led elsewhere": {
    act: victim.on("ip", "route", "replace", "10.244.2.0/24", "via", "10.9.1.254"),
    log: /\+ route 10\.244\.2\.0\/24 dev wigglenet/,
  },
  "the interface is set down": {
    act: victim.on("ip", "link", "set", "wigglenet", "down"),
    log: /~ interface wigglenet: .*up.*down/,
  },
  "the interface is deleted": {
    act: victim.on("ip", "link", "del", "wigglenet"),
    log: /\+ interface wigglenet: (tun|wireguard)/,
  },
};

for (const [what, drift] of Object.entries(TRAFFIC)) {
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
        const { stdout } = await n1.runAgent({ verb: "status" });
        return /waiting: interface wigglenet: it exists with kind veth/.test(stdout);
      }, { seen: () => n1.agent!.tail() });
      await n1.ip(["link del wigglenet"]);
    },
    log: /\+ interface wigglenet: (tun|wireguard)/,
  });
  await probe.flowing();
  await probe.stop();
});

const keyOf = (node: Node) => node.manifest.metadata.annotations!["wigglenet/public-key"]!;
const set = (...args: string[]) => victim.on("wg", "set", "wigglenet", ...args);

const POLLED: Readonly<Record<string, Drift>> = {
  "the interface is given another name": {
    act: () => n1.ip(["link set wigglenet down", "link set wigglenet name renamed"]),
    log: /\+ interface wigglenet: (tun|wireguard)/,
  },
  "a peer is removed": { act: set("peer", keyOf(n2), "remove"), log: /\+ peer n2: .*missing/ },
  "a peer's allowed IPs are altered": {
    act: set("peer", keyOf(n2), "allowed-ips", "10.244.2.0/25"),
    log: /~ peer n2: .*allowed IPs are/,
  },
  ...(HAS_KERNEL_WIREGUARD ? {} : {
    "wireguard-go is killed": {
      act: async () => Deno.kill(await serverOf(n1), "SIGKILL"),
      log: /\+ process wigglenet: wireguard-go/,
    },
  }),
};

for (const [what, drift] of Object.entries(POLLED)) {
  Deno.test(`${what}: traffic flows both ways again within 2.5 s`, () => {
    return victim.healsTraffic({ ...drift, withinMs: POLL_MS });
  });
}

const AT_REST: Readonly<Record<string, Drift>> = {
  "an unknown peer is added": {
    act: set("peer", "aW5zdGVhZCBvZiBhIHJlYWwga2V5IG9mIG5vZGUgMTE=", "allowed-ips", "10.244.77.0/24"),
    log: /- peer aW5zdGVhZ/,
  },
  "the port is changed": {
    act: set("listen-port", "24602"),
    log: /~ interface wigglenet: listen port 24601/,
  },
};

for (const [what, drift] of Object.entries(AT_REST)) {
  Deno.test(`${what}: all is as before within 2.5 s`, () => victim.heals({ ...drift, withinMs: POLL_MS }));
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

async function serverOf(node: Node): Promise<number> {
  return await pidOf(node, /wireguard-go\0-f\0wigglenet/) ??
    assert.fail(`no wireguard-go runs on ${node.name}`);
}
