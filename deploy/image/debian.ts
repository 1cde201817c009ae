// Debian packages for any machine, fetched and verified by the apt-get of this one, with a state of its own: nothing is
// installed here. Downloads are kept outside the checkout.

import { command } from "./command.ts";

/** A package, unpacked. */
export interface DebianPackage {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  /** Folder with its files. */
  readonly folder: string;
  /** Its control file, deb822. */
  readonly control: string;
}

/** Which packages, and where from. */
export interface Wanted {
  readonly names: readonly string[];
  /** As Debian names it: amd64, arm64. */
  readonly architecture: string;
  readonly suite: string;
  /** A sources.list that takes the place of Debian's own archive: a mirror, a snapshot. */
  readonly sources: string | undefined;
  /** Look for newer ones even where that was done within a day. */
  readonly isRefreshed: boolean;
}

/** Everything that is downloaded for an image is kept here. */
export const CACHE_FOLDER = `${
  Deno.env.get("XDG_CACHE_HOME") ?? `${Deno.env.get("HOME")}/.cache`
}/wigglenet-image`;

const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";
const DAY_MS = 86_400_000;

/** The packages and all that they depend on, recommendations left out. Throws Error with the remedy. */
export async function fetchPackages(wanted: Wanted): Promise<DebianPackage[]> {
  await requireApt();
  const sources = wanted.sources === undefined
    ? archiveOf(wanted.suite)
    : await Deno.readTextFile(wanted.sources);
  const folder = `${CACHE_FOLDER}/${await keyOf(sources)}-${wanted.architecture}`;
  const apt = await aptAt(folder, wanted.architecture);
  await Deno.writeTextFile(`${folder}/sources.list`, sources);
  await update(apt, folder, wanted.isRefreshed);
  const install = ["install", "--assume-yes", "--no-install-recommends"];
  const plan = await command([...apt, ...install, "--simulate", ...wanted.names]);
  await command([...apt, ...install, "--download-only", ...wanted.names]);
  const chosen = [...plan.matchAll(/^Inst (\S+) \((\S+) .*\[(\S+)\]\)/gm)];
  return await Promise.all(chosen.map(async ([, name, version, architecture]) => {
    const deb = `${folder}/archives/${name}_${version!.replaceAll(":", "%3a")}_${architecture}.deb`;
    const unpacked = await unpack(deb, `${folder}/unpacked`);
    const control = await command(["dpkg-deb", "--field", deb]);
    return { name: name!, version: version!, architecture: architecture!, folder: unpacked, control };
  }));
}

/** The line of Debian's own archive for a suite. */
function archiveOf(suite: string): string {
  const line = (path: string, name: string) =>
    `deb [signed-by=${KEYRING}] http://deb.debian.org/${path} ${name} main\n`;
  return line("debian", suite) + line("debian", `${suite}-updates`) +
    line("debian-security", `${suite}-security`);
}

async function keyOf(text: string): Promise<string> {
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return new Uint8Array(hash).toHex().slice(0, 12);
}

async function requireApt(): Promise<void> {
  for (const path of ["/usr/bin/apt-get", "/usr/bin/dpkg-deb", KEYRING]) {
    if (await exists(path)) continue;
    throw new Error(
      `Cannot fetch Debian packages: ${path} is not here. Build on Debian, on Ubuntu with the package ` +
        "debian-archive-keyring, or in a container of either",
    );
  }
}

/** apt-get with lists, archives and status of its own; proxies and the like stay those of this machine. */
async function aptAt(folder: string, architecture: string): Promise<string[]> {
  for (const part of ["lists/partial", "archives/partial"]) {
    await Deno.mkdir(`${folder}/${part}`, { recursive: true });
  }
  const options = {
    "APT::Architecture": architecture,
    "APT::Architectures": architecture,
    "APT::Sandbox::User": Deno.uid() === 0 ? "root" : "",
    "Debug::NoLocking": "true",
    "Dir::Etc::sourcelist": `${folder}/sources.list`,
    "Dir::Etc::sourceparts": "/dev/null",
    "Dir::Etc::preferencesparts": "/dev/null",
    "Dir::State::lists": `${folder}/lists`,
    "Dir::State::status": "/dev/null",
    "Dir::State::extended_states": `${folder}/extended_states`,
    "Dir::Cache::archives": `${folder}/archives`,
    "Dir::Cache::pkgcache": "",
    "Dir::Cache::srcpkgcache": "",
  };
  return ["apt-get", "-q", ...Object.entries(options).flatMap(([name, value]) => ["-o", `${name}=${value}`])];
}

/** Once a day; without a network what was fetched before will do. */
async function update(apt: readonly string[], folder: string, isForced: boolean): Promise<void> {
  const mark = `${folder}/updated`;
  const { mtime } = await Deno.stat(mark).catch(() => ({ mtime: null }));
  if (!isForced && mtime !== null && Date.now() - mtime.getTime() < DAY_MS) return;
  try {
    await command([...apt, "-o", "APT::Update::Error-Mode=any", "update"]);
    await Deno.writeTextFile(mark, "");
  } catch (error) {
    if (mtime === null) throw error;
    console.error(`Not looked for newer packages: ${(error as Error).message}`);
  }
}

async function unpack(deb: string, folder: string): Promise<string> {
  const target = `${folder}/${deb.slice(deb.lastIndexOf("/") + 1)}`;
  if (await exists(target)) return target;
  const half = `${target}.${Deno.pid}.temp`;
  await Deno.mkdir(half, { recursive: true });
  await command(["dpkg-deb", "--extract", deb, half]);
  await Deno.rename(half, target);
  return target;
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}
