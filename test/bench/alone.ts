// A benchmark's way into the laboratory's namespace and out again: what it needs is installed before, its exit
// code says whether the bounds held, and nothing of it stays.

import { bundle } from "../../deploy/bundle.ts";
import { SOURCE } from "../lab/agent.ts";
import { isInside, runInside } from "../lab/outer.ts";
import { run } from "../lab/process.ts";
import { prepareOrExit } from "../prepare.ts";
import { standingHere } from "../runner/standing.ts";
import type { Verdict } from "./verdict.ts";

/** What a benchmark is. */
export interface Benchmark {
  /** `import.meta.url` of its entry. */
  readonly url: string;
  /** Inside the namespace: prints as it goes, and judges. */
  readonly measure: () => Promise<Verdict>;
  /** On the machine itself, before; what it returns is undone after. */
  readonly arrange?: () => Promise<() => Promise<void>>;
  /** Programs and their packages, besides those that everything needs. */
  readonly programs?: Readonly<Record<string, string>>;
}

/** Runs a benchmark and ends the process: 0 when all bounds held, 1 otherwise. */
export async function runAlone(benchmark: Benchmark): Promise<never> {
  Deno.exit(isInside() ? await inside(benchmark) : await outside(benchmark));
}

async function outside({ url, arrange, programs }: Benchmark): Promise<number> {
  await prepareOrExit(programs);
  const standing = await standingHere();
  if (standing !== "root") {
    const why = typeof standing === "object" ? `: ${standing.refused}` : "";
    console.error(`The benchmark needs root and may not have it here${why}. Run it with sudo.`);
    return 1;
  }
  for (const entry of [SOURCE.argv.at(-1)!, url]) {
    await run([Deno.execPath(), "install", "--quiet", "--entrypoint", entry]); // no way out from inside
  }
  await bundle();
  const undo = await arrange?.();
  try {
    return await runInside([Deno.execPath(), "run", "--quiet", "--cached-only", "-A", url, ...Deno.args]);
  } finally {
    await undo?.();
  }
}

async function inside({ measure }: Benchmark): Promise<number> {
  Deno.addSignalListener("SIGINT", () => Deno.exit(130)); // process 1 ignores what it does not listen to
  try {
    const verdict = await measure();
    console.log(`\n${verdict.table()}`);
    return verdict.holds ? 0 : 1;
  } catch (error) {
    console.error(error instanceof Error ? error.stack : error);
    return 1;
  }
}

/** One line of what is going on. */
export function tell(text: string): void {
  const seconds = (performance.now() / 1000).toFixed(0).padStart(4);
  console.log(`${seconds} s  ${text}`);
}
