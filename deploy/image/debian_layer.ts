// The layer of Debian's programs: exactly those of contents.ts, what they link and read, and for every package that
// gave a file its licence and its control data, where scanners of images look for them.

import {
  DATA,
  DATA_FOLDERS,
  PACKAGES,
  PLUGIN_FOLDER,
  PLUGIN_PACKAGE,
  PLUGINS,
  PROGRAMS,
} from "./contents.ts";
import { type DebianPackage, fetchPackages, type Wanted } from "./debian.ts";
import { PackageFiles } from "./package_files.ts";
import type { Entry } from "./tar.ts";

/** A layer, and the packages that something of it comes from, by name. */
export interface DebianLayer {
  readonly entries: readonly Entry[];
  readonly packages: readonly DebianPackage[];
}

/** How the layer is made. */
export interface DebianLayerOptions extends Omit<Wanted, "names"> {
  /** Folder with CNI plugins that take the place of Debian's. */
  readonly plugins: string | undefined;
  /** Programs from elsewhere whose libraries must be there too: path in the image -> bytes. */
  readonly guests: ReadonlyMap<string, Uint8Array>;
}

/** Fetches packages and takes of them what is needed. Throws Error with what is missing. */
export async function debianLayer(options: DebianLayerOptions): Promise<DebianLayer> {
  const fetched = await fetchPackages({ ...options, names: PACKAGES });
  const files = await PackageFiles.of(fetched, options.architecture);
  const used = new Set<DebianPackage>();
  const entries: Entry[] = [];
  const take = async (
    path: string,
    places: readonly string[],
    mode: number,
  ): Promise<Uint8Array | undefined> => {
    for (const place of places) {
      const file = await files.read(place);
      if (file === undefined) continue;
      used.add(file.from);
      entries.push({ path, mode, content: file.bytes });
      return file.bytes;
    }
  };
  const programs = new Map(options.guests);
  for (const [path, { name, package: from }] of PROGRAMS) {
    const bytes = await take(path, [`usr/sbin/${name}`, `usr/bin/${name}`], 0o755);
    if (bytes === undefined) throw new Error(`The package ${from} has no ${name}`);
    programs.set(path, bytes);
  }
  for (const name of PLUGINS) {
    const path = `${PLUGIN_FOLDER}/${name}`;
    const bytes = options.plugins === undefined
      ? await take(path, [`${PLUGIN_PACKAGE.folder}/${name}`], 0o755)
      : await Deno.readFile(`${options.plugins}/${name}`);
    if (bytes === undefined) throw new Error(`The package ${PLUGIN_PACKAGE.name} has no ${name}`);
    if (options.plugins !== undefined) entries.push({ path, mode: 0o755, content: bytes });
    programs.set(path, bytes);
  }
  for (const [path, file] of await files.librariesOf(programs)) {
    used.add(file.from);
    entries.push({ path, mode: /\/ld-linux[^/]*$/.test(path) ? 0o755 : 0o644, content: file.bytes });
  }
  for (const path of [...DATA, ...DATA_FOLDERS.flatMap((folder) => files.below(folder))]) {
    await take(path, [path], 0o644);
  }
  const packages = [...used].sort((a, b) => a.name < b.name ? -1 : 1);
  for (const { name, control } of packages) {
    await take(`usr/share/doc/${name}/copyright`, [`usr/share/doc/${name}/copyright`], 0o644);
    const content = new TextEncoder().encode(control);
    entries.push({ path: `var/lib/dpkg/status.d/${name}`, mode: 0o644, content });
  }
  return { entries, packages };
}
