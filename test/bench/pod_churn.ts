// What pods of other nodes that come and go cost a whole agent: one by one, and 200 a second.

import type { Node } from "../lab/node.ts";
import type { Process } from "../lab/process.ts";
import { tell } from "./alone.ts";
import { ChildWatch } from "./child_watch.ts";
import { DEADLINE_MS, type Elements } from "./elements.ts";
import { podAddresses, podObject } from "./policed_cluster.ts";
import { memoryOf, secondsOf, undisturbed } from "./processor.ts";
import { median } from "./statistics.ts";
import type { Verdict } from "./verdict.ts";

/** Who makes pods come and go, of an agent that hears of them. The times are of `performance.now`, from which on it was so. */
export interface PodHand {
  readonly agent: Process;
  readonly node: Node;
  readonly elements: Elements;
  /** What of a pod is there before it has got its address. */
  readonly prepare?: (pod: Record<string, unknown>) => Promise<void>;
  readonly put: (pod: Record<string, unknown>) => Promise<number>;
  readonly remove: (namespace: string, name: string) => Promise<number>;
}

const CHANGES_A_SECOND = 200;
/** A pod that comes goes after as many others have come. */
const LIVING = 500;
/** Of pods that are none of the cluster's 5,000. */
const FIRST = 20_000;
const LONGEST_PAUSE_MS = 500;
const SETTLING_MS = 5_000;
/** What a change leaves to be done is done by then. */
const AFTER_MS = 300;
/** An audit is every 30 s. */
const REST_MS = 30_000;

async function lag(seen: Promise<number>, done: Promise<number>): Promise<number> {
  const [seenMs, doneMs] = await Promise.all([seen, done]);
  return Math.min(DEADLINE_MS, seenMs - doneMs);
}

function namesOf(pod: Record<string, unknown>): [namespace: string, name: string] {
  const { namespace, name } = pod.metadata as Record<string, string>;
  return [namespace!, name!];
}

/** One more, and the same one less, at times that meet polls and audits as they fall. */
export async function judgeSingles(verdict: Verdict, hand: PodHand, count: number): Promise<void> {
  const { agent: { pid }, elements } = hand;
  tell(`${count} pods of other nodes come and go, one by one`);
  const times: Record<"add" | "delete", number[]> = { add: [], delete: [] };
  const spent = { add: 0, delete: 0 };
  const restShare = await shareAtRest(pid);
  const time = async (verb: "add" | "delete", i: number, change: () => Promise<number>) => {
    await undisturbed({ limitMs: 1_000, lookMs: 200 + Math.random() * LONGEST_PAUSE_MS, looks: 1 });
    const [before, startMs] = [secondsOf(pid), performance.now()];
    const seen = elements.soon(verb, "p4", podAddresses(i)[0]);
    times[verb].push(await lag(seen, change()));
    await pause(AFTER_MS);
    spent[verb] += (secondsOf(pid) - before) * 1_000 - restShare * (performance.now() - startMs);
  };
  for (let i = FIRST; i < FIRST + count; i++) {
    const pod = podObject(i);
    await hand.prepare?.(pod);
    await time("add", i, () => hand.put(pod));
    await time("delete", i, () => hand.remove(...namesOf(pod)));
  }
  for (const [verb, what, bound] of [["add", "more", 40], ["delete", "less", 120]] as const) {
    const name = `one remote pod ${what}: acknowledged to kernel`;
    verdict.median({ what: name, values: times[verb], unit: "ms", bound });
    verdict.quantile({ what: `${name}, p90`, values: times[verb], unit: "ms" }, 0.9);
    verdict.single({
      what: `one remote pod ${what}: processor, programs too, beyond rest`,
      value: spent[verb] / count, // ticks are of 10 ms: only their mean says something
      unit: "ms",
      bound: 20,
      digits: 1,
    });
  }
  verdict.single({ what: "at rest: agent and programs", value: restShare * 100, unit: "%", digits: 1 });
}

/** What part of a processor the agent takes when nothing happens, with its polls and audits. */
async function shareAtRest(pid: number): Promise<number> {
  const [before, startMs] = [secondsOf(pid), performance.now()];
  await pause(REST_MS);
  return (secondsOf(pid) - before) * 1_000 / (performance.now() - startMs);
}

/** How late each was in the kernel, in milliseconds. */
async function churn(hand: PodHand, seconds: number): Promise<number[]> {
  const lags: Promise<number>[] = [];
  const startMs = performance.now();
  const count = seconds * CHANGES_A_SECOND / 2;
  const change = (verb: "add" | "delete", i: number, done: Promise<number>) => {
    lags.push(lag(hand.elements.soon(verb, "p4", podAddresses(i)[0]), done));
  };
  for (let i = 0; i < count; i++) {
    await pause(startMs + i * 2_000 / CHANGES_A_SECOND - performance.now());
    change("add", FIRST + i, hand.put(podObject(FIRST + i)));
    const gone = FIRST + i - LIVING;
    if (gone >= FIRST) change("delete", gone, hand.remove(...namesOf(podObject(gone))));
  }
  const values = await Promise.all(lags);
  const lateMs = performance.now() - startMs - seconds * 1_000;
  if (lateMs > DEADLINE_MS) throw new Error(`the pods came ${Math.round(lateMs / 1_000)} s too slowly`);
  return values;
}

/** 200 changes a second. */
export async function judgeChurn(verdict: Verdict, hand: PodHand, seconds: number): Promise<void> {
  const { agent: { pid } } = hand;
  using children = new ChildWatch(pid);
  await undisturbed();
  tell(`${CHANGES_A_SECOND} pods of other nodes come or go a second for ${seconds} s`);
  const memory: number[] = [];
  const look = setInterval(() => memory.push(memoryOf(pid).nowMb), 500);
  const before = secondsOf(pid);
  const lags = await churn(hand, seconds);
  const spent = secondsOf(pid) - before;
  clearInterval(look);
  const what = `${CHANGES_A_SECOND} pod changes a second`;
  verdict.median({ what: `${what}: acknowledged to kernel`, values: lags, unit: "ms" });
  verdict.single({ what: `${what}: the most`, value: Math.max(...lags), unit: "ms", bound: 1_000 });
  const rest = { unit: "ms", digits: 1, bound: 20 };
  verdict.single({ what: `${what}: processor for each`, value: spent * 1_000 / lags.length, ...rest });
  const third = Math.floor(memory.length / 3);
  const growth = median(memory.slice(-third)) - median(memory.slice(third, 2 * third));
  verdict.single({ what: `${what}: last third against the second`, value: growth, unit: "MB", bound: 8 });
  verdict.single({ what: "agent, most memory (VmHWM)", value: memoryOf(pid).peakMb, unit: "MB", bound: 160 });
  await pause(SETTLING_MS);
  await judgeReload(verdict, hand, children);
}

/** All that there is, from what the agent knows to the kernel: somebody has deleted the table. */
async function judgeReload(
  verdict: Verdict,
  { agent, node, elements }: PodHand,
  watched: ChildWatch,
): Promise<void> {
  using children = new ChildWatch(agent.pid, 3);
  const stands = elements.soon("add", "policy-known-v4", podAddresses(0)[0]);
  const startMs = performance.now();
  await node.run(["nft", "delete", "table", "inet", "wigglenet"]);
  const value = await stands - startMs;
  verdict.single({ what: "the table is gone: all of it enforced again", value, unit: "ms", bound: 1_500 });
  await pause(2_000);
  const peakMb = Math.max(children.peakMb("nft"), watched.peakMb("nft"));
  verdict.single({ what: "nft child, most memory", value: peakMb, unit: "MB", bound: 100 });
}

function pause(ms: number): Promise<void> {
  return ms <= 0 ? Promise.resolve() : new Promise((resolve) => setTimeout(resolve, ms));
}
