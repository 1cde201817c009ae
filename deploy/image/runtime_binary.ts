// The runtime for the image: the one that is running, or its twin for another machine from the npm package that the
// package `deno` would install there.

import { command } from "./command.ts";
import { CACHE_FOLDER } from "./debian.ts";

const NPM_NAMES: Readonly<Record<string, string>> = {
  amd64: "@deno/linux-x64-glibc",
  arm64: "@deno/linux-arm64-glibc",
};

/** The architecture of this machine, as Debian and OCI name it. */
export const HOST_ARCHITECTURE = Deno.build.arch === "x86_64" ? "amd64" : "arm64";

/** The runtime's bytes. Throws Error where npm cannot get them. */
export async function runtimeFor(architecture: string): Promise<Uint8Array> {
  if (architecture === HOST_ARCHITECTURE) return await Deno.readFile(Deno.execPath());
  const wanted = `${NPM_NAMES[architecture]}@${Deno.version.deno}`;
  const folder = `${CACHE_FOLDER}/${wanted.replaceAll(/[/@]+/g, "-").slice(1)}`;
  if (!await exists(`${folder}/package/deno`)) {
    await Deno.mkdir(folder, { recursive: true });
    await command(["npm", "pack", "--silent", `--pack-destination=${folder}`, wanted]);
    const archives = [...Deno.readDirSync(folder)].filter(({ name }) => name.endsWith(".tgz"));
    await command(["tar", "-xzf", `${folder}/${archives[0]!.name}`, "-C", folder]);
  }
  return await Deno.readFile(`${folder}/package/deno`);
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}
