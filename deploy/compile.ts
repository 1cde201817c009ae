// `deno task compile [--target TRIPLE]`: dist/wigglenet-ARCH, the bundle and the runtime in one file, with the permissions
// and V8 flags of src/core/shipped in it. Needs Deno's compile base, denort; where there is none it says how to get it.

import { parseArgs } from "node:util";
import { shippedFlags } from "../src/core/shipped/flags.ts";
import { BUNDLE, bundle, deno, DIST } from "./bundle.ts";

/** What this machine runs. */
export const HOST = `${Deno.build.arch}-unknown-linux-gnu`;
const TARGETS: readonly string[] = ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"];

/** Where deno looks for its compile base, in its order; the last one is what it downloads. */
export function bases(target: string): { readonly path: string; readonly what: string }[] {
  const cache = Deno.env.get("DENO_DIR") ??
    `${Deno.env.get("XDG_CACHE_HOME") ?? `${Deno.env.get("HOME")}/.cache`}/deno`;
  const given = Deno.env.get("DENORT_BIN");
  const beside = `${Deno.execPath().replace(/[^/]*$/, "")}denort`;
  return [
    ...(given === undefined ? [] : [{ path: given, what: "DENORT_BIN" }]),
    ...(target === HOST ? [{ path: beside, what: "beside deno" }] : []),
    { path: `${cache}/dl/release/v${Deno.version.deno}/denort-${target}.zip`, what: "in deno's cache" },
  ];
}

/** What to do where there is no base. */
function howToSupply(target: string): string {
  const name = `denort-${target}.zip`;
  return [
    `Cannot compile for ${target}: deno's compile base is missing.`,
    ...bases(target).map(({ path, what }) => `  looked for ${path} (${what})`),
    `  tried https://dl.deno.land/release/v${Deno.version.deno}/${name}`,
    `Get ${name} on a machine that reaches dl.deno.land or https://github.com/denoland/deno/releases/tag/v${Deno.version.deno},`,
    `unpack it, and run again: DENORT_BIN=/path/to/denort deno task compile --target ${target}`,
    "Without it the bundle is the same program: deno task bundle",
  ].join("\n");
}

/** The machine in an ELF head (elf.h, e_machine): deno packs whatever base it is given. */
const MACHINES: Readonly<Record<string, number>> = { "x86_64": 0x3e, "aarch64": 0xb7 };

/** Throws Error when DENORT_BIN is not a base for the target. */
async function requireBase(path: string, target: string): Promise<void> {
  const head = new Uint8Array(20);
  try {
    using file = await Deno.open(path);
    await file.read(head);
  } catch (error) {
    throw new Error(`DENORT_BIN is ${path}: ${(error as Error).message}`, { cause: error });
  }
  if (head[18] === MACHINES[target.split("-")[0]!]) return;
  throw new Error(`DENORT_BIN is ${path}, which is not a denort for ${target}`);
}

/** Compiles for one target; returns the path of the binary. Throws Error, with the remedy where the base is missing. */
export async function compile(target: string): Promise<string> {
  const given = Deno.env.get("DENORT_BIN");
  if (given !== undefined) await requireBase(given, target);
  await bundle();
  const output = `${DIST}wigglenet-${target.split("-")[0]}`;
  const into = ["--no-check", "--no-config", `--target=${target}`, `--output=${output}`];
  try {
    await deno(["compile", "--quiet", ...into, ...shippedFlags(), BUNDLE]);
    return output;
  } catch (error) {
    const found = await Promise.all(bases(target).map(({ path }) => isFile(path)));
    if (found.some(Boolean)) throw error;
    throw new Error(howToSupply(target), { cause: error });
  }
}

async function isFile(path: string): Promise<boolean> {
  return await Deno.stat(path).then(({ isFile }) => isFile, () => false);
}

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { target: { type: "string", default: HOST } } });
  if (!TARGETS.includes(values.target)) {
    console.error(`There is no target ${values.target}: ${TARGETS.join(" or ")}`);
    return 2;
  }
  try {
    console.log(await compile(values.target));
    return 0;
  } catch (error) {
    console.error((error as Error).message);
    return 1;
  }
}

if (import.meta.main) Deno.exit(await main());
