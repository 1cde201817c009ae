// `deno task deb`: dist/package/wigglenet_VERSION_ARCH.deb, and its files as a folder, which install.sh takes. The same
// checkout gives the same bytes. Needs dpkg-deb, and for a warm cache a namespace of mounts (root, or a user namespace).

import { parseArgs } from "node:util";
import { bundle, DIST } from "../bundle.ts";
import { command } from "../image/command.ts";
import { HOST_ARCHITECTURE } from "../image/runtime_binary.ts";
import { sizeOf, withFolders, writeTree } from "../image/tree.ts";
import { cacheEntries } from "../image/warm_cache.ts";
import { contents, HOME, isCompiled } from "./contents.ts";
import { controlFiles } from "./control.ts";

/** Where packages are built. */
export const PACKAGES = `${DIST}package/`;
const ARCHITECTURES: readonly string[] = ["amd64", "arm64"];

/** What to build. */
export interface DebOptions {
  readonly architecture: string;
  /** Default: that of deno.json. */
  readonly version?: string | undefined;
  /** A runtime that somebody brought, in place of npm's. */
  readonly runtime?: string | undefined;
}

/** What was built: paths of the package and of the folder with its files. */
export interface BuiltDeb {
  readonly deb: string;
  readonly root: string;
  readonly isWarm: boolean;
}

/** Bundles the program and packs it. Throws Error with the remedy. */
export async function buildDeb(options: DebOptions): Promise<BuiltDeb> {
  const { architecture, runtime, version = await ownVersion() } = options;
  await bundle();
  await Deno.mkdir(PACKAGES, { recursive: true });
  const draft = await Deno.makeTempDir({ dir: PACKAGES, prefix: `.${architecture}-` });
  try {
    const root = `${draft}/root`;
    await Deno.mkdir(root, { mode: 0o755 });
    const program = await contents(architecture, runtime);
    await writeTree(root, withFolders(program));
    const isWarm = !isCompiled() && architecture === HOST_ARCHITECTURE && runtime === undefined;
    const cache = isWarm ? await warmCache(root) : [];
    await writeTree(root, cache);
    const name = `wigglenet_${version}_${architecture}.deb`;
    const bytes = sizeOf([...program, ...cache]);
    await writeControl(`${root}/DEBIAN`, controlFiles({ version, architecture, bytes }));
    await pack(root, `${draft}/${name}`);
    await Deno.remove(`${root}/DEBIAN`, { recursive: true });
    const final = `${PACKAGES}root-${architecture}`;
    await Deno.remove(final, { recursive: true }).catch(() => {});
    await Deno.rename(root, final);
    await Deno.rename(`${draft}/${name}`, `${PACKAGES}${name}`);
    return { deb: `${PACKAGES}${name}`, root: final, isWarm };
  } finally {
    await Deno.remove(draft, { recursive: true });
  }
}

async function ownVersion(): Promise<string> {
  return JSON.parse(await Deno.readTextFile(new URL("../../deno.json", import.meta.url))).version;
}

async function writeControl(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  await Deno.mkdir(folder, { mode: 0o755 });
  for (const [name, text] of Object.entries(files)) {
    await Deno.writeTextFile(`${folder}/${name}`, text);
    await Deno.chmod(`${folder}/${name}`, text.startsWith("#!") ? 0o755 : 0o644);
  }
}

/** gzip: the runtime takes a minute of xz, for a tenth less. */
async function pack(root: string, deb: string): Promise<void> {
  if (!await Deno.stat("/usr/bin/dpkg-deb").then(() => true, () => false)) {
    throw new Error("dpkg-deb is not here: build on Debian or Ubuntu, or in a container of either");
  }
  const env = { SOURCE_DATE_EPOCH: "0" };
  await command(["dpkg-deb", "--root-owner-group", "-Zgzip", "-z6", "--build", root, deb], { env });
}

/** The tree over this machine's root, for the cache belongs to the path where the program stands. */
const OVERLAY = `set -e
mount -t tmpfs -o mode=755 tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
cp -a "$2/usr" "$1/upper/usr"
mkdir -p "$1/upper/$3/cache"
mount -t overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" overlay "$1/root"
for part in proc dev; do mount --rbind "/$part" "$1/root/$part"; done
# The first run analyses, the second compiles for the cache.
for run in 1 2; do env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot "$1/root" "/$3/wigglenet" version --warm > /dev/null; done
cp -r "$1/root/$3/cache" "$4"`;

async function warmCache(root: string) {
  const place = await Deno.makeTempDir({ prefix: "wigglenet-warm-" });
  const filled = `${root}/../cache`;
  try {
    const user = Deno.uid() === 0 ? [] : ["--map-root-user"];
    await command(["unshare", "--mount", ...user, "sh", "-c", OVERLAY, "sh", place, root, HOME, filled]);
    return await cacheEntries(filled, `${HOME}/cache`);
  } finally {
    await Deno.remove(place, { recursive: true });
  }
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      arch: { type: "string", default: HOST_ARCHITECTURE },
      version: { type: "string" },
      runtime: { type: "string" },
    },
  });
  if (!ARCHITECTURES.includes(values.arch)) {
    console.error(`There is no architecture ${values.arch}: ${ARCHITECTURES.join(" or ")}`);
    return 2;
  }
  try {
    const { deb, root, isWarm } = await buildDeb({ ...values, architecture: values.arch });
    const { size } = await Deno.stat(deb);
    console.log(`${deb}: ${(size / 1e6).toFixed(1)} MB${isWarm ? ", cache warmed" : ""}`);
    console.log(`  apt install ${deb}; without dpkg: deploy/install.sh ${root}`);
    return 0;
  } catch (error) {
    console.error(`No package was built: ${(error as Error).message}`);
    return 1;
  }
}

if (import.meta.main) Deno.exit(await main());
