// `deno task kind-e2e`: a cluster, the agent on it, the tests of this folder in it, and nothing left of it.

import { parseArgs } from "node:util";
import { runTask } from "../lab/kind/engine.ts";
import { inCluster, NAMES, removeStanding, type Shape, SHAPES, SUITE } from "./standing_cluster.ts";

const USAGE = `deno task kind-e2e [--shape ${
  SHAPES.join("|")
}] [--only PART_OF_A_TEST'S_NAME] [--keep] [--delete]`;

async function main(): Promise<number> {
  const options = optionsIn(Deno.args);
  if (options === undefined) return 2;
  const { shape, only, keep } = options;
  if (options.delete) {
    await removeStanding();
    return 0;
  }
  const filter = only === undefined ? [] : ["--filter", only];
  const isGood = await inCluster({ shape, name: NAMES.byHand, isKept: keep }, async (env) => {
    const args = ["test", "-A", ...filter, SUITE];
    return (await new Deno.Command(Deno.execPath(), { args, env: { ...env } }).spawn().status).success;
  });
  return isGood ? 0 : 1;
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

await runTask(main);
