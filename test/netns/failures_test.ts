// A program that fails, or never ends, costs only what it is for: the rest goes on, status and log name it, and once
// it works again all is mended.

import assert from "node:assert/strict";
import { Lab } from "../lab/lab.ts";
import type { Node } from "../lab/node.ts";
import { run } from "../lab/process.ts";
import { until } from "../lab/until.ts";
import { differences, type Part, readState } from "./state.ts";

const lab = await Lab.create({ nodes: 3 });
Deno.test.afterAll(() => lab.close());
await Promise.all(lab.nodes.map(async (node) => {
  node.startAgent();
  await node.conflist();
  await until("it to be in sync", async () => (await node.runAgent({ verb: "diff" })).code === 0);
}));

/** Runs a program of the laboratory in the node's network: the node's own may be broken. */
function inNetwork(node: Node, ...argv: string[]): Promise<string> {
  return run(["nsenter", `--net=${node.netns}`, "--", ...argv]);
}

interface Failure {
  readonly node: Node;
  readonly program: string;
  /** What a shell does in the program's place. */
  readonly instead: string;
  /** What the failing program is for. */
  readonly harm: (node: Node) => Promise<unknown>;
  /** Something else, which is mended all the same. */
  readonly other: (node: Node) => Promise<unknown>;
  readonly unharmed: readonly Part[];
}

const flush = (node: Node) => inNetwork(node, "nft", "flush", "ruleset");
const cutRoute = (node: Node) => inNetwork(node, "ip", "route", "flush", "proto", "146");

const FAILURES: Readonly<Record<string, Failure>> = {
  "wg prints nonsense": {
    node: lab.nodes[0]!,
    program: "/usr/bin/wg",
    instead: "echo nonsense",
    harm: (node) => inNetwork(node, "ip", "link", "set", "wigglenet", "mtu", "1300"),
    other: flush,
    unharmed: ["table", "cni"],
  },
  "ip fails": {
    node: lab.nodes[2]!,
    program: "/usr/sbin/ip",
    instead: "exit 1",
    harm: cutRoute,
    other: flush,
    unharmed: ["table", "cni"],
  },
  "nft crashes": {
    node: lab.nodes[1]!,
    program: "/usr/sbin/nft",
    instead: "kill -SEGV $$",
    harm: flush,
    other: cutRoute,
    unharmed: ["link", "routes", "wireguard", "cni"],
  },
};

async function suffer({ node, program, instead, harm, other, unharmed }: Failure): Promise<void> {
  const before = await readState(node);
  const readUnharmed = () => readState(node, unharmed.filter((part) => part !== "wireguard"));
  const wanted = await readUnharmed();
  const script = `${node.folder}/instead`;
  await Deno.writeTextFile(script, `#!/bin/sh\n${instead}\n`, { mode: 0o755 });
  await node.run(["mount", "--bind", script, program]);
  try {
    await harm(node);
    await other(node);
    const isMended = async () => {
      if (!unharmed.includes("table")) return await readUnharmed() === wanted;
      return /guard/.test(await inNetwork(node, "nft", "list", "ruleset"));
    };
    await until("the rest to be mended", isMended, { deadlineMs: 2_500, seen: () => node.agent!.tail(5) });
    const name = program.split("/").at(-1)!;
    const { stdout } = await node.runAgent({ verb: "status" });
    assert.match(stdout, /: not in sync$/m);
    assert.match(stdout, new RegExp(`failing: .*${name} `));
    assert.ok(node.agent!.stderr.some((line) => line.includes("error") && line.includes(`${name} `)));
    await backsOff(node);
  } finally {
    await node.run(["umount", program]);
  }
  // The next try may be sixteen seconds away on a machine that made the failure last.
  await until("all to be mended", async () => await readState(node) === before, {
    deadlineMs: 20_000,
    seen: async () => `${differences(before, await readState(node))}\n${node.agent!.tail(5)}`,
  });
}

/** It tries again, but does not run in circles: within two seconds it uses less than half a processor. */
async function backsOff(node: Node): Promise<void> {
  const [start, ticks] = [performance.now(), ticksOf(node)];
  await until("two seconds to pass", () => performance.now() - start > 2_000, { pauseMs: 100 });
  const used = ticksOf(node) - ticks;
  assert.ok(used < 100, `the agent and its programs used ${used} ticks of 10 ms`);
}

/** Processor time of the agent and the programs that it has waited for: proc(5), stat, fields 14 to 17. */
function ticksOf(node: Node): number {
  const text = Deno.readTextFileSync(`/proc/${node.agent!.pid}/stat`);
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
}

const sufferings = Object.entries(FAILURES).map(([what, failure]) => ({ what, end: suffer(failure) }));
for (const { end } of sufferings) end.catch(() => {}); // its own test tells

for (const { what, end } of sufferings) {
  Deno.test(`while ${what}, the rest is still mended within 2.5 s and status names the trouble`, () => end);
}
