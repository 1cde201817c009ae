// `deno task kind-node-image`: the image of the nodes where no image registry can be reached, once for a machine.

import { Progress } from "../../demo/progress.ts";
import { prepareForClusters } from "../../prepare.ts";
import { Objection, runTask, startEngine } from "./engine.ts";
import { prepareNodeImage, prepareParts } from "./node_image.ts";

async function main(): Promise<void> {
  const [missing] = await prepareForClusters();
  if (missing !== undefined) throw new Objection(`Missing: ${missing.what}`, missing.remedy);
  const progress = new Progress();
  await progress.step("the programs of Kubernetes, a Debian", prepareParts);
  const engine = await progress.step("a container engine", startEngine);
  try {
    await progress.step("the image of the nodes", async (tell) => {
      tell(await prepareNodeImage(engine, (what) => progress.note(what)));
    });
  } finally {
    await engine.stop();
  }
}

await runTask(main);
