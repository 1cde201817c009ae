// `deno task kind-e2e`: a cluster, the agent on it, the tests of this folder in it, and nothing left of it.

import { parseArgs } from "node:util";
import { removeStanding, type Shape, SHAPES, StandingCluster } from "./standing_cluster.ts";
import { Objection } from "../lab/kind/engine.ts";
import { prepare } from "../prepare.ts";

const USAGE = `deno task kind-e2e [--shape ${
  SHAPES.join("|")
}] [--only PART_OF_A_TEST'S_NAME] [--keep] [--delete]`;
const NAME = "wigglenet";
// In order: what a later file disturbs, an earlier one has used.
const SUITE = ["pods", "services"].map((name) => new URL(`suite/${name}.ts`, import.meta.url).pathname);

async function main(): Promise<number> {
  const options = optionsIn(Deno.args);
  if (options === undefined) return 2;
  const { shape, only, keep } = options;
  if (options.delete) {
    await removeStanding(NAME);
    return 0;
  }
  await prepare();
  // Ctrl-C ends what runs; what was made is then removed as ever.
  const interrupted = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => interrupted.abort());
  }
  await using cluster = await StandingCluster.make({ shape, name: NAME, isKept: keep });
  if (interrupted.signal.aborted) return 130;
  const filter = only === undefined ? [] : ["--filter", only];
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["test", "-A", ...filter, ...SUITE],
    env: cluster.env,
  }).spawn().status;
  if (success) return 0;
  console.log(`What was seen is in ${await cluster.collect()}`);
  return 1;
}

function optionsIn(
  args: readonly string[],
): { shape: Shape; only?: string; keep: boolean; delete: boolean } | undefined {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        shape: { type: "string", default: SHAPES[0] },
        only: { type: "string" },
        keep: { type: "boolean", default: false },
        delete: { type: "boolean", default: false },
      },
    });
    const shape = SHAPES.find((name) => name === values.shape);
    if (shape === undefined) throw new Error(`There is no shape "${values.shape}"`);
    return { ...values, shape };
  } catch (error) {
    console.error(`${(error as Error).message}\n${USAGE}`);
  }
}

try {
  Deno.exit(await main());
} catch (error) {
  if (!(error instanceof Objection)) throw error;
  console.error(error.message);
  Deno.exit(1);
}
