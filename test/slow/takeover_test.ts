// A cluster changes from the original to this agent, node by node, and back, under traffic between all pods.
//
//   n1: original, then ours ══ n2: original, then ours ══ n3: original, then ours      (all peers of all)

import assert from "node:assert/strict";
import migrate from "../../docs/migrate.md" with { type: "text" };
import { snippetsIn } from "../docs/snippets.ts";
import { Lab } from "../lab/lab.ts";
import type { Node } from "../lab/node.ts";
import { annotated, installOriginal, syncOriginal } from "../lab/original.ts";
import { Traffic } from "../lab/traffic.ts";
import { until } from "../lab/until.ts";
import { losing } from "../netns/losses.ts";

const FILTERED = { "filter-ipv4": "true", "filter-ipv6": "true" };

/** Three nodes that the original runs on, a pod on each, traffic in all directions. */
async function cluster(lab: Lab): Promise<Traffic> {
  for (const node of lab.nodes) {
    await lab.publish(annotated(node.manifest));
    await installOriginal(node, lab.nodes.filter((other) => other !== node));
  }
  const ends = new Map<string, Node["pods"][number]>();
  for (const node of lab.nodes) ends.set(node.name, await node.addPod(`${node.name}-pod`));
  return await Traffic.start(ends);
}

/** What must not change: the interface itself, its key, its peers with their places. */
async function identityOf(node: Node): Promise<string> {
  const [link] = JSON.parse(await node.run(["ip", "-j", "link", "show", "dev", "wigglenet"]));
  const shown = await Promise.all(
    ["public-key", "private-key", "listen-port", "peers", "endpoints"].map((what) =>
      node.run(["wg", "show", "wigglenet", what])
    ),
  );
  // wg lists peers in no order of its own.
  return [`index ${link.ifindex}`, ...shown.map((text) => text.split("\n").sort().join("\n"))].join("\n");
}

/** Routes into the tunnel, in the main table, that are neither ours nor the kernel's own. */
async function foreignRoutes(node: Node): Promise<string[]> {
  const outputs = await Promise.all(
    ["-4", "-6"].map((family) => node.run(["ip", family, "route", "show", "dev", "wigglenet"])),
  );
  return outputs.flatMap((text) => text.split("\n")).filter((line) =>
    line.trim() !== "" && !/ proto (146|kernel) /.test(line)
  );
}

async function assertOurs(node: Node): Promise<void> {
  const table = await node.run(["nft", "list", "table", "inet", "wigglenet"]);
  assert.doesNotMatch(table, /netpol|masq \{|firewall \{/, "objects of the original's table");
  await until("routes of the original to go", async () => (await foreignRoutes(node)).length === 0, {
    seen: async () => (await foreignRoutes(node)).join("\n"),
  });
  const { code, stdout } = await node.attempt(["readlink", node.conflistPath]);
  assert.equal(code, 0, "the CNI file is no link");
  assert.match(stdout, /^\/run\/wigglenet\//);
  assert.equal((await node.runAgent({ verb: "diff", settings: FILTERED })).stdout, "");
}

Deno.test("a cluster of the original becomes ours node by node: same keys, same interfaces, nothing lost, nothing left", async (t) => {
  await using lab = await Lab.create({ nodes: 3 });
  const traffic = await cluster(lab);
  const lose = losing(traffic);
  for (const node of lab.nodes) {
    await t.step(`${node.name} is taken over`, async (t) => {
      const before = await identityOf(node);
      await lose(t, {}, async () => {
        node.startAgent({ settings: FILTERED });
        await node.inSync();
      });
      assert.equal(await identityOf(node), before);
      await assertOurs(node);
      assert.deepEqual(node.agent!.stderr.filter((line) => / (warn|error) /.test(line)), []);
    });
  }
  await t.step("the first one goes back to the original", async (t) => {
    const [n1] = lab.nodes as [Node];
    const before = await identityOf(n1);
    await lose(t, {}, async () => {
      await n1.agent!.kill("SIGTERM");
      await syncOriginal(n1);
    });
    assert.equal(await identityOf(n1), before);
    const pod = await n1.addPod("n1-new");
    const [, n2] = lab.nodes;
    await until("a pod that the original attaches to reach another node", async () => {
      return (await pod.ping(n2!.pods[0]!.address(4)!, { timeoutMs: 500 })).received === 1;
    }, { seen: () => lab.diagnose() });
  });
  await t.step("and is taken over once more", async (t) => {
    const [n1] = lab.nodes as [Node];
    await lose(t, {}, async () => {
      n1.startAgent({ settings: FILTERED });
      await n1.inSync();
    });
    await assertOurs(n1);
  });
});

Deno.test("what the original would have removed by itself goes: a peer that left while no agent ran, its routes and address", async () => {
  await using lab = await Lab.create({ nodes: 2 });
  const [n1, n2] = lab.nodes as [Node, Node];
  for (const node of lab.nodes) await lab.publish(annotated(node.manifest));
  await installOriginal(n1, [n2]);
  const left = (await n1.run(["wg", "pubkey"], { stdin: await n1.run(["wg", "genkey"]) })).trim();
  await n1.run(["wg", "set", "wigglenet", "peer", left, "allowed-ips", "10.244.9.0/24,fd00:10:244:9::/64"]);
  await n1.ip([
    "address add 10.244.7.1/32 dev wigglenet",
    "route add 10.244.7.1 dev wigglenet scope host",
    "route add 10.244.9.0/24 dev wigglenet",
    "route add fd00:10:244:9::/64 dev wigglenet",
    // Somebody's own, by another protocol: none of ours, none of the original's.
    "route add 10.77.0.0/16 dev wigglenet proto static",
  ]);
  n1.startAgent();
  await n1.inSync();
  const peers = await n1.run(["wg", "show", "wigglenet", "peers"]);
  assert.ok(!peers.includes(left), peers);
  await until("its routes to go", async () => {
    return (await foreignRoutes(n1)).every((line) => line.startsWith("10.77.0.0/16 "));
  }, { seen: async () => (await foreignRoutes(n1)).join("\n") });
  assert.equal((await foreignRoutes(n1)).length, 1);
  assert.doesNotMatch(await n1.run(["ip", "-br", "address", "show", "dev", "wigglenet"]), /10\.244\.7\.1/);
});

const CHAINS = {
  nat: { chain: "POSTROUTING", match: "-m addrtype ! --dst-type LOCAL", jumps: ["WIGGLENET-MASQ"] },
  filter: { chain: "FORWARD", match: "", jumps: ["WIGGLENET-FIREWALL", "WIGGLENET-NETPOL"] },
} as const;

/** What its iptables backend leaves (v0.7.0, internal/firewall/iptables.go), and a rule of somebody else's. */
async function iptablesBackend(node: Node): Promise<void> {
  for (const program of ["iptables", "ip6tables"]) {
    const ipt = (line: string) => node.run([program, "-w", ...line.split(" ")]);
    for (const chain of ["WIGGLENET-NETPOL-EGR", "WIGGLENET-NETPOL-ING"]) await ipt(`-t filter -N ${chain}`);
    for (const [table, { chain, match, jumps }] of Object.entries(CHAINS)) {
      for (const jump of jumps) {
        await ipt(`-t ${table} -N ${jump}`);
        const comment = ["-m", "comment", "--comment", "a comment of several words"];
        await node.run([
          program,
          "-w",
          "-t",
          table,
          "-I",
          chain,
          ...match.split(" ").filter(Boolean),
          ...comment,
          "-j",
          jump,
        ]);
      }
    }
    await ipt("-t nat -A WIGGLENET-MASQ -j MASQUERADE");
    await ipt("-A WIGGLENET-NETPOL -j WIGGLENET-NETPOL-EGR");
    await ipt("-A FORWARD -p tcp --dport 7 -j ACCEPT");
  }
}

Deno.test("docs/migrate.md's commands remove what the original's iptables backend left, and nothing else", async () => {
  await using lab = await Lab.create({ nodes: 1 });
  const [node] = lab.nodes as [Node];
  await iptablesBackend(node);
  const script = snippetsIn({ path: "docs/migrate.md", text: migrate }).get("iptables-leftovers")!;
  const { code, stderr } = await node.attempt(["sh", "-c", script]);
  assert.deepEqual([code, stderr], [0, ""]);
  for (const program of ["iptables-save", "ip6tables-save"]) {
    const left = await node.run([program]);
    assert.doesNotMatch(left, /WIGGLENET/);
    assert.match(left, /--dport 7 -j ACCEPT/);
  }
});
