// docs/declared-networks.md, done as it says: from two nodes to an Ethernet over a WireGuard link, and a bridge with a pair.

import assert from "node:assert/strict";
import document from "../../docs/declared-networks.md" with { type: "text" };
import { snippetsIn } from "../docs/snippets.ts";
import { Lab } from "../lab/lab.ts";
import type { Node } from "../lab/node.ts";
import { until } from "../lab/until.ts";

const snippets = snippetsIn({ path: "docs/declared-networks.md", text: document });
const lab = await Lab.create({ nodes: 2 });
const [n1, n2] = lab.nodes as [Node, Node];
Deno.test.afterAll(() => lab.close());

/** Lines of the document as they run in a laboratory, where both nodes read one folder. */
function typed(node: Node, name: string): string[] {
  const text = snippets.get(name)!
    .replaceAll("/etc/wigglenet/nodes.d", lab.nodesFolder)
    .replaceAll("/etc/wigglenet/declared", `${node.folder}/declared`)
    .replaceAll("wigglenet status", node.agentArgv({ verb: "status" }).join(" "));
  return ["sh", "-ec", text];
}

/** Until they do what they say: a reader waits a second and tries again. */
async function works(node: Node, name: string): Promise<string> {
  return await until(`'${name}' to work on ${node.name}`, async () => {
    const { code, stdout } = await node.attempt(typed(node, name));
    return code === 0 ? stdout : undefined;
  }, {
    deadlineMs: 30_000,
    seen: async () => {
      const seen = await Promise.all(lab.nodes.map((it) => it.attempt(["sh", "-c", "ip address; wg show"])));
      return `${seen.map(({ stdout }) => stdout).join("\n")}\n${node.agent!.tail()}`;
    },
  });
}

Deno.test("two nodes get a link by the plan of the page, with both of its addresses", async () => {
  for (const node of lab.nodes) node.startAgent();
  await works(n1, "plan");
  for (const node of lab.nodes) {
    const path = `${node.folder}/declared/plan-backbone.key`;
    await until(path, () => Deno.stat(path).catch(() => undefined), { seen: () => node.agent!.tail() });
  }
  await works(n1, "key-n1");
  await works(n2, "key-n2");
  await works(n1, "ping");
});

Deno.test("both ends of the page's VXLAN answer over the link", async () => {
  await works(n1, "vxlan");
  await works(n1, "all-nodes");
});

Deno.test("the page's pair stands between two containers", async () => {
  await n1.agent!.kill("SIGTERM");
  n1.startAgent({ settings: { "declared-containers": "true" } });
  await works(n1, "containers");
  await works(n1, "ping-green");
  await Deno.remove(`${lab.nodesFolder}/containers.yaml`);
});

Deno.test("the page's bridge and pair stand, status shows all of them, and what is removed goes", async () => {
  await works(n1, "bridge");
  const shown = await works(n1, "status");
  assert.match(
    shown,
    /^ {2}wg-n1-n2-0 wireguard up, port \d+, mtu 1420, 10\.4\.0\.1 peer 10\.4\.0\.2\/32, fe80::a:1\/64/m,
  );
  assert.match(shown, /^ {4}n2 10\.9\.1\.2:\d+ handshake \d+ s ago$/m);
  const [port] = JSON.parse(await n1.run(["ip", "-j", "link", "show", "dev", "veth1-b"]));
  assert.equal(port.master, "br1");
  await works(n1, "remove");
  await until("all but the link to be gone", async () => {
    const links = JSON.parse(await n1.run(["ip", "-j", "link", "show", "group", "147"]));
    return links.map(({ ifname }: { ifname?: string }) => ifname ?? "").join("") === "wg-n1-n2-0";
  }, { seen: () => n1.agent!.tail() });
});
