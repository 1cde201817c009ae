// The agent as its DaemonSet runs it: NET_ADMIN and no other capability, no new privileges, a read-only root, the manifest's
// own variables; wireguard-go in a container of its own beside it.
//
//   n1: agent, wireguard-go ══ n2: agent, wireguard-go        each in a "container" of its own: setpriv

import assert from "node:assert/strict";
import { file, podsOf } from "../deploy/manifests.ts";
import { BUNDLED } from "../lab/agent.ts";
import { HAS_KERNEL_WIREGUARD } from "../lab/kernel.ts";
import { Lab } from "../lab/lab.ts";
import type { Node } from "../lab/node.ts";
import type { Process } from "../lab/process.ts";
import { until } from "../lab/until.ts";

const [AGENT_POD] = podsOf(file("base/daemonset.yaml"));
const [SERVER_POD] = podsOf(file("userspace/wireguard-go.yaml"));
const [AGENT] = AGENT_POD!.containers!;
const [SERVER] = SERVER_POD!.containers!;

/** What the container's securityContext gives, to whoever starts as root. */
function confined(): string[] {
  const { capabilities } = AGENT!.securityContext as { capabilities: { add: string[] } };
  const kept = ["-all", ...capabilities.add.map((name) => `+${name.toLowerCase()}`)].join(",");
  return ["setpriv", `--bounding-set=${kept}`, `--inh-caps=${kept}`, "--ambient-caps=-all", "--no-new-privs"];
}

const ENV: Readonly<Record<string, string>> = Object.fromEntries(
  AGENT!.env!.flatMap(({ name, value }) => value === undefined ? [] : [[name, value]]),
);

function startAgent(node: Node): Process {
  const nodes = ["--node-name", node.name, "--nodes", "/etc/wigglenet/nodes.d"];
  const argv = [...confined(), ...BUNDLED.argv, ...AGENT!.args!, ...nodes];
  return node.agent = node.start(argv, { env: { ...ENV, NO_COLOR: "1" } });
}

function startServer(node: Node): Process {
  return node.start([...confined(), ...SERVER!.command!]);
}

async function meet({ nodes }: Lab): Promise<void> {
  const [from, to] = nodes.map(({ pods }) => pods[0]!);
  await Promise.all(([4, 6] as const).map((family) =>
    until(`IPv${family} to pass`, async () => {
      return (await from!.ping(to!.address(family)!, { timeoutMs: 500 })).received === 1;
    }, { seen: () => Promise.all(nodes.map((node) => node.diagnose())).then((texts) => texts.join("\n")) })
  ));
}

async function served(node: Node): Promise<Process> {
  await node.says("it waits for wireguard-go", ({ waiting }) => {
    return waiting.some(({ why }) => why.includes("WIREGUARD_GO=awaited"));
  });
  return startServer(node);
}

const ofUserspace = { ignore: HAS_KERNEL_WIREGUARD };

Deno.test(
  "with NET_ADMIN alone the agent makes a mesh on the wireguard-go of another container (no kernel WireGuard)",
  ofUserspace,
  async (t) => {
    await using lab = await Lab.create({ nodes: 2, agent: BUNDLED });
    const [n1, n2] = lab.nodes as [Node, Node];
    await t.step("whichever of the two comes first", async () => {
      startAgent(n1);
      startServer(n2);
      await until("the server's own device", async () => {
        return (await n2.attempt(["ip", "link", "show", "wigglenet"])).code === 0;
      });
      startAgent(n2);
      await served(n1);
      for (const node of lab.nodes) await node.addPod(`${node.name}-pod`);
      await meet(lab);
    });
    await t.step("the kernel has exactly this of it", async () => {
      const pid = (await n1.run(["sh", "-c", "pgrep --ns $$ --nslist net -f 'wigglenet.js run' | head -1"]))
        .trim();
      const status = await Deno.readTextFile(`/proc/${pid}/status`);
      assert.match(status, /^CapEff:\s+0000000000001000$/m); // 1 << 12: CAP_NET_ADMIN
      assert.match(status, /^NoNewPrivs:\s+1$/m);
    });
    await t.step("an agent that ends takes no tunnel with it", async () => {
      await n1.agent!.kill("SIGKILL");
      await meet(lab);
      startAgent(n1);
      await n1.inSync();
      await meet(lab);
      assert.deepEqual(n1.agent!.stderr.filter((line) => / (error|warn) /.test(line)), []);
    });
  },
);

Deno.test(
  "when the container of wireguard-go is replaced the tunnel is back as soon as the new one serves (no kernel WireGuard)",
  ofUserspace,
  async () => {
    await using lab = await Lab.create({ nodes: 2, agent: BUNDLED });
    const servers: Process[] = [];
    for (const node of lab.nodes) {
      startAgent(node);
      servers.push(await served(node));
    }
    for (const node of lab.nodes) await node.addPod(`${node.name}-pod`);
    await meet(lab);
    const [n1] = lab.nodes as [Node];
    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      await servers[0]!.kill(signal);
      const { stdout } = await n1.attempt(["ip", "route", "get", lab.nodes[1]!.pods[0]!.address(4)!]);
      assert.doesNotMatch(stdout, / dev (?!wigglenet)/, "what nobody carries must not leave another way");
      servers[0] = await served(n1);
      await meet(lab);
    }
  },
);
