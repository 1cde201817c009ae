// The runtime for the image: the one that is running, or its twin for another machine from the npm package that the
// package `deno` would install there.

import { command } from "./command.ts";
import { CACHE_FOLDER } from "./debian.ts";
import { parseElf } from "./elf.ts";

const NPM_NAMES: Readonly<Record<string, string>> = {
  amd64: "@deno/linux-x64-glibc",
  arm64: "@deno/linux-arm64-glibc",
};

/** The architecture of this machine, as Debian and OCI name it. */
export const HOST_ARCHITECTURE = Deno.build.arch === "x86_64" ? "amd64" : "arm64";

/**
 * The runtime's bytes.
 * @param given a runtime that somebody brought, in place of npm's
 * @throws Error with the remedy where there is none for that machine
 */
export async function runtimeFor(architecture: string, given?: string): Promise<Uint8Array> {
  if (given !== undefined) return await checked(given, architecture);
  if (architecture === HOST_ARCHITECTURE) return await Deno.readFile(Deno.execPath());
  const wanted = `${NPM_NAMES[architecture]}@${Deno.version.deno}`;
  const folder = `${CACHE_FOLDER}/${wanted.replaceAll(/[/@]+/g, "-").slice(1)}`;
  const path = `${folder}/package/deno`;
  if (!await exists(path)) {
    await Deno.mkdir(folder, { recursive: true });
    try {
      await command(["npm", "pack", "--loglevel=error", `--pack-destination=${folder}`, wanted]);
    } catch (error) {
      throw new Error(
        `npm does not give ${wanted} (${
          (error as Error).message
        }): --runtime FILE takes a deno that you bring`,
      );
    }
    const archives = [...Deno.readDirSync(folder)].filter(({ name }) => name.endsWith(".tgz"));
    await command(["tar", "-xzf", `${folder}/${archives[0]!.name}`, "-C", folder]);
  }
  return await checked(path, architecture);
}

async function checked(path: string, architecture: string): Promise<Uint8Array> {
  const bytes = await Deno.readFile(path);
  const machine = parseElf(bytes)?.machine;
  if (machine === architecture) return bytes;
  throw new Error(
    `${path} is ${machine === undefined ? "no program" : `for ${machine}`}, not for ${architecture}`,
  );
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}
