// `deno task bundle`: dist/wigglenet.js, the program and its templates for the stock runtime, and beside it in files of
// their own what is loaded only where a setting asks for it; dist/wigglenet, which starts it as shipped; dist/cache,
// which the runtime reads instead of analysing and compiling the files anew.

import { ALLOCATOR, shippedFlags } from "../src/core/shipped/flags.ts";
import { cacheEntries } from "./image/warm_cache.ts";

/** Where everything that is built goes. */
export const DIST = new URL("../dist/", import.meta.url).pathname;
/** The program. It imports the other .js files beside it. */
export const BUNDLE = `${DIST}wigglenet.js`;
/** Starts it with the flags of src/core/shipped. */
export const LAUNCHER = `${DIST}wigglenet`;
/** DENO_DIR of the program as shipped; only read once it is filled. */
export const CACHE = `${DIST}cache`;
const MAIN = new URL("../main.ts", import.meta.url).pathname;

/** Builds all three from scratch. Throws Error with what deno says. */
export async function bundle(): Promise<void> {
  await Deno.mkdir(DIST, { recursive: true });
  // Not minified: that saves 0.2 MB of file and 0.3 MB of memory, and costs every name in an error's trace.
  // Split: in one file, what is never used would still cost 10 MB of memory, @kubernetes/client-node for one.
  for (const path of await bundledFiles()) await Deno.remove(path);
  await deno(["bundle", "--quiet", "--platform=deno", "--code-splitting", `--outdir=${DIST}`, MAIN]);
  await Deno.rename(`${DIST}main.js`, BUNDLE);
  for (const path of await bundledFiles()) await requireLate(path);
  await Deno.writeTextFile(LAUNCHER, launcher(), { mode: 0o755 });
  await Deno.chmod(LAUNCHER, 0o755);
  await warm();
}

/** What `deno bundle` (2.9.6) puts before packages in CommonJS; it loads node:module into every agent, 3 MB of memory. */
const EARLY =
  /^import \{ createRequire as (\w+) \} from "node:module";\nvar __require = \1\(import\.meta\.url\);$/m;

/** What is required are modules of node's alone: all else is in the bundle. */
async function requireLate(path: string): Promise<void> {
  const text = await Deno.readTextFile(path);
  const late = text.replace(EARLY, "var __require = (name) => process.getBuiltinModule(name);");
  if (late !== text) await Deno.writeTextFile(path, late);
  if (/__require = \w+\(import\.meta\.url\)/.test(late)) {
    throw new Error(`${path} requires in another way than deno bundle 2.9.6 wrote: see docs/decisions/0032`);
  }
}

/** Everything that the program consists of, {@link BUNDLE} among it. */
export async function bundledFiles(): Promise<string[]> {
  const entries = await Array.fromAsync(Deno.readDir(DIST));
  return entries.filter(({ name }) => name.endsWith(".js")).map(({ name }) => DIST + name).sort();
}

/** What is loaded is analysed and compiled for the cache; a function that nobody has called is compiled when somebody does. */
async function warm(): Promise<void> {
  await Deno.remove(CACHE, { recursive: true }).catch(() => {});
  await Deno.mkdir(CACHE);
  for (let i = 0; i < 2; i++) await run(LAUNCHER, ["version", "--warm"], { DENO: Deno.execPath() });
  const entries = await cacheEntries(CACHE, "cache"); // with megabytes of history each start would read them
  await Deno.remove(CACHE, { recursive: true });
  for (const { path, content } of entries) {
    if (content instanceof Uint8Array) await Deno.writeFile(`${DIST}${path}`, content);
    else await Deno.mkdir(`${DIST}${path}`, { recursive: true });
  }
}

/** A flag a line: who needs another path sees where it belongs. */
function launcher(): string {
  const flags = ["--quiet", "--no-config", "--cached-only", ...shippedFlags()];
  return `#!/bin/sh
# Starts wigglenet.js as it is meant to be started; written by \`deno task bundle\` from src/core/shipped/flags.ts.
# DENO: the runtime, if it is not the deno beside this file, or in PATH. WIGGLENET_DENO_FLAGS: more permissions, for paths of your own.
# The cache belongs to this folder's path: after a move run \`wigglenet version --warm\` while it may be written.
here=$(dirname "$(readlink -f "$0")")
export DENO_DIR="$here/cache" DENO_NO_UPDATE_CHECK=1
export ${Object.entries(ALLOCATOR).map(([name, value]) => `${name}=${value}`).join(" ")}
if [ -x "$here/deno" ]; then : "\${DENO:=$here/deno}"; fi
exec "\${DENO:-deno}" run \\
${flags.map((flag) => `  ${flag} \\\n`).join("")}  \${WIGGLENET_DENO_FLAGS-} \\
  "$here/wigglenet.js" "$@"
`;
}

/** Runs this deno to its end. Throws Error with what it says. */
export async function deno(args: readonly string[]): Promise<void> {
  await run(Deno.execPath(), args);
}

async function run(
  program: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<void> {
  const { code, stderr } = await new Deno.Command(program, { args: [...args], env, stdin: "null" }).output();
  if (code === 0) return;
  throw new Error(`${program} ${args.join(" ")} exited ${code}: ${new TextDecoder().decode(stderr).trim()}`);
}

async function report(): Promise<void> {
  await bundle();
  const sizes = await Promise.all((await bundledFiles()).map(async (path) => (await Deno.stat(path)).size));
  const megabytes = (bytes: number) => (bytes / 1e6).toFixed(2);
  const { size } = await Deno.stat(BUNDLE);
  const all = sizes.reduce((a, b) => a + b, 0);
  console.log(`${LAUNCHER} starts ${BUNDLE} (${megabytes(size)} MB of ${megabytes(all)}), cache warmed`);
}

if (import.meta.main) await report();
