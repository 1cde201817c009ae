// Somebody changes what is ours behind the agent's back: is it back in time, and does the log say what was changed?

import assert from "node:assert/strict";
import type { Host } from "../lab/host.ts";
import type { Lab, LabOptions } from "../lab/lab.ts";
import type { Node, Settings } from "../lab/node.ts";
import { PATIENCE, until } from "../lab/until.ts";
import { Mesh } from "./mesh.ts";
import { differences, readState } from "./state.ts";

/** What has events is back within a second. */
export const EVENT_MS = 1_000;
/** Peers and processes are polled. */
export const POLL_MS = 2_500;

/** One change, made to the first node of a mesh. */
export interface Drift {
  readonly act: () => Promise<unknown>;
  /** What the log must have said, within the last minute: it repeats itself no sooner. */
  readonly log: RegExp;
  /** Default {@link EVENT_MS}. */
  readonly withinMs?: number;
}

/** A mesh whose first node is tampered with. */
export class Victim {
  private constructor(readonly mesh: Mesh, readonly node: Node) {}

  /** By default two nodes; all filtered. */
  static async create(
    options: LabOptions = { nodes: 2 },
    settings: Settings = {},
    begins?: (lab: Lab) => void | Promise<void>,
  ): Promise<Victim> {
    const filtered = { "filter-ipv4": "true", "filter-ipv6": "true", ...settings };
    const mesh = await Mesh.create(options, filtered, begins);
    return new Victim(mesh, mesh.nodes[0]!);
  }

  /** Changes something and waits until all is as before. */
  async heals({ act, log, withinMs = EVENT_MS }: Drift): Promise<void> {
    const { node } = this;
    await until("the node to be at rest", async () => (await readState(node)) === (await readState(node)));
    const before = await readState(node);
    const lines = node.agent!.stderr;
    const told = lines.length;
    await act();
    await until(`${node.name} to be as before`, async () => {
      // To read the state takes a machine longer than to mend it: not before there is something to see.
      return lines.some((line) => log.test(line)) && (await readState(node)) === before;
    }, {
      deadlineMs: withinMs,
      seen: async () => {
        const news = lines.slice(told).join("\n");
        return `${differences(before, await readState(node))}\nlog since, wanted ${log}:\n${news}`;
      },
    });
  }

  /** As {@link heals}, and traffic flows again in both directions, measured apart, in the same time. */
  async healsTraffic(drift: Drift): Promise<void> {
    const probe = await this.mesh.probe();
    await this.heals(drift);
    await probe.flowing();
    const { there, back } = await probe.stop();
    const gaps = `there: ${there.longestGapMs.toFixed()} ms, back: ${back.longestGapMs.toFixed()} ms`;
    const allowedMs = (drift.withinMs ?? EVENT_MS) * PATIENCE;
    assert.ok(Math.max(there.longestGapMs, back.longestGapMs) <= allowedMs, gaps);
  }

  /** Runs a program on the node when it is time. */
  on(...argv: string[]): () => Promise<unknown> {
    return () => this.node.run(argv);
  }

  /** Loads nft text on the node when it is time. */
  nft(text: string): () => Promise<unknown> {
    return () => this.node.run(["nft", "-f", "-"], { stdin: text });
  }
}

/** The process of a machine whose arguments, each ended by a zero byte, look like this. */
export async function pidOf(host: Host, argv: RegExp): Promise<number | undefined> {
  const network = await Deno.readLink(host.netns);
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const there = await Deno.readLink(`/proc/${name}/ns/net`).catch(() => "");
    const isIt = async () => argv.test(await Deno.readTextFile(`/proc/${name}/cmdline`).catch(() => ""));
    if (there === network && await isIt()) return Number(name);
  }
}
