// The file systems of small images: a few programs, and the libraries that they are linked with, out of a larger root.

import { attempt, run } from "../process.ts";

/** Makes an empty root laid out as Debian's (merged /usr: libraries are named by either spelling). */
export async function makeRoot(root: string): Promise<void> {
  await Deno.remove(root, { recursive: true }).catch(() => {});
  const folders = [
    "etc",
    "tmp",
    "run",
    "var",
    "root",
    "usr/bin",
    "usr/sbin",
    "usr/lib",
    "usr/lib64",
    "usr/local/bin",
  ];
  for (const folder of folders) await Deno.mkdir(`${root}/${folder}`, { recursive: true });
  for (const name of ["bin", "sbin", "lib", "lib64"]) await Deno.symlink(`usr/${name}`, `${root}/${name}`);
  await Deno.chmod(`${root}/tmp`, 0o1777);
  await Deno.writeTextFile(`${root}/etc/nsswitch.conf`, "hosts: files dns\n");
  await Deno.writeTextFile(`${root}/etc/passwd`, "root:x:0:0:root:/root:/bin/sh\n");
  await Deno.writeTextFile(`${root}/etc/group`, "root:x:0:\n");
}

/** Puts a program that was built for it, linked with nothing, into the root. */
export async function install(program: string, target: string): Promise<void> {
  await run(["install", "-D", "-m", "755", program, target]);
}

/** Copies files or folders of the larger root, each to its own place, with the libraries of all that is linked. */
export async function copyFrom(source: string, root: string, paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    // By the name that is asked for and by the one that it leads to: iptables is told by its name what it is to do.
    const real = (await run(["chroot", source, "/usr/bin/readlink", "-f", path])).trim();
    for (const copied of new Set([real, path])) await copy(source, root, copied);
  }
  const { stdout } = await attempt(["chroot", source, "/usr/bin/find", ...paths, "-xtype", "f"]);
  for (const file of stdout.trim().split("\n")) {
    for (const library of await librariesOf(source, file)) await copy(source, root, library);
  }
}

async function librariesOf(source: string, file: string): Promise<string[]> {
  const { stdout } = await attempt(["chroot", source, "/usr/bin/ldd", file]);
  return [...stdout.matchAll(/(?:=> |^\s)(\/\S+)/gm)].map((match) => match[1]!);
}

async function copy(source: string, root: string, path: string): Promise<void> {
  const target = `${root}${path}`;
  if (await Deno.lstat(target).then(() => true, () => false)) return;
  await Deno.mkdir(target.slice(0, target.lastIndexOf("/")), { recursive: true });
  const { isSymlink } = await Deno.lstat(`${source}${path}`);
  await run(["cp", isSymlink && path.includes("/lib") ? "-aL" : "-a", `${source}${path}`, target]);
}
