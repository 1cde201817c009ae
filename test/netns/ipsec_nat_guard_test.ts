// Nodes behind NATs by IPsec: what comes out of the interface that unwraps, what leaves beside it, and is all of it back when somebody breaks it?

import assert from "node:assert/strict";
import { type Body, frameOf, ipPacket, udp } from "../lab/craft.ts";
import { isWithin } from "../lab/frames.ts";
import { HAS_XFRM } from "../lab/kernel.ts";
import type { Node } from "../lab/node.ts";
import { until } from "../lab/until.ts";
import { Wire } from "../lab/wire.ts";
import { keysOn, settled } from "./associations.ts";
import type { Drift } from "./drift.ts";
import { ESP_PORT, NatMesh } from "./ipsec_nat_mesh.ts";
import type { Mesh } from "./mesh.ts";
import { insideOf } from "./nat_router.ts";
import { neighbourOf } from "./wrapped_shots.ts";

const ESP = 50;

const nat = await NatMesh.create();
Deno.test.afterAll(() => nat?.close());

/** A test of the mesh; without XFRM there is none. */
function test(name: string, run: (mesh: Mesh) => Promise<void>): void {
  Deno.test(`ipsec in udp: ${name} (kernel with XFRM)`, { ignore: !HAS_XFRM }, () => run(nat!.mesh));
}

/** What comes out of a packet of the port is this. */
function wrapped(inner: Uint8Array): Body {
  // VXLAN-GPE of our number, IPv4 in it (draft-ietf-nvo3-vxlan-gpe).
  const header = [0x0c, 0, 0, 1, 0, 0, 146, 0];
  return udp(40_000, ESP_PORT, new Uint8Array([...header, ...inner]));
}

/** What begins as an association of this number would; there is none. */
const UNKNOWN: Body = { protocol: ESP, bytes: Uint8Array.of(0, 0, 9, 9, 0, 0, 0, 1, ...new Uint8Array(60)) };
const ROUNDS = 3;

interface Inner {
  readonly source: string;
  readonly destination: string;
  readonly body: Body;
}

/** Packets to be wrapped, by what they are; the last one is what a node may send. */
function innerPackets([own, pod, other]: readonly [own: string, pod: string, other: string]): Readonly<
  Record<string, Inner>
> {
  const [peer, plain] = [insideOf(2), udp(20_000, 9_999, new Uint8Array(8))];
  const nested = ipPacket({ source: "10.244.2.9", destination: pod }, plain);
  return {
    "of another node's pod, to a pod": { source: "10.244.2.9", destination: pod, body: plain },
    "of a pod here, to a pod": { source: other, destination: pod, body: plain },
    "of a node, to a pod": { source: peer, destination: pod, body: plain },
    "of a node, to this node": { source: peer, destination: own, body: plain },
    "of anybody, to the pods' gateway": { source: "192.0.2.9", destination: "10.244.1.1", body: plain },
    "wrapped twice": { source: peer, destination: own, body: wrapped(nested) },
    "in IP in IP": { source: peer, destination: own, body: { protocol: 4, bytes: nested } },
    "ESP of nobody": { source: "192.0.2.9", destination: own, body: UNKNOWN },
    "ESP of a node, to a pod": { source: peer, destination: pod, body: UNKNOWN },
    "ESP of a node": { source: peer, destination: own, body: UNKNOWN },
  };
}

test("whoever wraps what he likes gets nothing out of it but ESP of a node, which no key proves", async (mesh) => {
  const [{ lab }, n1, pod1] = [mesh, mesh.nodes[0]!, mesh.pods[0]!];
  const [own, other] = [n1.address(4)!, await n1.addPod("n1-other")];
  const inner = innerPackets([own, pod1.address(4)!, other.address(4)!]);
  const count = async (pattern: RegExp, argv: readonly string[]) =>
    Number(pattern.exec(await n1.run(argv))![1]);
  const read = async () => [
    await count(/XfrmInNoStates\s+(\d+)/, ["cat", "/proc/net/xfrm_stat"]),
    await count(/counter packets (\d+)/, ["nft", "list", "chain", "inet", "wigglenet", "esp-of-nodes"]),
  ];
  const [lladdr, before] = [await neighbourOf(lab.outsider, own), await read()];
  const [wire, there] = [new Wire(lab.outsider, "eth0"), new Wire(pod1, "eth0")];
  const wanted = [before[0]! + ROUNDS, before[1]! + ROUNDS * (Object.keys(inner).length - 1)];
  try {
    for (let round = 0; round < ROUNDS; round++) {
      for (const { body, ...ends } of Object.values(inner)) {
        const outer = { source: lab.outsiderAddresses[0]!, destination: own };
        wire.send(frameOf(ipPacket(outer, wrapped(ipPacket(ends, body))), lladdr));
      }
    }
    await until("all of it to have come out", async () => {
      const [proven, dropped] = await read();
      return proven! >= wanted[0]! && dropped! >= wanted[1]!;
    }, { seen: async () => `${await read()}, wanted ${wanted}` });
    assert.deepEqual(await read(), wanted);
    assert.equal(there.receive().filter(({ destinationPort }) => destinationPort === 9_999).length, 0);
  } finally {
    for (const it of [wire, there]) it.close();
  }
});

test("nothing of ESP to a node behind a NAT leaves beside UDP, whatever is missing", async (mesh) => {
  const { lab, nodes: [n1], pods: [pod1, pod2] } = mesh;
  await n1!.agent!.kill("SIGKILL");
  const capture = await lab.capture();
  const breaks: readonly (readonly string[])[] = [
    ["ip", "route", "flush", "table", "146"],
    ["ip", "rule", "del", "pref", "146"],
    ["ip", "link", "del", "wigglenet-udp"],
  ];
  const drops = async () =>
    Number(
      /ip daddr @outer-v4 counter packets (\d+)/.exec(
        await n1!.run(["nft", "list", "chain", "inet", "wigglenet", "esp-exit"]),
      )![1],
    );
  let dropped = await drops();
  for (const argv of breaks) {
    await n1!.run(argv);
    assert.equal((await pod1!.ping(pod2!.address(4)!, { timeoutMs: 300 })).received, 0);
    assert.ok(await drops() > dropped, `${argv.join(" ")}: it did not come that far`);
    dropped = await drops();
  }
  await lab.catchUp(capture);
  const packets = await capture.stop();
  assert.deepEqual(packets.filter(({ protocol }) => protocol === ESP), []);
  assert.deepEqual(packets.filter((packet) => isWithin(packet, lab.podCIDRs)), []);
  n1!.startAgent({ settings: mesh.settings });
  await mesh.reachable(60_000);
  await settled(mesh);
});

const ip = (...args: string[]) => nat!.victim.on("ip", ...args);
const drifts: Readonly<Record<string, () => Drift>> = {
  "a route of the table is deleted": () => ({
    act: ip("route", "del", "192.168.2.2", "table", "146"),
    log:
      /\+ route IPv4: 192\.168\.2\.2\/32 encap ip id 146 src 10\.9\.1\.1 dst 10\.9\.1\.62 dev wigglenet-udp/,
  }),
  "a route of the table leads elsewhere": () => ({
    act: ip(
      ..."route replace 192.168.2.2 encap ip id 146 src 10.9.1.1 dst 10.9.1.99 dev wigglenet-udp proto 146 table 146"
        .split(" "),
    ),
    log:
      /\+ route IPv4: 192\.168\.2\.2\/32 encap ip id 146 src 10\.9\.1\.1 dst 10\.9\.1\.62 dev wigglenet-udp/,
  }),
  "the rule is deleted": () => ({
    act: ip("rule", "del", "pref", "146"),
    log: /\+ rule IPv4: pref 146 fwmark 0x1000\/0x1000 lookup 146/,
  }),
  "the interface is deleted": () => ({
    act: ip("link", "del", "wigglenet-udp"),
    log: /\+ interface wigglenet-udp: vxlan, UDP port 24606/,
    withinMs: 3_000,
  }),
  "the interface is set down": () => ({
    act: ip("link", "set", "wigglenet-udp", "down"),
    log: /~ interface wigglenet-udp: mtu 1464, up/,
    withinMs: 3_000,
  }),
};
for (const [what, drift] of Object.entries(drifts)) {
  test(`${what}: traffic flows both ways again`, async () => await nat!.victim.healsTraffic(drift()));
}

test("an association that loses its mark is replaced, by other keys", async (mesh) => {
  const [n1] = mesh.nodes as [Node];
  await settled(mesh);
  const text = await n1.run(["ip", "xfrm", "state", "list"]);
  const block = text.split(/\n(?=src)/).find((it) => it.startsWith("src 10.9.1.1 dst 192.168.2.2"))!;
  const [, spi, key] = /spi (0x[0-9a-f]+)[^]*?aead rfc4106\(gcm\(aes\)\) (0x[0-9a-f]+)/.exec(block)!;
  const words = `xfrm state update src 10.9.1.1 dst 192.168.2.2 proto esp spi ${spi} reqid 146 mode tunnel ` +
    "if_id 146 output-mark 0x7 mask 0x7 replay-window 256 flag af-unspec esn aead";
  await n1.run(["ip", ...words.split(" "), "rfc4106(gcm(aes))", key!, "128"]);
  await until("other keys", async () => !(await keysOn(n1)).includes(`${spi} ${key}`), {
    deadlineMs: 60_000,
  });
  await mesh.reachable(60_000);
  await settled(mesh);
});
