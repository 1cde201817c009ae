// A plan whose links live in containers, blue on each of two nodes; their sockets stay with the nodes:
//
//   n1 10.9.1.1 ═══ underlay ═══ 10.9.1.2 n2
//   blue: wg-n1-n2-0 10.4.0.1    blue: wg-n2-n1-0 10.4.0.2
//         vx fe80::1, over it          vx fe80::2

import assert from "node:assert/strict";
import { declared } from "../declared/walk_through.ts";
import { backbone } from "../declared/two_nodes.ts";
import { HAS_KERNEL_WIREGUARD } from "../lab/kernel.ts";
import { Lab } from "../lab/lab.ts";
import type { Node } from "../lab/node.ts";
import { until } from "../lab/until.ts";
import { CONTAINERS } from "./contained_node.ts";

const lab = await Lab.create({ nodes: 2 });
const [n1, n2] = lab.nodes as [Node, Node];
Deno.test.afterAll(() => lab.close());

const BLUE = { netns: { name: "blue" } };
const inBlue = ["ip", "netns", "exec", "blue"];
const ON_KERNEL = { ignore: !HAS_KERNEL_WIREGUARD };

interface Json {
  readonly spec: { readonly nodes: readonly object[] };
}

/** The plan, each of its nodes in blue. */
function contained(keys: readonly (string | undefined)[]): unknown {
  const plan = backbone([n1, n2].map((node, i) => ({
    name: node.name,
    hostname: node.address(4)!,
    publicKey: keys[i],
  })));
  const { spec } = plan as unknown as Json;
  return { ...plan, spec: { ...spec, nodes: spec.nodes.map((node) => ({ ...node, container: BLUE })) } };
}

const VXLANS = [n1, n2].map(({ name }, i) =>
  declared("NetlinkInterface", `vx-${name}`, {
    node: name,
    interfaceName: "vx",
    type: "vxlan",
    container: BLUE,
    vxlan: { vni: 7, dev: `wg-n${i + 1}-n${2 - i}-0`, local: `10.4.0.${i + 1}`, group: `10.4.0.${2 - i}` },
    addresses: [{ ipcidr: `fe80::${i + 1}/64` }],
    mtu: 1330,
  })
);

async function write(objects: readonly unknown[]): Promise<void> {
  const part = `${lab.folder}/declared.part`;
  await Deno.writeTextFile(part, objects.map((object) => JSON.stringify(object)).join("\n---\n"));
  await Deno.rename(part, `${lab.nodesFolder}/declared.yaml`);
}

function keyOf(node: Node): Promise<string> {
  return until(`${node.name}'s key`, async () => {
    const key = await Deno.readTextFile(`${node.folder}/declared/plan-backbone.key`).catch(() => undefined);
    return key && (await node.run(["wg", "pubkey"], { stdin: key })).trim();
  }, { seen: () => node.agent!.tail() });
}

async function answers(address: string): Promise<void> {
  await until(`${address} to answer blue of n1`, async () => {
    return (await n1.attempt([...inBlue, "ping", "-c", "1", "-W", "1", address])).code === 0;
  }, {
    deadlineMs: 30_000,
    seen: async () => `${(await n1.attempt([...inBlue, "wg", "show"])).stdout}\n${n1.agent!.tail()}`,
  });
}

Deno.test(
  "Links of a plan live in containers, by both families, and a VXLAN over one (kernel WireGuard)",
  ON_KERNEL,
  async () => {
    for (const node of lab.nodes) {
      await node.run(["ip", "netns", "add", "blue"]);
      node.startAgent({ settings: CONTAINERS });
    }
    await write([contained([])]);
    await write([contained([await keyOf(n1), await keyOf(n2)]), ...VXLANS]);
    await answers("10.4.0.2");
    await answers("fe80::a:2%wg-n1-n2-0");
    await answers("fe80::2%vx");
  },
);

Deno.test(
  "The socket is the node's, the interface the container's alone (kernel WireGuard)",
  ON_KERNEL,
  async () => {
    const port = (await n1.run([...inBlue, "wg", "show", "wg-n1-n2-0", "listen-port"])).trim();
    assert.match(await n1.run(["ss", "-Huln"]), new RegExp(`:${port}\\b`));
    assert.doesNotMatch(await n1.run([...inBlue, "ss", "-Huln"]), new RegExp(`:${port}\\b`));
    assert.doesNotMatch(await n1.run(["ip", "-o", "link"]), /wg-n1-n2-0/);
  },
);

Deno.test(
  "What a container's root spoils is mended: peers, key, a mark for the node's routes, the interface (kernel WireGuard)",
  ON_KERNEL,
  async () => {
    const peer = await keyOf(n2);
    for (
      const damage of [
        ["wg", "set", "wg-n1-n2-0", "peer", peer, "remove"],
        ["wg", "set", "wg-n1-n2-0", "private-key", "/dev/null"],
        ["wg", "set", "wg-n1-n2-0", "fwmark", "7"],
        ["ip", "link", "del", "wg-n1-n2-0"],
      ]
    ) {
      await n1.run([...inBlue, ...damage]);
      await until("no mark", async () => {
        const { stdout } = await n1.attempt([...inBlue, "wg", "show", "wg-n1-n2-0", "fwmark"]);
        return stdout.trim() === "off";
      }, { seen: () => n1.agent!.tail() });
      await answers("10.4.0.2");
    }
    await answers("fe80::2%vx");
  },
);

Deno.test(
  "A link follows its container, outlives its agent, and goes with its plan (kernel WireGuard)",
  ON_KERNEL,
  async () => {
    await n1.run(["ip", "netns", "del", "blue"]);
    await n1.run(["ip", "netns", "add", "blue"]);
    await answers("10.4.0.2");
    const before = await n1.run([...inBlue, "ip", "-o", "link", "show", "wg-n1-n2-0"]);
    await n1.agent!.kill("SIGKILL");
    n1.startAgent({ settings: CONTAINERS });
    await n1.inSync();
    await answers("10.4.0.2");
    assert.equal(await n1.run([...inBlue, "ip", "-o", "link", "show", "wg-n1-n2-0"]), before);
    await write([
      declared("NetlinkInterface", "br-n1", { node: "n1", interfaceName: "br1", type: "bridge" }),
    ]);
    for (const node of lab.nodes) {
      await until(`nothing to be left in blue of ${node.name}`, async () => {
        return !(await node.run([...inBlue, "ip", "-o", "link"])).includes("wg-");
      }, { seen: () => node.agent!.tail() });
    }
  },
);

Deno.test("wireguard-go's interface is put into no container, and that is told (kernel without WireGuard)", {
  ignore: HAS_KERNEL_WIREGUARD,
}, async () => {
  await n1.run(["ip", "netns", "add", "blue"]);
  n1.startAgent({ settings: CONTAINERS });
  await write([contained([])]);
  let stdout = "";
  await until("status to tell it", async () => {
    ({ stdout } = await n1.runAgent({ verb: "status" }));
    return /Waiting: interface wg-n1-n2-0 in network namespace blue: this kernel has no WireGuard/.test(
      stdout,
    );
  }, { seen: () => `${stdout}\n${n1.agent!.tail()}` });
  assert.doesNotMatch(await n1.run(["ip", "-o", "link"]), /wg-n1-n2-0/);
});
