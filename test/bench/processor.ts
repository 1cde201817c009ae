// Who uses the processors: others, to wait until they do not, or one process with all that it started.

import { pids } from "../lab/reaper.ts";

const TICKS_PER_SECOND = 100; // USER_HZ, the same on every architecture that matters here
const FOREIGN_SHARE = 0.1;
/** Polls for peers cost WireGuard less, five thousand handshakes every five seconds more. */
const RESTING_SHARE = 0.02;
const REST_MS = 6_000;

/** Seconds that all processors were busy since the machine started. */
function busySeconds(): number {
  const [user, nice, system, , , irq, softirq] = Deno.readTextFileSync("/proc/stat").split(/\s+/).slice(1)
    .map(Number) as number[];
  return (user! + nice! + system! + irq! + softirq!) / TICKS_PER_SECOND;
}

/** Seconds of it that the programs of this laboratory used: in its namespace nobody else is seen. */
function ownSeconds(): number {
  return pids().reduce((sum, pid) => sum + ticksOf(pid), 0) / TICKS_PER_SECOND;
}

/**
 * Waits until others leave the processors alone for a while: what they do would be measured too.
 * @returns false when they did not within the limit
 */
export async function undisturbed({ limitMs = 60_000, lookMs = 250, looks = 2 } = {}): Promise<boolean> {
  const end = performance.now() + limitMs;
  for (let calm = 0; calm < looks;) {
    if (performance.now() > end) return false;
    const [busy, own, start] = [busySeconds(), ownSeconds(), performance.now()];
    await new Promise((resolve) => setTimeout(resolve, lookMs));
    const foreign = busySeconds() - busy - (ownSeconds() - own);
    calm = foreign * 1000 / (performance.now() - start) < FOREIGN_SHARE ? calm + 1 : 0;
  }
  return true;
}

/** Waits until a process rests: for six seconds, longer than WireGuard pauses between two tries. */
export async function resting(pid: number, limitMs: number): Promise<boolean> {
  const end = performance.now() + limitMs;
  while (performance.now() < end) {
    const before = secondsOf(pid);
    await new Promise((resolve) => setTimeout(resolve, REST_MS));
    if ((secondsOf(pid) - before) * 1000 / REST_MS < RESTING_SHARE) return true;
  }
  return false;
}

/** Processor seconds of a process, its living children, and those of its children that have ended. */
export function secondsOf(pid: number): number {
  let ticks = ticksOf(pid);
  for (const task of Deno.readDirSync(`/proc/${pid}/task`)) {
    const children = Deno.readTextFileSync(`/proc/${pid}/task/${task.name}/children`);
    for (const child of children.trim().split(" ")) if (child !== "") ticks += ticksOf(Number(child));
  }
  return ticks / TICKS_PER_SECOND;
}

/** utime, stime, cutime and cstime of proc(5); none of a process that has just ended. */
function ticksOf(pid: number): number {
  const text = statOf(pid);
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
}

function statOf(pid: number): string {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/stat`);
  } catch {
    return "";
  }
}

/** Memory of a process in megabytes. */
export interface Memory {
  readonly peakMb: number;
  readonly nowMb: number;
}

/** Resident memory of a process: now, and the most it ever had. */
export function memoryOf(pid: number): Memory {
  const text = Deno.readTextFileSync(`/proc/${pid}/status`);
  const megabytes = (name: string) => Number(new RegExp(`^${name}:\\s*(\\d+)`, "m").exec(text)![1]) / 1024;
  return { peakMb: megabytes("VmHWM"), nowMb: megabytes("VmRSS") };
}

/** What a process holds on to. */
export interface Holding {
  /** Open files, pipes and sockets. */
  readonly handles: number;
  /** Programs that it has started and that live. */
  readonly children: number;
}

/** What a process holds on to now. */
export function holdingOf(pid: number): Holding {
  const tasks = [...Deno.readDirSync(`/proc/${pid}/task`)].map(({ name }) => {
    return Deno.readTextFileSync(`/proc/${pid}/task/${name}/children`).trim();
  });
  return {
    handles: [...Deno.readDirSync(`/proc/${pid}/fd`)].length,
    children: tasks.join(" ").split(" ").filter((text) => text !== "").length,
  };
}
