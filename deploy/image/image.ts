// `deno task image`: dist/image/wigglenet-VERSION-ARCH.tar, which docker, podman, containerd and kind load as it is; its
// root as a folder, which the Dockerfile copies; and the list of packages in it. No base image, no docker, no registry.

import { parseArgs } from "node:util";
import { bundle, bundledFiles, DIST } from "../bundle.ts";
import { compile } from "../compile.ts";
import { archiveOf, type Image } from "./archive.ts";
import { command } from "./command.ts";
import { measure } from "./confine.ts";
import { LINKS, MOUNT_POINTS, TEXTS } from "./contents.ts";
import type { DebianPackage } from "./debian.ts";
import { debianLayer } from "./debian_layer.ts";
import { ENTRYPOINT, environment, HOME, LAUNCHER, RUNTIME, runtimeConfig } from "./runtime.ts";
import { HOST_ARCHITECTURE, runtimeFor } from "./runtime_binary.ts";
import type { Entry } from "./tar.ts";
import { sizeOf, withFolders, writeTree } from "./tree.ts";
import { emulatorFor, warmCache } from "./warm_cache.ts";

/** Where images are built. */
export const IMAGES = `${DIST}image/`;
const TARGETS: Readonly<Record<string, string>> = {
  amd64: "x86_64-unknown-linux-gnu",
  arm64: "aarch64-unknown-linux-gnu",
};

/** What to build. */
export interface ImageOptions {
  readonly architecture: string;
  /** Default `wigglenet:VERSION`. */
  readonly name?: string | undefined;
  readonly suite: string;
  readonly sources?: string | undefined;
  readonly plugins?: string | undefined;
  /** A runtime that takes the place of npm's; its version may be another. */
  readonly runtime?: string | undefined;
  readonly isRefreshed?: boolean;
}

/** What was built. */
export interface BuiltImage {
  readonly name: string;
  readonly digest: string;
  readonly archive: string;
  readonly root: string;
  readonly packages: readonly DebianPackage[];
  readonly packagesList: string;
  /** Bytes of files by layer. */
  readonly sizes: Readonly<Record<string, number>>;
  /** False: nothing here could run the program, so the runtime's cache is not in it. */
  readonly isWarm: boolean;
}

/** The usual choice: this machine's architecture, Debian's stable release. */
export const DEFAULTS: ImageOptions = { architecture: HOST_ARCHITECTURE, suite: "trixie" };

/** The assembled root of the image that was built last. */
export function rootOf(architecture: string): string {
  return `${IMAGES}root-${architecture}`;
}

/** Builds an image. Throws Error with the remedy; then nothing of it is left. */
export async function buildImage(options: ImageOptions): Promise<BuiltImage> {
  const version = JSON.parse(await Deno.readTextFile(new URL("../../deno.json", import.meta.url))).version;
  const { architecture, name = `wigglenet:${version}` } = options;
  const half = await Deno.makeTempDir({ dir: await folder(), prefix: `.${architecture}-` });
  try {
    const layers = await layersOf(options, half);
    const image: Image = {
      name,
      architecture,
      layers: [layers.debian, layers.runtime, layers.program],
      env: Object.entries(environment(layers)).map(([variable, value]) => `${variable}=${value}`),
      entrypoint: ENTRYPOINT,
      labels: {
        "org.opencontainers.image.licenses": "MIT",
        "org.opencontainers.image.title": "wigglenet",
        "org.opencontainers.image.version": version,
      },
    };
    const { bytes, digest } = await archiveOf(image);
    const stem = `${IMAGES}wigglenet-${version}-${architecture}`;
    const list = layers.packages.map((one) => `${one.name} ${one.version} ${one.architecture}\n`).join("");
    await Deno.writeTextFile(
      `${half}/packages.txt`,
      `${list}deno ${options.runtime ?? Deno.version.deno} ${architecture}\n`,
    );
    await Deno.writeFile(`${half}/image.tar`, bytes);
    const root = rootOf(architecture);
    await Deno.remove(root, { recursive: true }).catch(() => {});
    await Deno.rename(`${half}/root`, root);
    await Deno.rename(`${half}/packages.txt`, `${stem}.packages.txt`);
    await Deno.rename(`${half}/image.tar`, `${stem}.tar`);
    const sizes = Object.fromEntries(
      (["debian", "runtime", "program"] as const).map((n) => [n, sizeOf(layers[n])]),
    );
    return {
      ...{ name, digest, root, sizes, packages: layers.packages, isWarm: layers.isWarm },
      ...{ archive: `${stem}.tar`, packagesList: `${stem}.packages.txt` },
    };
  } finally {
    await Deno.remove(half, { recursive: true });
  }
}

async function folder(): Promise<string> {
  await Deno.mkdir(IMAGES, { recursive: true });
  return IMAGES;
}

interface Layers {
  readonly debian: readonly Entry[];
  readonly runtime: readonly Entry[];
  readonly program: readonly Entry[];
  readonly packages: readonly DebianPackage[];
  readonly isCompiled: boolean;
  readonly isWarm: boolean;
}

/** Makes the layers, what changes least first, and `root` in the folder. */
async function layersOf(options: ImageOptions, folder: string): Promise<Layers> {
  const { architecture } = options;
  const home = HOME.slice(1);
  const isCompiled = Deno.env.has("DENORT_BIN");
  const file = (path: string, content: Uint8Array, mode: number): Entry => ({ path, content, mode });
  const text = (path: string, content: string, mode = 0o644) =>
    file(path, new TextEncoder().encode(content), mode);
  let main: Entry[];
  let runtime: Entry[] = [];
  if (isCompiled) {
    const binary = await Deno.readFile(await compile(TARGETS[architecture]!));
    main = [file(`${home}/wigglenet`, binary, 0o755)];
  } else {
    await bundle();
    runtime = [file(RUNTIME.slice(1), await runtimeFor(architecture, options.runtime), 0o755)];
    main = [
      text(`${home}/deno.json`, runtimeConfig()),
      text(`${home}/wigglenet`, LAUNCHER, 0o755),
      ...await Promise.all(
        (await bundledFiles()).map(async (path) =>
          file(`${home}/${path.slice(DIST.length)}`, await Deno.readFile(path), 0o644)
        ),
      ),
    ];
  }
  const guests = new Map([...runtime, ...main].map(({ path, content }) => [path, content as Uint8Array]));
  const { entries, packages } = await debianLayer({ ...withDefaults(options), guests });
  const debian = withFolders([...entries, ...skeleton(entries)]);
  const root = `${folder}/root`;
  await Deno.mkdir(root, { mode: 0o755 });
  await writeTree(root, [...debian, ...withFolders(runtime), ...withFolders(main)]);
  const emulator = await emulatorFor(architecture);
  const isWarm = !isCompiled && emulator !== undefined;
  const cache = isWarm ? await warmCache(root, emulator) : [];
  const program = withFolders([...main, ...cache]);
  await writeTree(root, program);
  return { debian, runtime: withFolders(runtime), program, packages, isCompiled, isWarm };
}

function withDefaults({ architecture, suite, sources, plugins, isRefreshed = false }: ImageOptions) {
  return { architecture, suite, sources, plugins, isRefreshed };
}

/** What is there before any program: links, mount points, the texts of /etc. */
function skeleton(entries: readonly Entry[]): Entry[] {
  const has = (folder: string) => entries.some(({ path }) => path.startsWith(`${folder}/`));
  return [
    ...Object.entries(LINKS).filter(([, target]) => target.startsWith("usr/") ? has(target) : true)
      .map(([path, linkTo]) => ({ path, mode: 0o777, content: { linkTo } })),
    ...[...new Set(MOUNT_POINTS)].map((path) => ({ path, mode: 0o755, content: "folder" as const })),
    ...Object.entries(TEXTS).map(([path, content]) => ({
      path,
      mode: 0o644,
      content: new TextEncoder().encode(content),
    })),
  ];
}

/** What an operator wants to know of what was built. */
async function report(built: BuiltImage, options: ImageOptions): Promise<void> {
  const mb = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
  const { size } = await Deno.stat(built.archive);
  console.log(built.packages.map(({ name, version }) => `  ${name} ${version}`).join("\n"));
  const layers = Object.entries(built.sizes).map(([name, bytes]) => `${name} ${mb(bytes)}`).join(", ");
  console.log(`size: ${mb(size)} (${layers})`);
  console.log(`start-up: ${await startUp(built, options)}`);
  if (!built.isWarm && !Deno.env.has("DENORT_BIN")) {
    console.log(
      "cache: none, for nothing here runs this architecture (qemu-user-static would): 8 MB, 0.1 s more a start",
    );
  }
  console.log(`packages: ${built.packagesList}`);
  console.log(`root: ${built.root}`);
  console.log(`${built.archive} is ${built.name} for ${options.architecture}, ${built.digest}`);
  console.log(
    `  docker load -i ${built.archive}, or podman load, kind load image-archive, ctr -n k8s.io images import`,
  );
}

async function startUp({ root, name, archive }: BuiltImage, { architecture }: ImageOptions): Promise<string> {
  if (architecture !== HOST_ARCHITECTURE) return "not measured, another machine's";
  if (Deno.uid() !== 0) return "not measured, that needs root";
  const isCompiled = Deno.env.has("DENORT_BIN");
  const argv = [...ENTRYPOINT, "version"];
  const ms = await measure(root, { argv, env: environment({ isCompiled }), runs: 7 });
  const docker = await inDocker(name, archive).catch((error) => `not by docker run (${lastWords(error)})`);
  return `${ms.toFixed(0)} ms for \`wigglenet version\` on a read-only root with NET_ADMIN alone; ${docker}`;
}

async function inDocker(name: string, archive: string): Promise<string> {
  await command(["docker", "load", "--quiet", "--input", archive]);
  const taken: number[] = [];
  for (let i = 0; i < 3; i++) {
    const started = performance.now();
    const safe = ["--read-only", "--network=host", "--cap-drop=ALL", "--cap-add=NET_ADMIN"];
    await command(["docker", "run", "--rm", ...safe, name, "version"]);
    taken.push(performance.now() - started);
  }
  return `${taken.toSorted((a, b) => a - b)[1]!.toFixed(0)} ms by docker run, its own work included`;
}

function lastWords(error: Error): string {
  return error.message.split("\n")[0]!.replace(/.* exited \d+: /, "");
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      arch: { type: "string", default: DEFAULTS.architecture },
      name: { type: "string" },
      plugins: { type: "string" },
      refresh: { type: "boolean", default: false },
      runtime: { type: "string" },
      sources: { type: "string" },
      suite: { type: "string", default: DEFAULTS.suite },
    },
  });
  if (!(values.arch in TARGETS)) {
    console.error(`There is no architecture ${values.arch}: ${Object.keys(TARGETS).join(" or ")}`);
    return 2;
  }
  const { arch: architecture, refresh: isRefreshed, ...rest } = values;
  const options: ImageOptions = { architecture, isRefreshed, ...rest };
  try {
    await report(await buildImage(options), options);
    return 0;
  } catch (error) {
    console.error(`No image was built: ${(error as Error).message}`);
    return 1;
  }
}

if (import.meta.main) Deno.exit(await main());
