// CNI_BRIDGE: pods hang on one bridge, and reach nobody over it but their node, by real plugins and packets.
//
//   n1-pod ──┐                          ┌══ n2 ── wigglenet-br ── n2-pod
//   n1-other ┴── wigglenet-br ── n1 ════┴══ n3 ── wigglenet-br ── n3-pod

import assert from "node:assert/strict";
import { BRIDGE_ADDRESS } from "../../src/core/bridge/names.ts";
import { frameOf, icmp, ipPacket, udp } from "../lab/craft.ts";
import type { Family } from "../lab/manifest.ts";
import type { Node } from "../lab/node.ts";
import type { Pod } from "../lab/pod.ts";
import { policyObject, putFile, putPods, removeFile } from "../lab/policy_files.ts";
import { until } from "../lab/until.ts";
import { Wire } from "../lab/wire.ts";
import { bridgeDrifts } from "./bridge_drifts.ts";
import { Victim } from "./drift.ts";
import { passesFull } from "./transports.ts";

const FAMILIES = [4, 6] as const;
const BRIDGED = { "cni-bridge": "true" };
const BRIDGE = "wigglenet-br";
const PORT = 9_999;

/** Of the tunnel. */
const MTU = 1_420;

const victim = await Victim.create({ nodes: 3 }, BRIDGED);
const { mesh } = victim;
const { lab } = mesh;
const [n1] = mesh.nodes as [Node];
const [pod, far] = mesh.pods as [Pod, Pod];
const other = await n1.addPod("n1-other");
mesh.pods.push(other);
Deno.test.afterAll(() => mesh.close());
// Emulated, an agent reads its rules long after pods reach each other.
for (const node of mesh.nodes) await node.inSync();

async function macOf(host: Pod, device: string): Promise<string> {
  const [link] = JSON.parse(await host.run(["ip", "-j", "link", "show", "dev", device])) as [
    { address: string },
  ];
  return link.address;
}

Deno.test("pods of one node and of three reach each other, full packets pass; the bridge takes no more than its ports", async () => {
  await mesh.reachable();
  for (const to of [other, far]) await passesFull(pod, to, MTU);
  const ports = JSON.parse(await n1.run(["ip", "-j", "-d", "link", "show", "master", BRIDGE])) as {
    readonly mtu: number;
    readonly linkinfo: { readonly info_slave_data: { readonly hairpin: boolean } };
  }[];
  assert.deepEqual(ports.map(({ linkinfo }) => linkinfo.info_slave_data.hairpin), [true, true]);
  const [bridge] = JSON.parse(await n1.run(["ip", "-j", "link", "show", "dev", BRIDGE])) as [{ mtu: number }];
  assert.deepEqual(ports.map(({ mtu }) => mtu), [bridge.mtu, bridge.mtu]);
  await until("the ports to be marked, and nothing to be left to do", async () => {
    return (await n1.runAgent({ verb: "diff", settings: mesh.settings })).stdout === "";
  });
  const { stdout } = await n1.runAgent({ verb: "status" });
  assert.match(stdout, /not guarded: pods of this node from each other's addresses \(CNI_BRIDGE\)/);
});

async function reaches(from: Pod, to: Pod): Promise<boolean[]> {
  return await Promise.all(
    FAMILIES.map(async (family) => (await from.ping(to.address(family)!, { timeoutMs: 300 })).received === 1),
  );
}

async function becomes(from: Pod, to: Pod, isOpen: boolean): Promise<void> {
  await until(`${to.name} to be ${isOpen ? "open" : "closed"} for ${from.name}`, async () => {
    return (await reaches(from, to)).every((isThere) => isThere === isOpen);
  }, { seen: () => lab.diagnose() });
}

async function isPoliced(): Promise<void> {
  await putPods(lab, mesh.pods);
  const from = [{ podSelector: { matchLabels: { app: far.name } } }];
  await putFile(lab, policyObject("only-far", pod.name, { policyTypes: ["Ingress"], ingress: [{ from }] }));
  await becomes(other, pod, false);
  await becomes(far, pod, true);
  assert.deepEqual(await reaches(pod, other), [true, true], "what goes out, and its answers, pass");
  for (const family of FAMILIES) {
    assert.equal((await n1.ping(pod.address(family)!)).received, 1, "the node reaches its own pod");
  }
  await removeFile(lab, "NetworkPolicy", "only-far");
  await becomes(other, pod, true);
}

Deno.test("a NetworkPolicy decides between pods of one node", isPoliced);

/** A Service of one endpoint, in rules of others. */
const SERVICES = `
table inet services {
  chain prerouting {
    type nat hook prerouting priority dstnat;
    ip daddr 10.96.0.1 dnat ip to ${pod.address(4)}
    ip6 daddr fd96::1 dnat ip6 to ${pod.address(6)}
  }
  chain postrouting {
    type nat hook postrouting priority srcnat;
    ip saddr ${pod.address(4)} ip daddr ${pod.address(4)} masquerade
    ip6 saddr ${pod.address(6)} ip6 daddr ${pod.address(6)} masquerade
  }
}`;

async function isServed(): Promise<void> {
  await n1.run(["nft", "-f", "-"], { stdin: SERVICES });
  for (const from of [other, pod]) {
    for (const address of ["10.96.0.1", "fd96::1"]) {
      const { received, trouble } = await from.ping(address);
      assert.equal(received, 1, `${from.name} to ${address}: ${trouble}`);
    }
  }
  await n1.run(["nft", "delete", "table", "inet", "services"]);
}

Deno.test("by a Service a pod reaches another one of its node, and itself", isServed);

const hasNetfilter = (await n1.attempt(["test", "-e", "/proc/sys/net/bridge"])).code === 0;
for (const [value, what] of [["1", "takes"], ["0", "does not take"]] as const) {
  Deno.test({
    name:
      `where br_netfilter ${what} frames through the rules of IP, neighbours, policies and Services are as ever`,
    ignore: !hasNetfilter,
    fn: async () => {
      await n1.sysctl(value, ["iptables", "ip6tables"].map((what) => `net.bridge.bridge-nf-call-${what}`));
      for (const each of [pod, other]) await each.run(["ip", "neigh", "flush", "dev", "eth0"]);
      await mesh.reachable();
      await isServed();
      await isPoliced();
    },
  });
}

/** Which of these come from one pod to another by the time that an honest packet does; told apart by the port they come from. */
async function arriving(
  { from, to, family }: { from: Pod; to: Pod; family: Family },
  make: (sourcePort: number, name: string) => Uint8Array<ArrayBuffer>,
  names: readonly string[],
): Promise<string[]> {
  const [out, there] = [new Wire(from, "eth0"), new Wire(to, "eth0")];
  const seen = new Set<number>();
  const honest = frameOf(
    ipPacket({ source: from.address(family)!, destination: to.address(family)! }, udp(21_000, PORT, BODY)),
    BRIDGE_ADDRESS,
  );
  try {
    await until(`the honest packet to arrive over IPv${family}`, () => {
      names.forEach((name, i) => out.send(make(20_000 + i, name)));
      out.send(honest);
      for (const { destinationPort, sourcePort } of there.receive()) {
        if (destinationPort === PORT) seen.add(sourcePort!);
      }
      return seen.has(21_000);
    });
  } finally {
    out.close();
    there.close();
  }
  return names.filter((_, i) => seen.has(20_000 + i));
}

const BODY = new TextEncoder().encode("hello");

for (const family of FAMILIES) {
  Deno.test(`IPv${family}: nothing comes from pod to pod by broadcast or multicast frames, nor with a VLAN tag`, async () => {
    const source = other.address(family)!;
    const own = await macOf(pod, "eth0");
    const frames: Readonly<Record<string, readonly [string, string]>> = {
      "a packet for the pod in a broadcast frame": [pod.address(family)!, "ff:ff:ff:ff:ff:ff"],
      "one in a multicast frame": [pod.address(family)!, "01:00:5e:00:00:fb"],
      "multicast": [
        family === 4 ? "224.0.0.251" : "ff02::fb",
        family === 4 ? "01:00:5e:00:00:fb" : "33:33:00:00:00:fb",
      ],
      "with a tag": [pod.address(family)!, own],
    };
    const make = (port: number, name: string) => {
      const [destination, mac] = frames[name]!;
      const frame = frameOf(ipPacket({ source, destination }, udp(port, PORT, BODY)), mac);
      return name === "with a tag" ? tagged(frame) : frame;
    };
    assert.deepEqual(await arriving({ from: other, to: pod, family }, make, Object.keys(frames)), []);
    const straight = (port: number) =>
      frameOf(ipPacket({ source, destination: pod.address(family)! }, udp(port, PORT, BODY)), own);
    const name = "to the other's own MAC: routed all the same";
    assert.deepEqual(await arriving({ from: other, to: pod, family }, straight, [name]), [name]);
  });

  Deno.test(`IPv${family}: given up: over a bridge a pod sends with the address of another pod of its node`, async () => {
    const third = await n1.addPod(`n1-third-${family}`);
    const make = (port: number) =>
      frameOf(
        ipPacket(
          { source: third.address(family)!, destination: pod.address(family)! },
          udp(port, PORT, BODY),
        ),
        BRIDGE_ADDRESS,
      );
    assert.deepEqual(await arriving({ from: other, to: pod, family }, make, ["forged"]), ["forged"]);
    await third.remove();
  });

  Deno.test(`IPv${family}: a pod on the bridge has no address of another node's pods`, async () => {
    const make = (port: number) =>
      frameOf(
        ipPacket({ source: far.address(family)!, destination: pod.address(family)! }, udp(port, PORT, BODY)),
        BRIDGE_ADDRESS,
      );
    assert.deepEqual(await arriving({ from: other, to: pod, family }, make, ["forged"]), []);
  });

  Deno.test(`IPv${family}: who answers for a neighbour among pods is sent nothing`, async () => {
    const address = pod.address(family)!;
    const thief = await n1.addPod(`n1-thief-${family}`);
    await other.ip([`neigh replace ${address} lladdr ${await macOf(thief, "eth0")} dev eth0 nud permanent`]);
    assert.equal((await other.ping(address)).received, 1);
    await other.ip([`neigh del ${address} dev eth0`]);
    await thief.remove();
  });
}

/** IEEE 802.1Q, VLAN 5. */
function tagged(frame: Uint8Array): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(frame.length + 4);
  all.set(frame.subarray(0, 12));
  all.set([0x81, 0, 0, 5], 12);
  all.set(frame.subarray(12), 16);
  return all;
}

Deno.test("a pod is no router for its neighbours", async () => {
  // RFC 4861: a lifetime of an hour, no options.
  const body = icmp(58, [134, 0, 0x40000e10], new Uint8Array(8));
  const frame = frameOf(
    ipPacket({ source: "fe80::1", destination: "ff02::1", hopLimit: 255 }, body),
    "33:33:00:00:00:01",
  );
  const [out, there] = [new Wire(other, "eth0"), new Wire(pod, "eth0")];
  let announced = 0;
  await until("a ping to come behind it", async () => {
    out.send(frame);
    const { received } = await other.ping(pod.address(6)!, { timeoutMs: 300 });
    announced += there.receive().filter(({ protocol, payload }) =>
      protocol === 58 && payload[0] === 134
    ).length;
    return received === 1;
  });
  out.close();
  there.close();
  assert.equal(announced, 0);
});

for (const [what, drift] of Object.entries(bridgeDrifts(victim, BRIDGE))) {
  Deno.test(`the bridge: ${what}: traffic flows both ways again in time`, async () => {
    // Ports are marked, and contents of policies that nobody is bound to go, some time later: until then this is no state to come back to.
    await until("ports to be marked, and what the policies left to go", async () => {
      const marked = await n1.run(["ip", "-br", "link", "show", "group", "148"]);
      const table = await n1.run(["nft", "list", "table", "inet", "wigglenet"]);
      return marked.trim().split("\n").length >= 2 && !/chain [ei][46]-/.test(table);
    });
    await victim.healsTraffic(drift);
    await mesh.reachable();
  });
}

Deno.test("an agent that is killed and started anew costs no packet on the bridge", async () => {
  const probe = await mesh.probe();
  await n1.agent!.kill("SIGKILL");
  n1.startAgent({ settings: mesh.settings });
  await n1.inSync();
  const { there, back } = await probe.stop();
  assert.deepEqual([there.sent - there.received, back.sent - back.received].map((n) => Math.max(0, n)), [
    0,
    0,
  ]);
});

Deno.test("cleanup leaves neither bridge nor rules", async () => {
  await n1.agent!.kill("SIGTERM");
  const { code, stdout, stderr } = await n1.runAgent({ verb: "cleanup", settings: mesh.settings });
  assert.equal(code, 0, stdout + stderr);
  assert.match(stdout, /interface wigglenet-br/);
  assert.match(stdout, /table bridge wigglenet/);
  assert.notEqual((await n1.attempt(["ip", "link", "show", BRIDGE])).code, 0);
  assert.equal((await n1.run(["nft", "list", "tables"])).trim(), "");
});
