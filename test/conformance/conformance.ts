// `deno task conformance`: the cases of cyclonus in a kind cluster with this checkout's agent, and nothing left of it.

import { parseArgs } from "node:util";
import { inCluster, NAMES, type Shape, SHAPES } from "../e2e/standing_cluster.ts";
import { STANDING, type Standing } from "../e2e/world.ts";
import { Cluster } from "../lab/kind/cluster.ts";
import { findEngine, runTask } from "../lab/kind/engine.ts";
import { writeImages } from "../lab/kind/image_archive.ts";
import { programPath } from "../lab/kind/programs.ts";
import { install, makeRoot } from "../lab/kind/small_root.ts";
import { Process } from "../lab/process.ts";
import { within } from "../lab/until.ts";
import { CASES_PATH, CONNECT_PATH, prepareCases } from "./programs.ts";
import { caseLine, type CaseResult, failureLines, passed, table } from "./report.ts";

const USAGE = `deno task conformance [--shape ${
  SHAPES.join("|")
}] [--full] [--only PART_OF_A_CASE'S_NAME] [--from NUMBER] [--keep]`;
const ROOT = new URL("../../", import.meta.url).pathname;
const IMAGE = "docker.io/wigglenet/conformance:1";
/** For a run that hangs: a machine that is busy with other things takes twice the time that docs/conformance.md tells. */
const DEADLINE_MS = 60 * 60_000;

interface Options {
  readonly shape: Shape;
  readonly full: boolean;
  readonly only: string;
  /** Number of the first case, to go on where a run has ended. */
  readonly from: string;
  readonly keep: boolean;
}

async function main(): Promise<number> {
  const options = optionsIn(Deno.args);
  if (options === undefined) return 2;
  await prepareCases();
  const { shape, keep } = options;
  const isGood = await inCluster(
    { shape, name: NAMES.byHand, isKept: keep },
    (env) => runCases(env, options),
  );
  return isGood ? 0 : 1;
}

function optionsIn(args: readonly string[]): Options | undefined {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        shape: { type: "string", default: SHAPES[0] },
        full: { type: "boolean", default: false },
        only: { type: "string", default: "" },
        from: { type: "string", default: "1" },
        keep: { type: "boolean", default: false },
      },
    });
    const shape = SHAPES.find((name) => name === values.shape);
    if (shape === undefined) throw new Error(`There is no shape "${values.shape}"`);
    if (!/^[1-9][0-9]*$/.test(values.from)) throw new Error(`"${values.from}" is no number of a case`);
    return { ...values, shape };
  } catch (error) {
    console.error(`${(error as Error).message}\n${USAGE}`);
  }
}

/** Whether every case passed. */
async function runCases(env: Readonly<Record<string, string>>, options: Options): Promise<boolean> {
  const { name } = JSON.parse(env[STANDING]!) as Standing;
  const cluster = new Cluster(await findEngine(), name);
  await loadImage(cluster);
  const started = performance.now();
  const results: CaseResult[] = [];
  let count = 0;
  const flags = [
    "-image",
    IMAGE,
    "-only",
    options.only,
    "-from",
    options.from,
    ...options.full ? ["-all"] : [],
  ];
  const process = new Process([...cluster.engine.enter, CASES_PATH, ...flags], {
    env: { KUBECONFIG: cluster.kubeconfig },
    onLine: (line, stream) => {
      if (stream === "stderr") return console.error(line);
      const told = JSON.parse(line);
      if (told.name === undefined) return count = told.cases;
      results.push(told);
      console.log(caseLine(told, results.length, count));
      if (!passed(told)) console.log(failureLines(told).join("\n"));
    },
  });
  await within("the cases", DEADLINE_MS, Promise.all([process.ended, process.closed])).catch((error: Error) =>
    console.error(error.message)
  );
  await process.kill();
  const minutes = ((performance.now() - started) / 60_000).toFixed(1);
  await keepResults(results);
  const failed = results.filter((result) => !passed(result)).length;
  console.log(`\n${table(results)}\n\n${minutes} minutes; each case is in dist/conformance/results.json`);
  if (results.length < count || count === 0) {
    console.log(`The run ended after ${results.length} of ${count} cases`);
  }
  console.log(`${results.length - failed} passed, ${failed + count - results.length} failed`);
  return failed === 0 && count > 0 && results.length === count;
}

async function keepResults(results: readonly CaseResult[]): Promise<void> {
  await Deno.mkdir(`${ROOT}dist/conformance`, { recursive: true });
  await Deno.writeTextFile(`${ROOT}dist/conformance/results.json`, JSON.stringify(results, undefined, 1));
}

/** What the pods run: agnhost of Kubernetes' own tests answers, connect asks. */
async function loadImage(cluster: Cluster): Promise<void> {
  const work = await Deno.makeTempDir();
  try {
    await makeRoot(`${work}/root`);
    await install(programPath("agnhost"), `${work}/root/agnhost`);
    await install(CONNECT_PATH, `${work}/root/connect`);
    await writeImages(`${work}/image.tar`, [{
      root: `${work}/root`,
      names: [IMAGE],
      entrypoint: ["/agnhost"],
    }]);
    await cluster.load(`${work}/image.tar`);
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

await runTask(main);
