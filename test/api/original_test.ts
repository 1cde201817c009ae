// The original itself (Go Wigglenet v0.7.0), where WIGGLENET_ORIGINAL names its binary, on a real API beside our agents:
// each learns the other's nodes, and a node changes from one to the other and back. Where the kernel has no WireGuard both
// route natively, for the original knows no other.

import assert from "node:assert/strict";
import sync from "../fixtures/original/sync.nft" with { type: "text" };
import recipes from "../../docs/migrate.md" with { type: "text" };
import { snippetsIn } from "../docs/snippets.ts";
import { HAS_KERNEL_WIREGUARD } from "../lab/kernel.ts";
import { Cluster } from "../lab/kubernetes/cluster.ts";
import type { Node } from "../lab/node.ts";
import type { Process } from "../lab/process.ts";
import { until } from "../lab/until.ts";

const BINARY = Deno.env.get("WIGGLENET_ORIGINAL");
if (BINARY === undefined) console.log("the original itself: not run, WIGGLENET_ORIGINAL names no binary");

const SNIPPETS = snippetsIn({ path: "docs/migrate.md", text: recipes });
const MODE: Readonly<Record<string, string>> = {
  FILTER_IPV4: "true",
  FILTER_IPV6: "true",
  ...HAS_KERNEL_WIREGUARD ? {} : { NATIVE_ROUTING_IPV4: "true", NATIVE_ROUTING_IPV6: "true" },
};

async function startOriginal(cluster: Cluster, node: Node): Promise<Process> {
  await cluster.account.mount(node, await cluster.account.podToken(node.name));
  return node.start([BINARY!], {
    env: {
      ...cluster.plane.environment,
      ...MODE,
      NODE_NAME: node.name,
      CNI_CONFIG_PATH: node.conflistPath,
      WIGGLENET_PRIVKEY_PATH: `${node.folder}/private.key`,
    },
  });
}

/** Its table, as nft lists it; undefined while it is not whole. */
async function tableOn(node: Node): Promise<string> {
  return (await node.attempt(["nft", "list", "table", "inet", "wigglenet"])).stdout;
}

/** Waits until the original on n1 knows all three nodes, and returns its table. */
async function originalKnowsAll(node: Node, original: Process): Promise<string> {
  const wanted = [1, 2, 3].flatMap((i) => [`10.244.${i}.0/24`, `fd00:10:244:${i}::/64`]);
  return await until("the original to know all nodes", async () => {
    const table = await tableOn(node);
    return wanted.every((prefix) => table.includes(prefix)) && /chain masq \{[^}]*masquerade/.test(table) &&
      table;
  }, { deadlineMs: 90_000, seen: async () => `${await tableOn(node)}\n${original.tail()}` });
}

/** The commands of docs/migrate.md by which the original keeps its rights beside ours, or loses them. */
async function migrate({ plane }: Cluster, snippet: "original-role" | "original-role-end"): Promise<void> {
  const commands = SNIPPETS.get(snippet)!.replaceAll("\\\n", " ").trim().split("\n");
  for (const command of commands) {
    const [program, ...args] = command.split(/\s+/);
    assert.equal(program, "kubectl");
    await plane.mustKubectl(args);
  }
}

/** With our role alone an original that starts anew ends, and leaves what stands there. */
async function refused(cluster: Cluster, node: Node): Promise<void> {
  const before = await tableOn(node);
  const original = await startOriginal(cluster, node);
  await original.line("stderr", /nodes "n1" is forbidden: .* cannot get resource "nodes"/, 60_000);
  assert.notEqual((await original.ended).code, 0);
  assert.equal(await tableOn(node), before);
}

/** A node of the original becomes ours. */
async function takeOver(cluster: Cluster, node: Node, original: Process): Promise<void> {
  const before = await cluster.annotations(node.name);
  await original.kill("SIGTERM");
  await cluster.start(node, { env: MODE });
  await node.inSync(20_000);
  assert.doesNotMatch(await tableOn(node), /netpol|chain (masq|firewall) /);
  assert.match(await node.run(["readlink", node.conflistPath]), /^\/run\/wigglenet\//);
  assert.deepEqual(withoutNext(await cluster.annotations(node.name)), withoutNext(before));
}

/** The original knows nothing of rotations. */
function withoutNext({ "wigglenet/next-key": _, ...rest }: Record<string, string>): Record<string, string> {
  return rest;
}

/** A node of ours becomes the original's. */
async function giveBack(cluster: Cluster, node: Node): Promise<Process> {
  await node.agent!.kill("SIGTERM");
  const original = await startOriginal(cluster, node);
  await originalKnowsAll(node, original);
  await until("the original's CNI file", async () => {
    return (await node.attempt(["readlink", node.conflistPath])).code !== 0;
  });
  assert.deepEqual(original.stderr.filter((line) => /^[EF]/.test(line)), []);
  return original;
}

Deno.test(
  "the original and ours know each other's nodes, and a node changes from one to the other and back",
  {
    ignore: BINARY === undefined,
  },
  async (t) => {
    await using cluster = await Cluster.create({ nodes: 3 });
    const [n1, n2, n3] = cluster.nodes as [Node, Node, Node];
    await migrate(cluster, "original-role");
    for (const node of cluster.nodes) await cluster.register(node);
    const original = await startOriginal(cluster, n1);
    for (const node of [n2, n3]) {
      await cluster.start(node, { env: MODE });
      await node.inSync(20_000);
    }
    await t.step("each knows the nodes of the other", async () => {
      await originalKnowsAll(n1, original);
      await until("ours to know its node", async () => (await tableOn(n2)).includes("10.244.1.0/24"));
      const said = await cluster.annotations("n1");
      assert.equal(said["wigglenet/pod-cidrs"], '["fd00:10:244:1::/64","10.244.1.0/24"]');
    });
    await t.step("test/fixtures/original/sync.nft is what it really sends", async () => {
      const real = await tableOn(n1);
      await n1.run(["nft", "delete", "table", "inet", "wigglenet"]);
      await n1.run(["nft", "-f", "-"], { stdin: sync });
      assert.equal(await tableOn(n1), real);
    });
    await t.step("its node becomes ours", () => takeOver(cluster, n1, original));
    let again: Process;
    await t.step("and the original's again", async () => void (again = await giveBack(cluster, n1)));
    await t.step(
      "without the role of docs/migrate.md it does not start anew, and its rules stand",
      async () => {
        await again.kill("SIGTERM");
        await migrate(cluster, "original-role-end");
        await refused(cluster, n1);
      },
    );
  },
);
