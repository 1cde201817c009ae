// Container images without a container engine: a folder becomes the one layer of an image, in an archive that docker,
// containerd and kind read.

import { createHash } from "node:crypto";
import { run } from "../process.ts";

/** An image: the files below `root`, and what it says beside them. */
export interface Image {
  readonly root: string;
  /** In full, as `docker.io/kindest/x:1`: the archive is not only read by docker. */
  readonly names: readonly string[];
  readonly entrypoint?: readonly string[];
  readonly env?: readonly string[];
  readonly stopSignal?: string;
}

const PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const EPOCH = "1970-01-01T00:00:00Z";
const TAR_MS = 300_000;

/** Writes images to `path`. Their files are of one date and in order: same files, same image. */
export async function writeImages(path: string, images: readonly Image[]): Promise<void> {
  const draft = await Deno.makeTempDir({ dir: path.slice(0, path.lastIndexOf("/")), prefix: "image-" });
  try {
    const manifest = [];
    for (const image of images) manifest.push(await writeImage(image, draft));
    await Deno.writeTextFile(`${draft}/manifest.json`, JSON.stringify(manifest));
    const files = manifest.flatMap(({ Config, Layers }) => [Config, ...Layers]);
    await tar(["-C", draft, "-cf", path, "manifest.json", ...files]);
  } finally {
    await Deno.remove(draft, { recursive: true });
  }
}

async function writeImage(image: Image, draft: string): Promise<{ Config: string; Layers: string[] }> {
  const layer = `${draft}/layer`;
  await tar(["--sort=name", "--mtime=@0", "--numeric-owner", "-C", image.root, "-cf", layer, "."]);
  const digest = await digestOf(layer);
  await Deno.rename(layer, `${draft}/${digest}.tar`);
  const config = JSON.stringify({
    architecture: Deno.build.arch === "aarch64" ? "arm64" : "amd64",
    os: "linux",
    created: EPOCH,
    config: {
      Env: [PATH, ...image.env ?? []],
      ...(image.entrypoint && { Entrypoint: image.entrypoint }),
      ...(image.stopSignal && { StopSignal: image.stopSignal }),
    },
    rootfs: { type: "layers", diff_ids: [`sha256:${digest}`] },
    history: [{ created: EPOCH, created_by: "wigglenet" }],
  });
  const Config = `${createHash("sha256").update(config).digest("hex")}.json`;
  await Deno.writeTextFile(`${draft}/${Config}`, config);
  const entry = { Config, RepoTags: image.names, Layers: [`${digest}.tar`] };
  return entry;
}

async function tar(args: readonly string[]): Promise<void> {
  await run(["nice", "-n", "10", "tar", ...args], { deadlineMs: TAR_MS });
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  using file = await Deno.open(path);
  for await (const chunk of file.readable) hash.update(chunk);
  return hash.digest("hex");
}
