// The image of this checkout's agent, as an archive that kind loads: the one that is shipped.

import { buildImage, DEFAULTS } from "../../deploy/image/image.ts";
import { Objection } from "../lab/kind/engine.ts";

/** An image in a file. */
export interface ImageArchive {
  /** In full: a node's containerd knows no default registry. */
  readonly name: string;
  readonly path: string;
}

/** Makes it as `deno task image` does. Throws {@link Objection}. */
export async function makeAgentImage(): Promise<ImageArchive> {
  try {
    const { name, archive } = await buildImage(DEFAULTS);
    return { name: `docker.io/library/${name}`, path: archive };
  } catch (error) {
    throw new Objection(
      `The agent's image cannot be built: ${(error as Error).message}`,
      "deno task image tells more",
    );
  }
}
