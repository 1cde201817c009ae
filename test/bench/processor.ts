// Who uses the processors: everybody, to wait until nobody else does, or one process with all that it started.

const TICKS_PER_SECOND = 100; // USER_HZ, the same on every architecture that matters here
const LOOK_MS = 250;
const QUIET_SHARE = 0.08;

/** Seconds that all processors were busy since the machine started. */
function busySeconds(): number {
  const [user, nice, system, , , irq, softirq] = Deno.readTextFileSync("/proc/stat").split(/\s+/).slice(1)
    .map(Number) as number[];
  return (user! + nice! + system! + irq! + softirq!) / TICKS_PER_SECOND;
}

/**
 * Waits until the machine does next to nothing for half a second: what it does otherwise would be measured too.
 * @returns false when it was not quiet within the limit
 */
export async function quiet(limitMs: number): Promise<boolean> {
  const end = performance.now() + limitMs;
  let calm = 0;
  while (calm < 2) {
    if (performance.now() > end) return false;
    const [before, start] = [busySeconds(), performance.now()];
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    const share = (busySeconds() - before) * 1000 / (performance.now() - start);
    calm = share < QUIET_SHARE ? calm + 1 : 0;
  }
  return true;
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

/** utime, stime, cutime and cstime of proc(5). */
function ticksOf(pid: number): number {
  const text = Deno.readTextFileSync(`/proc/${pid}/stat`);
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
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
