// The image of this checkout's agent, as an archive that kind loads.

import { bundle, DIST } from "../../deploy/bundle.ts";
import { writeImages } from "../lab/kind/image_archive.ts";
import { copyFrom, makeRoot } from "../lab/kind/small_root.ts";

/** An image in a file. */
export interface ImageArchive {
  readonly name: string;
  readonly path: string;
}

/** Makes it from the bundle, this runtime and this machine's programs. */
export async function makeAgentImage(): Promise<ImageArchive> {
  await bundle();
  const root = await Deno.makeTempDir({ prefix: "wigglenet-image-" });
  const programs = ["sh", "dirname", "readlink", "ln", "env"].map((name) => `/usr/bin/${name}`);
  programs.push(
    "/usr/bin/wg",
    "/usr/bin/wireguard-go",
    "/usr/bin/ss",
    "/usr/bin/ping",
    "/usr/sbin/conntrack",
  );
  programs.push("/usr/sbin/nft", "/usr/sbin/ip", Deno.execPath());
  const name = "docker.io/wigglenet/agent:e2e", path = `${DIST}kind/agent.tar`;
  try {
    await makeRoot(root);
    await copyFrom("/", root, [
      ...programs,
      DIST.slice(0, -1) + "/wigglenet",
      DIST + "wigglenet.js",
      DIST + "cache",
    ]);
    await Deno.mkdir(`${DIST}kind`, { recursive: true });
    const env = [`DENO=${Deno.execPath()}`];
    await writeImages(path, [{ root, names: [name], entrypoint: [`${DIST}wigglenet`], env }]);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
  return { name, path };
}
