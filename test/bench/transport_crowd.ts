// A node and a thousand others by vxlan: how long its agent takes to load them, and one more to be in the kernel.

import { tell } from "./alone.ts";
import { type Expected, folderHand, isElement, ofEach, timed } from "./changes.ts";
import { type Member, memberOf, smallNode } from "./cluster.ts";
import { Crowd } from "./crowd.ts";
import { undisturbed } from "./processor.ts";
import { Sightings } from "./sightings.ts";
import type { Verdict } from "./verdict.ts";

const COUNT = 1_000;
const LOAD_BOUND_MS = 2_000;
const CHANGE_BOUND_MS = 150;
const TRANSPORT = "ipv4=vxlan,ipv6=vxlan";
const SETTINGS = { "transport-ipv4": "vxlan", "transport-ipv6": "vxlan" };
const DEVICE = "wigglenet-vx";

/** How often. */
export interface Effort {
  /** Loads. */
  readonly rounds: number;
  /** Nodes that join and leave. */
  readonly changes: number;
}

/** A Node that says what it takes. */
function vxlanNode(member: Member): string {
  return smallNode(member).replace(
    "  annotations:\n",
    `  annotations:\n    wigglenet/transport: ${TRANSPORT}\n`,
  );
}

/** Loads and changes, each against its bound. */
export async function measureCrowd({ rounds, changes }: Effort, verdict: Verdict): Promise<void> {
  const crowd = await Crowd.create();
  const folder = await crowd.writeFolder("vxlan", COUNT, vxlanNode);
  const loads: number[] = [];
  for (let i = 1; i <= rounds; i++) {
    await undisturbed();
    const { agent, loadMs } = await crowd.load(folder, SETTINGS);
    await verify(crowd);
    loads.push(loadMs);
    tell(`${COUNT} peers by vxlan, load ${i}: ${loadMs.toFixed()} ms`);
    if (i < rounds) await crowd.unload(agent);
  }
  verdict.median({
    what: `${COUNT} peers by vxlan, loaded`,
    values: loads,
    unit: "ms",
    bound: LOAD_BOUND_MS,
  });
  const { joins, leaves } = await measureChanges(crowd, folder, changes);
  for (const [what, values] of [["joins", joins], ["leaves", leaves]] as const) {
    verdict.median({ what: `one node ${what} ${COUNT}`, values, unit: "ms", bound: CHANGE_BOUND_MS });
    verdict.quantile(
      { what: `one node ${what} ${COUNT}, p90`, values, unit: "ms", bound: CHANGE_BOUND_MS },
      0.9,
    );
  }
  await crowd.lab.close();
}

async function verify({ node }: Crowd): Promise<void> {
  const shown = [await node.run(["ip", "-4", "route", "show", "proto", "146"])];
  shown.push(await node.run(["ip", "-6", "route", "show", "proto", "146"]));
  const found = shown.join("").match(/ encap ip id /g)?.length ?? 0;
  if (found !== 2 * COUNT) {
    throw new Error(`The kernel has ${found} routes that wrap, and should have ${2 * COUNT}`);
  }
}

async function measureChanges(
  crowd: Crowd,
  folder: string,
  count: number,
): Promise<{ joins: number[]; leaves: number[] }> {
  const sightings = new Sightings();
  await sightings.follow(crowd.node, ["nft", "monitor"]);
  await sightings.follow(crowd.node, ["ip", "-o", "monitor", "route"]);
  const hand = folderHand(crowd, folder, vxlanNode);
  const [joins, leaves]: [number[], number[]] = [[], []];
  for (let i = 0; i < count; i++) {
    const member = memberOf(6_000 + i);
    joins.push(await timed(sightings.allOf(seenOf(member, "add", "")), hand.join(member)));
    await undisturbed({ limitMs: 5_000, lookMs: 200, looks: 1 });
    leaves.push(await timed(sightings.allOf(seenOf(member, "delete", "Deleted ")), hand.leave(member)));
    await undisturbed({ limitMs: 5_000, lookMs: 200, looks: 1 });
  }
  await sightings.close();
  return { joins, leaves };
}

function seenOf({ podCidrs, addresses }: Member, verb: string, prefix: string): Expected {
  const isRoute = (cidr: string) => (line: string) =>
    line.startsWith(`${prefix}${cidr} `) && line.includes(` encap `) && line.includes(` dev ${DEVICE} `);
  return {
    ...ofEach(podCidrs, "element", (cidr) => (line) => isElement(line, verb, cidr)),
    ...ofEach(podCidrs, "route", isRoute),
    "sender": (line) => line.startsWith(`${verb} element inet wigglenet outer-v4 { ${addresses[0]} }`),
  };
}
