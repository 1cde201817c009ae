// HOST_ENCRYPTION=require on whole nodes: what they say to each other by their own addresses, and what must work without a tunnel.
//
//   n1 ══ tunnel ══ n2 ══ tunnel ══ n3        each with a pod; on the underlay nothing of this may be read

import assert from "node:assert/strict";
import type { Packet } from "../lab/frames.ts";
import { isWireGuard } from "../lab/frames.ts";
import { addressesOf, manifestOf } from "../lab/manifest.ts";
import type { Node } from "../lab/node.ts";
import type { Pod } from "../lab/pod.ts";
import { fetchBulk, serveBulk } from "../lab/bulk.ts";
import { connect, listen } from "../lab/tcp.ts";
import { PATIENCE, until } from "../lab/until.ts";
import { bytesOf } from "../lab/craft.ts";
import { sendUdp } from "../lab/wire.ts";
import { Mesh } from "../netns/mesh.ts";

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
const [pod1, pod2] = mesh.pods as [Pod, Pod];
Deno.test.afterAll(() => mesh.close());
for (const node of mesh.nodes) for (const port of [22, API, OTHER]) await listen(node, port);
const capture = await lab.capture();
/** Packets that each node has dropped as plaintext; before its agent ran, a node's kernel may have sent some to others. */
const dropped = () =>
  Promise.all(mesh.nodes.map(async (node) => {
    const chain = await node.run(["nft", "list", "chain", "inet", "wigglenet", "host-plain"]);
    return Number(/counter packets (\d+)/.exec(chain)![1]);
  }));
const droppedBefore = await dropped();

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
    FAMILIES.map((family) =>
      connect(from, { address: to.address(family)!, port, timeoutMs: 1_000 * PATIENCE })
    ),
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

Deno.test("full packets of TCP fit the tunnel: none travels in fragments, and nothing of a megabyte can be read", async () => {
  await serveBulk(n2);
  const fragments = () => capture.packets.filter(({ protocol }) => protocol === 44).length;
  const seen = await readableWhile(async () => {
    for (const family of FAMILIES) {
      const { streamed } = await fetchBulk(n1, { address: n2.address(family)!, bytes: 1_000_000 });
      assert.equal(streamed, 1_000_000);
    }
  });
  assert.deepEqual(seen, []);
  assert.equal(fragments(), 0);
  const [{ metrics }] = JSON.parse(await n1.run(["ip", "-j", "route", "get", n2.address(4)!])) as [
    { metrics?: unknown },
  ];
  assert.equal(metrics, undefined, "no MTU is remembered for the way to the peer itself");
});

Deno.test("what a node's port leads to a pod is reached by other nodes and their pods, unreadable, also where the pod's port is exempt", async () => {
  const server = await n2.addPod("n2-server", [
    { hostPort: 8088, containerPort: OTHER, protocol: "tcp" },
    { hostPort: 8053, containerPort: 53, protocol: "tcp" },
  ]);
  for (const port of [OTHER, 53]) await listen(server, port);
  const seen = await readableWhile(async () => {
    for (const from of [n1, pod1]) {
      for (const port of [8088, 8053]) {
        assert.deepEqual(await reaches(from, n2, port), BOTH, `${from.name} ${port}`);
      }
    }
  });
  assert.deepEqual(seen, []);
  await server.remove();
});

Deno.test("a second address of the node is known to nobody else: what it sends has one that is", async () => {
  await n1.ip(["address add 192.0.2.77/32 dev lo"]);
  const seen = await readableWhile(async () => {
    const { code } = await n1.attempt([
      "ping",
      "-n",
      "-c",
      "1",
      "-W",
      "2",
      "-I",
      "192.0.2.77",
      n2.address(4)!,
    ]);
    assert.equal(code, 0);
  });
  assert.deepEqual(seen, []);
  await n1.ip(["address del 192.0.2.77/32 dev lo"]);
});

Deno.test("strict rp_filter leaves the tunnel and the API server alone; what it drops is told, and mended where sysctls are managed", async () => {
  await n2.sysctl("1", ["net.ipv4.conf.all.rp_filter"]);
  await n2.agent!.kill("SIGTERM");
  n2.startAgent({ settings: SETTINGS });
  await n2.says(
    "rp_filter is strict",
    ({ waiting }) => waiting.some(({ what }) => what === "rp_filter of wigglenet"),
  );
  assert.deepEqual(await reaches(n1, n2, API), BOTH);
  assert.equal((await pod1.ping(pod2.address(4)!)).received, 1);
  assert.deepEqual(await reaches(n1, n2, OTHER), [false, true]);
  await n2.agent!.kill("SIGTERM");
  n2.startAgent({ settings: { ...SETTINGS, "manage-sysctls": "true" } });
  await comesBack(n1, n2);
  await n2.sysctl("0", ["net.ipv4.conf.all.rp_filter", "net.ipv4.conf.wigglenet.rp_filter"]);
});

Deno.test("diff finds nothing to do, and check nothing to tell of it", async () => {
  const { code, stdout } = await n3.runAgent({ verb: "diff", settings: SETTINGS });
  assert.equal(code, 0, stdout);
  const told = await n3.runAgent({ verb: "check", settings: SETTINGS });
  assert.doesNotMatch(told.stdout, /host encryption|rp_filter|node address/);
});

Deno.test("nothing of all that nodes have sent since was taken for forged", async () => {
  assert.deepEqual(await dropped(), droppedBefore);
});
