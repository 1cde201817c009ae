// HOST_ENCRYPTION=require on whole nodes: what they say to each other by their own addresses, and what must work without a tunnel.
//
//   n1 ══ tunnel ══ n2 ══ tunnel ══ n3        each with a pod; on the underlay nothing of this may be read

import assert from "node:assert/strict";
import type { Packet } from "../lab/frames.ts";
import { isWireGuard } from "../lab/frames.ts";
import { addressesOf, manifestOf } from "../lab/manifest.ts";
import type { Node } from "../lab/node.ts";
import type { Pod } from "../lab/pod.ts";
import { connect, listen } from "../lab/tcp.ts";
import { until } from "../lab/until.ts";
import { bytesOf } from "../lab/craft.ts";
import { sendUdp } from "../lab/wire.ts";
import { Mesh } from "./mesh.ts";

const SETTINGS = { "host-encryption": "require" };
const FAMILIES = [4, 6] as const;
const API = 6443;
const OTHER = 8080;

const manifests = [1, 2, 3].map((i) => {
  const manifest = manifestOf(i);
  return {
    ...manifest,
    metadata: { ...manifest.metadata, annotations: { "wigglenet/host-encryption": "require" } },
  };
});
const mesh = await Mesh.create({ nodes: manifests }, SETTINGS);
const { lab } = mesh;
const [n1, n2, n3] = mesh.nodes as [Node, Node, Node];
const [pod1] = mesh.pods as [Pod];
Deno.test.afterAll(() => mesh.close());
for (const node of mesh.nodes) for (const port of [22, API, OTHER]) await listen(node, port);
const capture = await lab.capture();

const HOSTS: ReadonlySet<string> = new Set(manifests.flatMap(addressesOf));
/** Neighbour discovery, RFC 4861. */
const isNeighbours = ({ protocol, payload }: Packet) =>
  protocol === 58 && payload[0]! >= 133 && payload[0]! <= 137;

/** Packets between two nodes that anybody on the way can read. */
function readable(): string[] {
  return capture.packets.filter((packet) =>
    HOSTS.has(packet.source) && HOSTS.has(packet.destination) && !isWireGuard(packet) && !isNeighbours(packet)
  ).map(({ source, destination, protocol, sourcePort, destinationPort }) =>
    `${source} ${sourcePort ?? ""} > ${destination} ${destinationPort ?? ""} ${protocol}`
  );
}

/** What of that was there during an act. */
async function readableWhile(act: () => Promise<unknown>): Promise<string[]> {
  await lab.catchUp(capture);
  const before = readable().length;
  await act();
  await lab.catchUp(capture);
  return readable().slice(before);
}

async function reaches(from: Node | Pod, to: Node, port: number): Promise<boolean[]> {
  const found = await Promise.all(
    FAMILIES.map((family) => connect(from, { address: to.address(family)!, port })),
  );
  return found.map(({ isOpen }) => isOpen);
}

const BOTH = [true, true];
const NEITHER = [false, false];

async function comesBack(from: Node, to: Node): Promise<void> {
  await until(
    `${from.name} to reach ${to.name}`,
    async () => (await reaches(from, to, OTHER)).every(Boolean),
    {
      deadlineMs: 20_000,
      seen: () => lab.diagnose(),
    },
  );
}

Deno.test("TCP, UDP and ICMP between node addresses work, and nothing of it can be read on the way", async () => {
  const seen = await readableWhile(async () => {
    for (const [from, to] of [[n1, n2], [n2, n3], [n3, n1]] as const) {
      assert.deepEqual(await reaches(from, to, OTHER), BOTH);
      for (const family of FAMILIES) {
        const address = to.address(family)!;
        assert.equal((await from.ping(address)).received, 1);
        sendUdp(from, {
          address: bytesOf(address),
          ports: [0, 9_998],
          payload: new TextEncoder().encode("readable"),
        });
      }
    }
    assert.deepEqual(await reaches(pod1, n2, OTHER), BOTH);
  });
  assert.deepEqual(seen, []);
  assert.ok(capture.packets.filter((packet) => isWireGuard(packet)).length > 30);
});

Deno.test("SSH and the API server are reached beside the tunnel", async () => {
  const seen = await readableWhile(async () => {
    for (const port of [22, API]) assert.deepEqual(await reaches(n1, n2, port), BOTH);
    assert.deepEqual(await reaches(pod1, n2, API), BOTH);
  });
  assert.ok(seen.length > 10);
  for (const line of seen) assert.match(line, / (22|6443) /);
});

Deno.test("while the tunnel is gone they are reached, nothing else is, and nothing else is sent; then all is again", async () => {
  await n1.agent!.kill("SIGKILL");
  await n1.run(["ip", "link", "del", "wigglenet"]);
  const seen = await readableWhile(async () => {
    for (const port of [22, API]) {
      assert.deepEqual(await reaches(n1, n2, port), BOTH);
      assert.deepEqual(await reaches(n2, n1, port), BOTH);
    }
    assert.deepEqual(await reaches(n1, n2, OTHER), NEITHER);
    assert.deepEqual(await reaches(n2, n1, OTHER), NEITHER);
  });
  for (const line of seen) assert.match(line, / (22|6443) /);
  n1.startAgent({ settings: SETTINGS });
  await comesBack(n1, n2);
});
