// Host encryption as it lives: switched on node by node, forged at, meddled with, cut off from its key, switched off again. The API
// server, here a server on n1's address and port 6443, is reached from n2 all the while.
//
//   n2 ── asks every 50 ms ──> n1:6443          outsider: on the same LAN, with no key

import assert from "node:assert/strict";
import { type Body, frameOf, icmp, ipPacket, udp } from "../lab/craft.ts";
import type { Manifest } from "../lab/manifest.ts";
import type { Node } from "../lab/node.ts";
import { connect, listen } from "../lab/tcp.ts";
import { PATIENCE, until } from "../lab/until.ts";
import { Wire } from "../lab/wire.ts";
import { EVENT_MS, POLL_MS } from "../netns/drift.ts";
import { Mesh } from "../netns/mesh.ts";
import { differences } from "../netns/state.ts";

const REQUIRE = { "host-encryption": "require" };
const FAMILIES = [4, 6] as const;
const API = 6443;
const OTHER = 8080;

const mesh = await Mesh.create({ nodes: 3 });
const { lab } = mesh;
const [n1, n2, n3] = mesh.nodes as [Node, Node, Node];
for (const node of mesh.nodes) for (const port of [API, OTHER]) await listen(node, port);
const before = await Promise.all(mesh.nodes.map(stateOf));

/** Refusals and silences of the API server, as n2 has met them. */
const troubles: string[] = [];
let asked = 0;
let isAsking = true;
const asking = (async () => {
  while (isAsking) {
    for (const family of FAMILIES) {
      const found = await connect(n2, {
        address: n1.address(family)!,
        port: API,
        timeoutMs: 2_000 * PATIENCE,
      });
      asked++;
      if (!found.isOpen) troubles.push(`${asked}: IPv${family} ${found.reason}`);
    }
  }
})();
Deno.test.afterAll(async () => {
  isAsking = false;
  await asking;
  await mesh.close();
});

/** Rules, routes of all tables, and our table of nft without what counts. */
async function stateOf(node: Node): Promise<string> {
  const texts = await Promise.all([
    ...FAMILIES.flatMap((family) => [
      node.run(["ip", `-${family}`, "rule", "show"]),
      node.run(["ip", `-${family}`, "route", "show", "table", "all", "proto", "146"]),
    ]),
    node.run(["nft", "list", "table", "inet", "wigglenet"]),
  ]);
  return texts.join("").replaceAll(
    /packets \d+ bytes \d+| linkdown|\s*elements = \{[^}]* expires [^}]*\}/g,
    "",
  );
}

async function tries(from: Node, to: Node, port: number): Promise<boolean[]> {
  const found = await Promise.all(
    FAMILIES.map((family) =>
      connect(from, { address: to.address(family)!, port, timeoutMs: 500 * PATIENCE })
    ),
  );
  return found.map(({ isOpen }) => isOpen);
}

async function reaches(from: Node, to: Node, port: number): Promise<boolean> {
  const [ipv4, ipv6] = await tries(from, to, port);
  assert.equal(ipv4, ipv6, "both families alike");
  return ipv4!;
}

async function comesBack(from: Node, to: Node): Promise<void> {
  await until(`${from.name} to reach ${to.name}`, async () => (await tries(from, to, OTHER)).every(Boolean), {
    deadlineMs: 20_000,
    seen: () => lab.diagnose(),
  });
}

function saying(manifest: Manifest): Manifest {
  const annotations = { ...manifest.metadata.annotations, "wigglenet/host-encryption": "require" };
  return { ...manifest, metadata: { ...manifest.metadata, annotations } };
}

async function restart(node: Node, settings: Record<string, string>): Promise<void> {
  await node.agent!.kill("SIGTERM");
  node.startAgent({ settings });
  await node.inSync();
}

const NAMES = /host encryption with /;

Deno.test("switched on node by node: who does not take part yet is named, and what is not exempt waits for him", async () => {
  assert.ok(await reaches(n1, n2, OTHER));
  await restart(n1, REQUIRE);
  await n1.says("n2 and n3 do not take part", ({ waiting }) => {
    return waiting.some(({ what, isTrouble }) => what === "host encryption with n2, n3" && isTrouble);
  });
  assert.equal(await reaches(n2, n1, OTHER), false);
  assert.equal(await reaches(n1, n2, OTHER), false);
  assert.ok(await reaches(n2, n3, OTHER));
  await lab.publish(saying(n1.manifest));
  await n2.says("n1 takes part, and it does not", ({ waiting }) => {
    return waiting.some(({ what }) => what === "host encryption with n1");
  });
  for (const node of [n2, n3]) {
    await restart(node, REQUIRE);
    await lab.publish(saying(node.manifest));
  }
  for (const node of mesh.nodes) {
    await node.says("nobody is missing", ({ waiting }) => !waiting.some(({ what }) => NAMES.test(what)));
  }
  await comesBack(n1, n2);
  await comesBack(n2, n3);
});

/** Packets that our rule for plaintext has dropped. */
async function dropped(node: Node): Promise<number> {
  const text = await node.run(["nft", "list", "chain", "inet", "wigglenet", "host-plain"]);
  return Number(/counter packets (\d+)/.exec(text)![1]);
}

Deno.test("plaintext that is forged in another node's name is dropped, whatever port it comes from", async () => {
  const wire = new Wire(lab.outsider, "eth0");
  for (const family of FAMILIES) {
    const to = n1.address(family)!;
    await lab.outsider.ping(to);
    const [{ lladdr }] = JSON.parse(await lab.outsider.run(["ip", "-j", "neigh", "show", to])) as [
      { lladdr: string },
    ];
    const text = new TextEncoder().encode("forged");
    const echo = family === 4 ? icmp(1, [8, 0, 1], text) : icmp(58, [128, 0, 1], text);
    const bodies: Body[] = [echo, ...[22, 53, 6443, 40_000].map((port) => udp(port, 9_999, text))];
    const count = await dropped(n1);
    for (const body of bodies) {
      wire.send(frameOf(ipPacket({ source: n3.address(family)!, destination: to }, body), lladdr));
    }
    await until("all of it to be dropped", async () => await dropped(n1) >= count + bodies.length);
  }
  wire.close();
});

const NFT = "element inet wigglenet";
const drifts: Readonly<Record<string, string>> = {
  "the rule is deleted": "ip rule del pref 146",
  "the IPv6 rule is deleted": "ip -6 rule del pref 146",
  "the route into the tunnel is deleted": "ip route del default dev wigglenet table 146",
  "the unreachable route behind it is deleted": "ip -6 route del unreachable default table 146",
  "a rule of our number is added": "ip rule add pref 100 from 10.9.1.1 lookup main protocol 146",
  "a node's address is deleted": `nft delete ${NFT} host-peers-v4 { 10.9.1.2 }`,
  "an address of nobody is added": `nft add ${NFT} host-peers-v6 { fd09::99 }`,
  "a chain is emptied": "nft flush chain inet wigglenet host-mark",
  "the whole ruleset is flushed": "nft flush ruleset",
};

for (const [what, command] of Object.entries(drifts)) {
  Deno.test(`${what}: all is as before within a second`, async () => {
    const was = await stateOf(n1);
    await n1.run(command.split(" "));
    let now = "";
    const isBack = async () => {
      now = await stateOf(n1).catch(() => "");
      return differences(was, now) === "";
    };
    await until("n1 to be as before", isBack, {
      deadlineMs: EVENT_MS,
      seen: () => `${differences(was, now)}\n${n1.agent!.tail()}`,
    });
    await comesBack(n1, n2);
  });
}

Deno.test("a node whose interface loses its key, and then its file, comes back by itself", async () => {
  const was = await n1.run(["wg", "show", "wigglenet", "public-key"]);
  const key = await n1.run(["wg", "genkey"]);
  await n1.run(["wg", "set", "wigglenet", "private-key", "/dev/stdin"], { stdin: key });
  await until(
    "it to have its own again",
    async () => await n1.run(["wg", "show", "wigglenet", "public-key"]) === was,
    {
      deadlineMs: POLL_MS,
    },
  );
  await comesBack(n1, n2);
  await Deno.remove(`${n1.folder}/private.key`);
  await until(
    "the file to be there again",
    () => Deno.stat(`${n1.folder}/private.key`).then(() => true, () => false),
  );
  await comesBack(n1, n3);
});

Deno.test("kill -9 of the agent and its next start change nothing, and interrupt nothing", async () => {
  const was = await stateOf(n1);
  await n1.agent!.kill("SIGKILL");
  assert.ok(await reaches(n1, n2, OTHER));
  n1.startAgent({ settings: REQUIRE });
  await n1.inSync();
  assert.equal(differences(was, await stateOf(n1)), "");
  assert.deepEqual(n1.agent!.stderr.filter((line) => / info +[-+~] |error/.test(line)), []);
});

Deno.test("a Node that says by annotation that it is somebody else gets nothing of what is for him", async () => {
  const { manifest } = n3;
  const stolen = [n2.address(4)!, lab.outsiderAddresses[0]!];
  const annotations = {
    ...saying(manifest).metadata.annotations,
    "wigglenet/node-ips": JSON.stringify(stolen),
  };
  await lab.publish({ ...manifest, metadata: { ...manifest.metadata, annotations } });
  await n1.says(
    "n2's address stays n2's",
    ({ rejected }) => rejected.some(({ node, claim }) => node === "n3" && claim.includes(stolen[0]!)),
  );
  await n1.inSync();
  const set = await n1.run(["nft", "list", "set", "inet", "wigglenet", "host-peers-v4"]);
  assert.ok(!set.includes(stolen[1]!));
  await comesBack(n1, n2);
  assert.equal((await n1.ping(stolen[1]!)).received, 1);
  await lab.publish(saying(manifest));
});

Deno.test("switched off again on all nodes it leaves nothing, and cleanup leaves nothing either", async () => {
  for (const node of mesh.nodes) {
    await restart(node, {});
    await lab.publish(node.manifest);
  }
  for (const [i, node] of mesh.nodes.entries()) {
    await until(
      `${node.name} to be as it was without`,
      async () => differences(before[i]!, await stateOf(node)) === "",
      { seen: async () => differences(before[i]!, await stateOf(node)) },
    );
  }
  assert.ok(await reaches(n1, n2, OTHER));
  await restart(n2, REQUIRE);
  await n2.agent!.kill("SIGTERM");
  const { code, stdout, stderr } = await n2.runAgent({ verb: "cleanup" });
  assert.equal(code, 0, stderr);
  assert.match(stdout + stderr, /rule pref 146/);
  for (const family of FAMILIES) {
    assert.doesNotMatch(await n2.run(["ip", `-${family}`, "rule", "show"]), /146/);
    assert.equal(
      (await n2.attempt(["ip", `-${family}`, "route", "show", "table", "all", "proto", "146"])).stdout,
      "",
    );
  }
});

Deno.test("through all of this the API server was reached each time", () => {
  assert.ok(asked > 100, `asked ${asked} times`);
  assert.deepEqual(troubles, []);
});
