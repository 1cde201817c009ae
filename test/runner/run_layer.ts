// Runs one layer: each of its runs is a `deno test` process with exactly the permissions that it needs, or one for each file.

import { inCluster, NAMES } from "../e2e/standing_cluster.ts";
import { Objection } from "../lab/kind/engine.ts";
import { runInside } from "../lab/outer.ts";
import { type Missing, TUN } from "../prepare.ts";
import { secondsLeft } from "./budget.ts";
import { parseJunit, type TestResult } from "./junit.ts";
import { shareOut } from "./lanes.ts";
import type { Layer, TestRun } from "./layers.ts";
import type { LayerResult } from "./report.ts";
import type { Standing } from "./standing.ts";

const CLUSTER = { shape: "dual-stack", name: NAMES.layer, isKept: false } as const;

/** What there is to run on. */
export interface Machine {
  readonly missing: readonly Missing[];
  readonly standing: Standing;
  /** Why there is no Kubernetes control plane to test with; undefined where there is, or nobody asked. */
  readonly withoutControlPlane?: string | undefined;
  /** Why no container image could be built; undefined where it was, or nobody asked. */
  readonly withoutImage?: string | undefined;
  /** Why no node can boot here; undefined where one can, or nobody asked. */
  readonly withoutBooting?: string | undefined;
}

/** How a layer is run. */
export interface LayerOptions {
  /** Files with tests, from the root of the repository. */
  readonly files: readonly string[];
  /** Part of the names of the tests to run, or /a regular expression/. */
  readonly filter?: string | undefined;
  /** Undefined when no layer that has tests needs anything of the machine. */
  readonly machine?: Machine | undefined;
  /** A first try: what ended well in it counts as it is, and only the rest runs again. */
  readonly before?: Tried | undefined;
}

/** What came of a layer, and the processes that it was made of. */
export interface Tried {
  readonly result: LayerResult;
  readonly ends: readonly RunEnd[];
}

/** Runs a layer with its output streamed, or says why not. */
export async function runLayer(layer: Layer, options: LayerOptions): Promise<Tried> {
  const result = {
    layer: layer.name,
    task: layer.task,
    passed: 0,
    failed: [],
    broken: [],
    ignored: [],
    seconds: 0,
  };
  const runs = runsWithTests(layer, options.files);
  if (runs.length === 0) {
    const notRun = layer.isLong ? "none yet: comes with a later issue" : "none yet";
    return { result: { ...result, notRun }, ends: [] };
  }
  const objection = options.machine && objectionTo(layer, options.machine);
  if (objection !== undefined) return withoutRun(result, objection);
  const started = performance.now();
  // What runs in one cluster builds upon what ran in it before.
  const kept = layer.needs === "a cluster" ? [] : (options.before?.ends ?? []).filter(hasEndedWell);
  const ended: Promise<readonly RunEnd[]>[] = [Promise.resolve(kept)];
  const isKept = (folders: readonly string[]) => kept.some(({ of }) => of === folders.join(" "));
  const runAll = async (env: Readonly<Record<string, string>>) => {
    for (const run of runs) {
      if (isKept(run.folders)) continue;
      console.log(`\n=== ${layer.name}: ${run.folders.join(" ")}`);
      const files = options.files.filter((file) => !isKept([file]));
      const end = runFiles(layer, run, { env, ...options, files });
      ended.push(end);
      if (!run.isBeside) await end;
    }
    return (await Promise.all(ended)).flat().every(hasEndedWell);
  };
  try {
    if (layer.needs === "a cluster") await inCluster(CLUSTER, runAll);
    else await runAll({});
  } catch (error) {
    if (error instanceof Objection) return withoutRun(result, error.message);
    ended.push(Promise.resolve([{ of: "", tests: [], broken: (error as Error).message }]));
  }
  const ends = (await Promise.all(ended)).flat();
  const seconds = (performance.now() - started) / 1000;
  return { result: { ...result, ...summedUp(ends, options.filter !== undefined), seconds }, ends };
}

function summedUp(
  ends: readonly RunEnd[],
  isFiltered: boolean,
): Pick<LayerResult, "passed" | "failed" | "broken" | "ignored"> {
  const tests = ends.flatMap((end) => end.tests);
  const names = (outcome: TestResult["outcome"]) =>
    tests.filter((test) => test.outcome === outcome).map((test) => test.name);
  return {
    passed: names("passed").length,
    failed: names("failed"),
    broken: ends.flatMap(({ broken }) => broken ?? []),
    // Deno reports what a filter leaves out as ignored.
    ignored: isFiltered ? [] : names("ignored"),
  };
}

/** Where a layer cannot run that is no failure, unless it is CI: there it must. */
function withoutRun(result: LayerResult, objection: string): Tried {
  const broken = Deno.env.get("CI") === "true" ? ["the layer could not run"] : [];
  return { result: { ...result, broken, notRun: `could not run: ${objection}` }, ends: [] };
}

function hasEndedWell({ tests, broken }: RunEnd): boolean {
  return broken === undefined && tests.every(({ outcome }) => outcome !== "failed");
}

/** The runs of a layer that have tests, each with only those of its folders that do. */
export function runsWithTests({ runs }: Layer, files: readonly string[]): TestRun[] {
  return runs.map((run) => ({
    ...run,
    folders: run.folders.filter((folder) => files.some((file) => file.startsWith(`${folder}/`))),
  })).filter((run) => run.folders.length > 0);
}

function objectionTo(layer: Layer, machine: Machine): string | undefined {
  const { missing, standing } = machine;
  if (layer.needs === "nothing") return;
  const lacking = layer.needs !== "namespaces" ? missing : missing.filter(({ what }) => what !== TUN);
  if (lacking.length > 0) {
    return `missing ${lacking.map(({ what, remedy }) => `${what} (${remedy})`).join("; ")}`;
  }
  if (typeof standing === "object") return standing.refused;
  if (layer.needs !== "namespaces" && standing !== "root") {
    return "needs root: TUN devices, all files. Run it with sudo";
  }
  if (layer.needs === "a control plane") return machine.withoutControlPlane;
  if (layer.needs === "an image") return machine.withoutImage;
  if (layer.needs === "nodes that boot") return machine.withoutBooting;
}

/** What runs beside another waits most of the time: more files at once than there are processors. */
const PATIENT = { DENO_JOBS: "4" };

/** How one process of `deno test` ended. */
export interface RunEnd {
  /** Its folders or its file, by spaces. */
  readonly of: string;
  readonly tests: readonly TestResult[];
  /** How the process ended, where its tests do not say it. */
  readonly broken?: string;
}

interface RunOptions {
  readonly filter?: string | undefined;
  readonly env: Readonly<Record<string, string>>;
}

/** In one process, or each file in one of its own, as the run says. */
async function runFiles(
  layer: Layer,
  run: TestRun,
  options: RunOptions & Pick<LayerOptions, "files">,
): Promise<readonly RunEnd[]> {
  const { lanes, folders } = run;
  if (lanes === undefined) return [await runTests(layer, run, options)];
  const piles = folders.map((folder) =>
    inOrder(run, options.files.filter((it) => it.startsWith(`${folder}/`)))
  );
  const ends: RunEnd[] = [];
  let isInterrupted = false;
  const interrupt = () => void (isInterrupted = true);
  const work = async (file: string) => {
    if (!isInterrupted) {
      ends.push(await runTests(layer, { ...run, folders: [file], isBeside: true }, options));
    }
  };
  const signals = ["SIGINT", "SIGTERM"] as const;
  for (const signal of signals) Deno.addSignalListener(signal, interrupt);
  await shareOut(piles, { lanes, work });
  for (const signal of signals) Deno.removeSignalListener(signal, interrupt);
  return isInterrupted ? [...ends, { of: "", tests: [], broken: "interrupted" }] : ends;
}

/** Those that take longest first. */
function inOrder({ longest = [] }: TestRun, files: readonly string[]): string[] {
  const rank = (file: string) => {
    const place = longest.findIndex((name) => file.endsWith(`/${name}_test.ts`));
    return place < 0 ? longest.length : place;
  };
  return [...files].sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
}

async function runTests(layer: Layer, run: TestRun, { filter, env }: RunOptions): Promise<RunEnd> {
  const folder = await Deno.makeTempDir({ prefix: "wigglenet-test-" });
  const report = `${folder}/junit.xml`;
  try {
    // Types are checked once for all layers: each of a dozen processes would need five seconds for it.
    const flags = ["--quiet", "--no-prompt", "--no-check", `--junit-path=${report}`, ...run.flags];
    if (layer.name === "golden" && Deno.env.has("UPDATE_GOLDEN")) flags.push("--allow-write=test/golden");
    if (filter !== undefined) flags.push(`--filter=${filter}`);
    const argv = [Deno.execPath(), "test", ...flags, ...run.folders];
    const end = await start(layer, argv, { env, isHeld: run.isBeside ?? false });
    const tests = parseJunit(await Deno.readTextFile(report).catch(() => ""));
    const of = run.folders.join(" ");
    if (end === undefined || tests.some((test) => test.outcome === "failed")) return { of, tests };
    return { of, tests, broken: `${of}: ${end}` };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Runs a command to its end; undefined when it ended well, otherwise how it ended. */
async function start(layer: Layer, argv: readonly string[], { env, isHeld }: {
  readonly env: Readonly<Record<string, string>>;
  readonly isHeld: boolean;
}): Promise<string | undefined> {
  const [program, ...args] = argv;
  const deadlineSeconds = Math.ceil(Math.min(layer.deadlineSeconds, secondsLeft()));
  const signal = AbortSignal.timeout(deadlineSeconds * 1000);
  let code;
  if (layer.needs === "nothing" || layer.needs === "a virtual machine") {
    const quick = { NO_COLOR: "1", ...(isHeld ? PATIENT : {}) };
    const options = { args, signal, stdin: "null", stdout: "piped", env: quick } as const;
    const child = new Deno.Command(program!, options).spawn();
    await printFailures(child.stdout, isHeld);
    code = (await child.status).code;
  } else if (layer.needs === "a cluster") {
    // Not in a namespace: the cluster is in that of its engine.
    const options = { args, signal, stdin: "null", env: { ...env, NO_COLOR: "1" } } as const;
    code = (await new Deno.Command(program!, options).spawn().status).code;
  } else code = await runInside(argv, { signal, isHeld });
  if (signal.aborted) return `not done after ${deadlineSeconds} s`;
  return code === 0 ? undefined : `ended with code ${code}, and not by a failed test`;
}

/**
 * Passes on what the quick layers print, but for the hundreds of lines that say "ok".
 * @param isHeld at the end, as one piece
 */
async function printFailures(
  output: ReadableStream<Uint8Array<ArrayBuffer>>,
  isHeld: boolean,
): Promise<void> {
  let rest = "";
  const held: string[] = [];
  const print = (line: string) => isHeld ? held.push(line) : console.log(line);
  for await (const text of output.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) if (!/ \.\.\. ok \(/.test(line)) print(line);
  }
  if (rest !== "") print(rest);
  if (held.length > 0) console.log(held.join("\n"));
}
