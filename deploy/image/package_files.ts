// The files of unpacked Debian packages, found by the path that they have on a machine, and what they link.

import type { DebianPackage } from "./debian.ts";
import { type Elf, parseElf } from "./elf.ts";

/** GNU's name of a machine, by Debian's. */
const TRIPLETS: Readonly<Record<string, string>> = {
  amd64: "x86_64-linux-gnu",
  arm64: "aarch64-linux-gnu",
};

/** A file of a package. */
export interface PackageFile {
  readonly from: DebianPackage;
  /** With /usr merged: `usr/bin/ln`. */
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** The files of some packages. Make it with {@link PackageFiles.of}. */
export class PackageFiles {
  readonly #files = new Map<string, { readonly from: DebianPackage; readonly real: string }>();
  readonly #links = new Map<string, string>();

  private constructor(private readonly architecture: string) {}

  /** Looks through all packages of one architecture. */
  static async of(packages: readonly DebianPackage[], architecture: string): Promise<PackageFiles> {
    const files = new PackageFiles(architecture);
    for (const from of packages) await files.#walk(from, "");
    return files;
  }

  /** A file by its path; undefined when no package has it. */
  async read(path: string): Promise<PackageFile | undefined> {
    const found = this.#resolve(path);
    const file = this.#files.get(found);
    if (file === undefined) return undefined;
    return { from: file.from, path: found, bytes: await Deno.readFile(file.real) };
  }

  /** Paths of all files below a folder. */
  below(folder: string): string[] {
    return [...this.#files.keys(), ...this.#links.keys()].filter((path) => path.startsWith(`${folder}/`))
      .sort();
  }

  /**
   * All libraries that programs link, and those that these link, and the loader: path in an image -> file.
   * @throws Error that names a library which no package has, and a file for another machine
   */
  async librariesOf(programs: ReadonlyMap<string, Uint8Array>): Promise<Map<string, PackageFile>> {
    const found = new Map<string, PackageFile>();
    const open = [...programs];
    for (const [path, bytes] of open) {
      const elf = parseElf(bytes);
      if (elf === undefined) continue;
      if (elf.machine !== this.architecture) {
        throw new Error(`${path} is for ${elf.machine}, not ${this.architecture}`);
      }
      for (const place of this.#placesOf(elf)) {
        const file = await this.#firstOf(place, path);
        if (found.has(place[0]!)) continue;
        found.set(place[0]!, file);
        open.push([place[0]!, file.bytes]);
      }
    }
    return found;
  }

  /** For each thing that an ELF file needs: where it goes in the image, and the other places where it may come from. */
  #placesOf({ interpreter, needed }: Elf): string[][] {
    const folder = `usr/lib/${TRIPLETS[this.architecture]}`;
    const loader = interpreter?.slice(1);
    return [
      ...(loader === undefined
        ? []
        : [[merged(loader), `${folder}/${loader.slice(loader.lastIndexOf("/") + 1)}`]]),
      ...needed.map((name) =>
        // The loader is a library too, known by its path above.
        name.startsWith("ld-linux")
          ? [name.includes("x86-64") ? `usr/lib64/${name}` : `usr/lib/${name}`, `${folder}/${name}`]
          : [`${folder}/${name}`, `usr/lib/${name}`]
      ),
    ];
  }

  async #firstOf(places: readonly string[], neededBy: string): Promise<PackageFile> {
    for (const place of places) {
      const file = await this.read(place);
      if (file !== undefined) return file;
    }
    throw new Error(`${neededBy} needs ${places[0]}, which no package has`);
  }

  #resolve(path: string): string {
    let at = path;
    for (let i = 0; i < 8; i++) {
      const target = this.#links.get(at);
      if (target === undefined) return at;
      const url = new URL(target, `file:///${at}`); // a link's target is relative to its folder
      at = merged(url.pathname.slice(1));
    }
    return at;
  }

  async #walk(from: DebianPackage, path: string): Promise<void> {
    for await (const { name, isDirectory, isSymlink } of Deno.readDir(`${from.folder}/${path}`)) {
      const inside = path === "" ? name : `${path}/${name}`;
      const real = `${from.folder}/${inside}`;
      if (isDirectory) await this.#walk(from, inside);
      else if (isSymlink) this.#links.set(merged(inside), await Deno.readLink(real));
      else this.#files.set(merged(inside), { from, real });
    }
  }
}

/** Where a file stands once /bin, /sbin and /lib are links into /usr. */
function merged(path: string): string {
  return path.replace(/^(bin|sbin|lib|lib64)\//, "usr/$1/");
}
