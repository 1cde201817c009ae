// Declared links on wireguard-go that runs by itself (WIREGUARD_GO=awaited): as a unit of systemd, or a container, has it.
//
//   n1: agent, wireguard-go ══ n2: agent, wireguard-go     wg-n1-n2-0 10.4.0.1 ══ 10.4.0.2 wg-n2-n1-0

import assert from "node:assert/strict";
import { backbone } from "../declared/two_nodes.ts";
import { HAS_KERNEL_WIREGUARD } from "../lab/kernel.ts";
import { Lab } from "../lab/lab.ts";
import type { Node } from "../lab/node.ts";
import type { Process } from "../lab/process.ts";
import { until } from "../lab/until.ts";

const LINK = { n1: "wg-n1-n2-0", n2: "wg-n2-n1-0" };
const SETTINGS = { "wireguard-go": "awaited" };
const FAMILIES = { underlay: [4], pods: [4] } as const;

const lab = await Lab.create({ nodes: 2, families: FAMILIES });
const [n1, n2] = lab.nodes as [Node, Node];
Deno.test.afterAll(() => lab.close());

const FILE = `${lab.nodesFolder}/declared.yaml`;
const servers = new Map<Node, Process>();

const linkOf = (node: Node) => LINK[node.name as keyof typeof LINK];

/** As the unit does it: the device apart, the socket of a former one away. */
async function serve(node: Node): Promise<void> {
  const name = linkOf(node);
  await node.attempt(["ip", "tuntap", "add", "dev", name, "mode", "tun"]);
  await node.run(["rm", "-f", `/var/run/wireguard/${name}.sock`]);
  servers.set(node, node.start(["wireguard-go", "-f", name]));
}

async function write(keys: readonly (string | undefined)[]): Promise<void> {
  const members = lab.nodes.map((node, i) => ({
    name: node.name,
    hostname: node.address(4),
    publicKey: keys[i],
  }));
  await Deno.writeTextFile(`${FILE}.part`, JSON.stringify(backbone(members)));
  await Deno.rename(`${FILE}.part`, FILE);
}

async function keyOf(node: Node): Promise<string> {
  const key = await until(`${node.name}'s key`, () => {
    return Deno.readTextFile(`${node.folder}/declared/plan-backbone.key`).catch(() => undefined);
  }, { seen: () => node.agent!.tail() });
  return (await node.run(["wg", "pubkey"], { stdin: key })).trim();
}

async function answers(): Promise<void> {
  for (const [node, address] of [[n1, "10.4.0.2"], [n2, "10.4.0.1"]] as const) {
    await until(`${address} to answer ${node.name}`, async () => {
      return (await node.attempt(["ping", "-c", "1", "-W", "1", address])).code === 0;
    }, {
      seen: async () =>
        `${(await node.attempt(["sh", "-c", "wg show; ip addr"])).stdout}\n${node.agent!.tail()}`,
    });
  }
}

async function waits(node: Node): Promise<void> {
  await until(`${node.name} to say which wireguard-go it waits for`, async () => {
    const { declared } = await node.status() ?? {};
    const messages = declared?.objects.flatMap(({ troubles }) => troubles.map(({ message }) => message)) ??
      [];
    return messages.some((it) => it.includes(`run wireguard-go -f ${linkOf(node)}; with systemd: systemctl`));
  }, { seen: () => node.agent!.tail() });
}

async function gone(node: Node): Promise<void> {
  await until(`${linkOf(node)} to be gone`, async () => {
    return (await node.attempt(["ip", "link", "show", "dev", linkOf(node)])).code !== 0;
  }, { seen: () => node.agent!.tail() });
}

async function groupOf(node: Node): Promise<string> {
  const [link] = JSON.parse(await node.run(["ip", "-N", "-j", "link", "show", "dev", linkOf(node)]));
  return link.group;
}

const ofUserspace = { ignore: HAS_KERNEL_WIREGUARD };

Deno.test(
  "Whichever comes first: a unit's device, a container's, or the agent's (no kernel WireGuard)",
  ofUserspace,
  async () => {
    for (const node of lab.nodes) node.start(["wireguard-go", "-f", "wigglenet"]);
    await write([]);
    await serve(n2);
    for (const node of lab.nodes) node.startAgent({ settings: SETTINGS });
    await write(await Promise.all(lab.nodes.map(keyOf)));
    await waits(n1);
    assert.equal(await groupOf(n1), "147");
    await serve(n1);
    await answers();
    assert.equal(await groupOf(n2), "147");
    // A container makes a device that goes with its process.
    await servers.get(n2)!.kill("SIGKILL");
    await n2.run(["sh", "-c", `ip link del ${LINK.n2}; rm -f /var/run/wireguard/${LINK.n2}.sock`]);
    await n2.agent!.kill("SIGKILL");
    await n2.attempt(["ip", "link", "del", LINK.n2]);
    servers.set(n2, n2.start(["wireguard-go", "-f", LINK.n2]));
    await until("the container's own device", async () => {
      return (await n2.attempt(["ip", "link", "show", "dev", LINK.n2])).code === 0;
    });
    n2.startAgent({ settings: SETTINGS });
    await answers();
    assert.equal(await groupOf(n2), "147");
  },
);

Deno.test(
  "One that dies is waited for, its device stays, and the next one carries the link again (no kernel WireGuard)",
  ofUserspace,
  async () => {
    await servers.get(n1)!.kill("SIGKILL");
    await waits(n1);
    const { stdout } = await n1.attempt(["ip", "route", "get", "10.4.0.2"]);
    assert.match(stdout, / dev wg-n1-n2-0 /, "what nobody carries must not leave another way");
    await serve(n1);
    await answers();
  },
);

Deno.test(
  "What goes with its plan ends by itself; one that is run on makes a device that nobody minds, and the plan has it again (no kernel WireGuard)",
  ofUserspace,
  async () => {
    await Deno.remove(FILE);
    for (const node of lab.nodes) await gone(node);
    await until("wireguard-go to have ended", async () => {
      const look = `pgrep --ns $$ --nslist net -f '^[^ ]*wireguard-go -f ${LINK.n1}'`;
      return (await n1.attempt(["sh", "-c", look])).code !== 0;
    });
    for (const node of lab.nodes) await serve(node);
    await n1.inSync();
    assert.equal(await groupOf(n1), "0");
    await write(await Promise.all(lab.nodes.map(keyOf)));
    await answers();
    for (const node of lab.nodes) {
      const errors = node.agent!.stderr.filter((line) => / error (?!waiting: )/.test(line));
      assert.deepEqual(errors, []);
    }
  },
);

Deno.test(
  "cleanup takes the device and leaves whoever runs wireguard-go alone (no kernel WireGuard)",
  ofUserspace,
  async () => {
    await n1.agent!.kill("SIGKILL");
    const { code, stdout, stderr } = await n1.runAgent({ verb: "cleanup", settings: SETTINGS });
    assert.equal(code, 0, stderr);
    assert.match(stdout, /interface wg-n1-n2-0/);
    await gone(n1);
  },
);
