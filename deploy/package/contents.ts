// What is installed on a host without containers, and where: the .deb and install.sh put the same files in the same places.

import { bundledFiles, DIST, LAUNCHER } from "../bundle.ts";
import { compile } from "../compile.ts";
import { runtimeFor } from "../image/runtime_binary.ts";
import type { Entry } from "../image/tar.ts";

/** Where program, runtime and cache stand, from the root. */
export const HOME = "usr/lib/wigglenet";
const ROOT = new URL("../../", import.meta.url).pathname;
const TARGETS: Readonly<Record<string, string>> = {
  amd64: "x86_64-unknown-linux-gnu",
  arm64: "aarch64-unknown-linux-gnu",
};

/** Files that are as they stand in the repository, by where they are installed. */
const FILES: Readonly<Record<string, string>> = {
  [`${HOME}/setup`]: "deploy/package/setup",
  "etc/wigglenet/wigglenet.env": "deploy/package/wigglenet.env",
  "usr/lib/NetworkManager/conf.d/60-wigglenet.conf": "deploy/systemd/networkmanager.conf",
  "usr/lib/systemd/network/05-wigglenet.network": "deploy/systemd/networkd.network",
  "usr/lib/systemd/networkd.conf.d/60-wigglenet.conf": "deploy/systemd/networkd.conf",
  "usr/lib/systemd/system/wigglenet-guard.service": "deploy/systemd/wigglenet-guard.service",
  "usr/lib/systemd/system/wigglenet-wireguard-go@.service": "deploy/systemd/wigglenet-wireguard-go@.service",
  "usr/lib/systemd/system/wigglenet.service": "deploy/systemd/wigglenet.service",
  "usr/share/doc/wigglenet/README.md": "README.md",
  "usr/share/doc/wigglenet/docs/bare-nodes.md": "docs/bare-nodes.md",
  "usr/share/doc/wigglenet/copyright": "LICENSE",
};

/**
 * Everything but the cache, of the program that was bundled last.
 * @param runtime a file, in place of what npm has
 */
export async function contents(architecture: string, runtime?: string): Promise<Entry[]> {
  return [
    ...await program(architecture, runtime),
    { path: "usr/bin/wigglenet", mode: 0o777, content: { linkTo: `../../${HOME}/wigglenet` } },
    ...await Promise.all(
      Object.entries(FILES).map(([path, from]) => file(path, `${ROOT}${from}`, from.endsWith("/setup"))),
    ),
  ];
}

/** True where the program is one binary, with the runtime in it: it has no cache. */
export function isCompiled(): boolean {
  return Deno.env.has("DENORT_BIN");
}

async function program(architecture: string, given?: string): Promise<Entry[]> {
  if (isCompiled()) {
    return [await file(`${HOME}/wigglenet`, await compile(TARGETS[architecture]!), true)];
  }
  const runtime = await runtimeFor(architecture, given);
  return [
    { path: `${HOME}/deno`, mode: 0o755, content: runtime },
    await file(`${HOME}/wigglenet`, LAUNCHER, true),
    ...await Promise.all(
      (await bundledFiles()).map((path) => file(`${HOME}/${path.slice(DIST.length)}`, path, false)),
    ),
  ];
}

async function file(path: string, from: string, isProgram: boolean): Promise<Entry> {
  return { path, mode: isProgram ? 0o755 : 0o644, content: await Deno.readFile(from) };
}
