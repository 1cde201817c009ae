// Runs layers of tests: `run.ts unit netns [--filter NAME] [--again]`. Its last line is `N passed, N failed`.
// A layer that cannot run here is named with the reason, never silently left out; under CI that is a failure.

import { parseArgs } from "node:util";
import { bundle } from "../deploy/bundle.ts";
import { compile, HOST } from "../deploy/compile.ts";
import { buildImage, DEFAULTS } from "../deploy/image/image.ts";
import { prepareBooting } from "./booted/packages.ts";
import { prepareKubernetes } from "./lab/kubernetes/binaries.ts";
import { prepare, prepareForEngines } from "./prepare.ts";
import { secondsLeft } from "./runner/budget.ts";
import { type Layer, LAYERS } from "./runner/layers.ts";
import { anyFailed, describeResults, failuresIn, type LayerResult } from "./runner/report.ts";
import { type LayerOptions, type Machine, runLayer, runsWithTests, type Tried } from "./runner/run_layer.ts";
import { standingHere } from "./runner/standing.ts";

/** Layers that have passed on this very tree: .ci/run says so of the gate's. */
const DONE = "WIGGLENET_LAYERS_DONE";
/** The variable that says which agent a laboratory runs: see lab/agent.ts. */
const AGENT = "WIGGLENET_AGENT";

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { filter: { type: "string" }, again: { type: "boolean", default: false } },
  });
  const done = new Set((Deno.env.get(DONE) ?? "").split(" "));
  for (const name of positionals) if (done.has(name)) console.log(`${name}: has passed already (${DONE})`);
  const layers = positionals.filter((name) => !done.has(name)).map(layerNamed);
  const files = [...await testsIn("src"), ...await testsIn("test")];
  refuseHomeless(files);
  await checkTypes(layers.flatMap((layer) => runsWithTests(layer, files).flatMap((run) => run.folders)));
  const needy = layers.filter((layer) => layer.needs !== "nothing" && runsWithTests(layer, files).length > 0);
  const machine = needy.length > 0 ? await machineHere(needy) : undefined;
  // A flake is to be hunted, and both results are shown; it must not keep a day's work from landing.
  const isRepeated = values.again || Deno.env.get("CI") === "true";
  const results: LayerResult[] = [];
  const options = { files, filter: values.filter, machine };
  const tried: { layer: Layer; first: Tried }[] = [];
  for (const layer of layers) {
    tried.push({ layer, first: await runLayer(layer, options) });
  }
  // Second tries come when all have had a first: they take the time that is left, not another layer's.
  for (const { layer, first } of tried) {
    const { notRun, seconds } = first.result;
    const isDue = isRepeated && notRun === undefined && failuresIn(first.result) > 0;
    const again = isDue && seconds < secondsLeft();
    if (isDue && !again) {
      console.log(`${layer.name}: no second try of ${seconds.toFixed(0)} s, CI's time is up`);
    }
    results.push({ ...first.result, ...(again ? { superseded: true } : {}) });
    if (again) results.push((await runLayer(layer, { ...options, before: first })).result);
    const binary = Deno.env.get("WIGGLENET_BINARY");
    if (layer.name === "netns" && binary !== undefined) {
      results.push(await runWith(binary, layer, options));
    }
  }
  console.log(describeResults(results));
  Deno.exit(anyFailed(results) ? 1 : 0);
}

/** All at once: what the layers share is looked at once. */
async function checkTypes(folders: readonly string[]): Promise<void> {
  const args = ["check", "--quiet", ...folders];
  const { success } = await new Deno.Command(Deno.execPath(), { args, stdin: "null" }).spawn().status;
  if (!success) Deno.exit(1);
}

/** Gets the machine ready: inside the namespaces of a layer there is no way out to fetch anything. */
async function machineHere(layers: readonly Layer[]): Promise<Machine> {
  const { success } = await new Deno.Command(Deno.execPath(), { args: ["ci", "--quiet"] }).spawn().status;
  if (!success) Deno.exit(1);
  const isWithEngines = layers.some(({ needs }) => needs === "container engines");
  const missing = await (isWithEngines ? prepareForEngines() : prepare());
  await bundle(); // what is shipped is tested, and built where esbuild can be fetched
  if (!Deno.env.has(AGENT)) Deno.env.set(AGENT, "built");
  if (Deno.env.has("DENORT_BIN")) Deno.env.set("WIGGLENET_BINARY", await compile(HOST));
  const isPlaneWanted = layers.some(({ needs }) => needs === "a control plane");
  const withoutControlPlane = isPlaneWanted ? await prepareKubernetes() : undefined;
  const withoutImage = layers.some(({ needs }) => needs === "an image") ? await imageHere() : undefined;
  const isBooted = layers.some(({ needs }) => needs === "nodes that boot");
  const withoutBooting = isBooted ? await prepareBooting() : undefined;
  return { missing, standing: await standingHere(), withoutControlPlane, withoutImage, withoutBooting };
}

/** Builds what the layer image runs, outside of its namespace, which reaches no package; returns why not. */
async function imageHere(): Promise<string | undefined> {
  try {
    const { name, digest } = await buildImage(DEFAULTS);
    console.log(`Built ${name}, ${digest}`);
  } catch (error) {
    return (error as Error).message;
  }
}

/** The layer once more, its nodes run by another agent. */
async function runWith(agent: string, layer: Layer, options: LayerOptions): Promise<LayerResult> {
  const own = Deno.env.get(AGENT)!;
  Deno.env.set(AGENT, agent);
  const { result } = await runLayer(layer, options);
  Deno.env.set(AGENT, own);
  return { ...result, layer: "netns, compiled" };
}

function layerNamed(name: string): Layer {
  const layer = LAYERS.get(name);
  if (layer !== undefined) return layer;
  console.error(`There is no layer "${name}". Layers: ${[...LAYERS.keys()].join(", ")}.`);
  Deno.exit(2);
}

async function testsIn(folder: string): Promise<string[]> {
  const files: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) files.push(...await testsIn(path));
    else if (name.endsWith("_test.ts")) files.push(path);
  }
  return files;
}

/** A test file in a folder that no layer names would never run, and nobody would notice. */
function refuseHomeless(files: readonly string[]): void {
  const folders = [...LAYERS.values()].flatMap((layer) => layer.runs.flatMap((run) => run.folders));
  const homeless = files.filter((file) => !folders.some((folder) => file.startsWith(`${folder}/`)));
  if (homeless.length === 0) return;
  console.error(`No layer runs ${homeless.join(", ")}. Name its folder in test/runner/layers.ts.`);
  Deno.exit(2);
}

await main();
