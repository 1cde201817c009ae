// Load, list back, compare: for each kind of cluster the kernel has what was wanted, whatever it had before.

import assert from "node:assert/strict";
import { LINGER_MS } from "../../src/shell/lingering.ts";
import { HAS_BRIDGE_META, HAS_KERNEL_WIREGUARD } from "../lab/kernel.ts";
import { Lab } from "../lab/lab.ts";
import type { Node } from "../lab/node.ts";
import { type Process, run } from "../lab/process.ts";
import { until } from "../lab/until.ts";
import { PRIVATE_KEY, type Scenario, SCENARIOS } from "./scenarios.ts";
import { differences, readState } from "./state.ts";

const STEPS = 6;
/** What this kernel can do. */
const NAMES = Object.keys(SCENARIOS).filter((name) => HAS_BRIDGE_META || name !== "a bridge");
const publicKey = (await run(["wg", "pubkey"], { stdin: PRIVATE_KEY })).trim();

/** A node on its own; what other Nodes there are is said by manifests. */
async function freshLab(): Promise<{ lab: Lab; node: Node }> {
  const lab = await Lab.create({ nodes: 1 });
  const [node] = lab.nodes;
  await Deno.writeTextFile(`${node!.folder}/private.key`, PRIVATE_KEY);
  return { lab, node: node! };
}

/** Publishes the scenario's Nodes and starts the agent with its settings. */
async function enter(lab: Lab, node: Node, { settings, nodes }: Scenario): Promise<void> {
  const names = nodes.map(({ metadata }) => metadata.name);
  for (const { name } of Deno.readDirSync(lab.nodesFolder)) {
    if (!names.includes(name.replace(".yaml", ""))) await lab.withdraw(name.replace(".yaml", ""));
  }
  for (const manifest of nodes) {
    const isOwn = manifest.metadata.name === node.name;
    const said = manifest.metadata.annotations ?? {};
    const annotations = isOwn ? { ...said, "wigglenet/public-key": publicKey } : said;
    await lab.publish({ ...manifest, metadata: { ...manifest.metadata, annotations } });
  }
  node.startAgent({ settings });
}

/** Waits until `wigglenet diff` says that nothing is to be done; it is not asked before the agent says so, for that is much work. */
async function inSync(node: Node, { settings }: Scenario): Promise<void> {
  await node.inSync();
  let last = "";
  await until(`diff on ${node.name} to say in sync`, async () => {
    const { code, stdout, stderr } = await node.runAgent({ verb: "diff", settings });
    last = `exit ${code}\n${stdout}${stderr}`;
    return code === 0;
  }, { seen: () => `${last}\n${node.agent?.tail()}` });
}

/** The state of each scenario on a node that never had another; all are made at once, three at a time. */
const clean = new Map<string, Promise<string>>();
let queue: Promise<unknown>[] = [Promise.resolve(), Promise.resolve(), Promise.resolve()];

function cleanState(name: string): Promise<string> {
  let state = clean.get(name);
  if (state === undefined) {
    const [slot, ...others] = queue;
    state = slot!.catch(() => {}).then(() => makeClean(SCENARIOS[name]!));
    queue = [...others, state];
    clean.set(name, state);
  }
  return state;
}

async function makeClean(scenario: Scenario): Promise<string> {
  const { lab, node } = await freshLab();
  try {
    await enter(lab, node, scenario);
    await inSync(node, scenario);
    return await readState(node);
  } finally {
    await lab.close();
  }
}

for (const name of NAMES) cleanState(name).catch(() => {}); // its own test tells

for (const name of NAMES) {
  Deno.test(`${name}: what the agent has loaded is what diff wants`, async () => {
    await cleanState(name);
  });
}

/** A walk that a seed repeats: WALK_SEED=7 deno task test:netns --filter walk. */
function walkOf(seed: number): string[] {
  let state = seed;
  return Array.from({ length: STEPS }, () => {
    state = (state * 1103515245 + 12345) % 2 ** 31;
    return NAMES[Math.floor(state / 2 ** 16) % NAMES.length]!;
  });
}

Deno.test("a random walk between clusters ends at every step as if from clean", async () => {
  const seed = Number(Deno.env.get("WALK_SEED") ?? crypto.getRandomValues(new Uint16Array(1))[0]);
  const { lab, node } = await freshLab();
  await using _ = lab;
  const walk = walkOf(seed);
  for (const [i, name] of walk.entries()) {
    const scenario = SCENARIOS[name]!;
    await node.agent?.kill(i % 2 === 0 ? "SIGTERM" : "SIGKILL");
    await enter(lab, node, scenario);
    const wanted = await cleanState(name);
    await until(`"${name}" to look as from clean`, async () => await readState(node) === wanted, {
      // Who comes back into the tunnel takes for some seconds what others still send in the clear.
      deadlineMs: LINGER_MS + 10_000,
      seen: async () =>
        `WALK_SEED=${seed}, ${walk.slice(0, i + 1).join(" -> ")}\n` +
        `${differences(wanted, await readState(node))}\n${node.agent?.tail()}`,
    });
  }
  await inSync(node, SCENARIOS[walk.at(-1)!]!);
  assert.equal(await readState(node), await cleanState(walk.at(-1)!));
});

/** What an agent of another make may have left under the same names: other rules, other sets, no route protocol. */
const PREDECESSOR = `
table inet wigglenet {
	comment "somebody else's"
	set pod-cidrs-v4 { type ipv4_addr; flags interval; comment "theirs"; elements = { 10.244.0.0/14 }; }
	set blocked { type ipv4_addr; elements = { 192.0.2.1 }; }
	chain firewall {
		type filter hook forward priority filter; policy drop;
		ip saddr @blocked drop
	}
	chain nat {
		type nat hook postrouting priority srcnat; policy accept;
		ip daddr != @pod-cidrs-v4 masquerade
	}
}`;

/** The interface of another agent; in user space the process that serves it. */
async function foreignInterface(node: Node): Promise<Process | undefined> {
  if (HAS_KERNEL_WIREGUARD) {
    await node.ip(["link add wigglenet type wireguard", "link set wigglenet mtu 1380 up"]);
    return undefined;
  }
  await node.ip(["tuntap add dev wigglenet mode tun", "link set wigglenet mtu 1380 up"]);
  const server = node.start(["wireguard-go", "-f", "wigglenet"]);
  await until("it to serve", async () => (await node.attempt(["wg", "show", "wigglenet"])).code === 0, {
    seen: () => server.tail(),
  });
  return server;
}

Deno.test("a node that another agent ran is taken over as if from clean", async () => {
  const { lab, node } = await freshLab();
  await using _ = lab;
  await node.run(["nft", "-f", "-"], { stdin: PREDECESSOR });
  const server = await foreignInterface(node);
  const peer = "aW5zdGVhZCBvZiBhIHJlYWwga2V5IG9mIG5vZGUgMzM=";
  await node.run([
    "wg",
    "set",
    "wigglenet",
    "listen-port",
    "4711",
    "peer",
    peer,
    "allowed-ips",
    "10.0.0.0/8",
  ]);
  await node.ip(["address add 10.244.1.1/24 dev wigglenet", "route replace 10.244.2.0/23 dev wigglenet"]);
  await Deno.writeTextFile(node.conflistPath, "{}");
  const scenario = SCENARIOS["dual stack"]!;
  const wanted = await cleanState("dual stack");
  await enter(lab, node, scenario);
  await until("it to look as from clean", async () => await readState(node) === wanted, {
    seen: async () => `${differences(wanted, await readState(node))}\n${node.agent?.tail()}`,
  });
  await inSync(node, scenario);
  assert.ok(server?.isRunning ?? true, "the process that served the interface is adopted");
});
