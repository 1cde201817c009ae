// Gets a Debian or Ubuntu machine ready for the tests and the demo: looks for each program, installs what is missing.
// Recommended packages are never installed: those of wireguard-tools are a kernel.

/** Something that is not here, and what to do about it. */
export interface Missing {
  readonly what: string;
  readonly remedy: string;
}

const PACKAGE_OF: Readonly<Record<string, string>> = {
  conntrack: "conntrack",
  curl: "curl",
  ip: "iproute2",
  "iptables-legacy": "iptables",
  mount: "mount",
  nft: "nftables",
  openssl: "openssl",
  ping: "iputils-ping",
  setpriv: "util-linux",
  strace: "strace",
  sysctl: "procps",
  tayga: "tayga",
  tcpdump: "tcpdump",
  unshare: "util-linux",
  wg: "wireguard-tools",
  "wireguard-go": "wireguard-go",
};

/** What a kind cluster takes besides. The client of docker has a package of its own from Debian 13 on only. */
const FOR_CLUSTERS: readonly Readonly<Record<string, string>>[] = [
  { dockerd: "docker.io", mmdebstrap: "mmdebstrap" },
  { docker: "docker-cli" },
];

/** What tests of container engines take: both, and a program that needs no library for their containers. */
const FOR_ENGINES: readonly Readonly<Record<string, string>>[] = [
  // crun by name: beside docker's runc podman would be installed without, and runc makes no container without cgroups.
  { dockerd: "docker.io", podman: "podman", crun: "crun", busybox: "busybox-static" },
  { docker: "docker-cli" },
];

const CNI_PACKAGE = "containernetworking-plugins";
const CNI_PLUGINS = ["bridge", "host-local", "loopback", "portmap", "ptp"];
const CNI_FOLDERS = ["/usr/lib/cni", "/opt/cni/bin"];

/** What tells a program of the laboratory another time; it is loaded, not run. */
export const FAKETIME_FOLDERS = ["x86_64", "aarch64"].map((machine) =>
  `/usr/lib/${machine}-linux-gnu/faketime`
);

/** The device that wireguard-go needs, and only it. */
export const TUN = "/dev/net/tun";

/** PATH with the folders of system programs, which an ordinary user's shell leaves out. */
function systemPath(): string {
  const path = (Deno.env.get("PATH") ?? "").split(":");
  return [...new Set([...path, "/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin", "/bin"])].join(":");
}

/** The folder that has all the CNI plugins we use; undefined when none has. */
export async function cniFolder(): Promise<string | undefined> {
  for (const folder of CNI_FOLDERS) {
    const found = await Promise.all(CNI_PLUGINS.map((plugin) => exists(`${folder}/${plugin}`)));
    if (found.every(Boolean)) return folder;
  }
}

/**
 * Installs what is missing where it may (root, apt-get), saying what; returns what is missing still.
 * @param more programs and their packages, besides those that everything needs
 */
export async function prepare(more: Readonly<Record<string, string>> = {}): Promise<Missing[]> {
  Deno.env.set("PATH", systemPath());
  const programs = { ...PACKAGE_OF, ...more };
  const wanted = await missingPackages(programs);
  if (wanted.size > 0 && Deno.uid() === 0 && await onPath("apt-get")) {
    const packages = [...new Set(wanted.values())].sort();
    console.log(`Missing: ${[...wanted.keys()].join(", ")}. Installing ${packages.join(" ")}.`);
    await install(packages);
  }
  const missing: Missing[] = [];
  for (const [program, name] of await missingPackages(programs)) {
    missing.push({ what: program, remedy: `sudo apt-get install --no-install-recommends ${name}` });
  }
  const tun = await tunObjection();
  if (tun !== undefined) missing.push({ what: TUN, remedy: tun });
  return missing;
}

/** As {@link prepare}, for who makes a cluster. */
export async function prepareForClusters(): Promise<Missing[]> {
  return await prepareInTurn(FOR_CLUSTERS);
}

/** As {@link prepare}, for who starts container engines in the laboratory. */
export async function prepareForEngines(): Promise<Missing[]> {
  return await prepareInTurn(FOR_ENGINES);
}

async function prepareInTurn(turns: readonly Readonly<Record<string, string>>[]): Promise<Missing[]> {
  let missing: Missing[] = [];
  for (const programs of turns) missing = [...missing, ...await prepare(programs)];
  return missing;
}

/** As {@link prepare}, for who cannot go on without: names what is missing and ends with exit code 1. */
export async function prepareOrExit(more: Readonly<Record<string, string>> = {}): Promise<void> {
  const missing = await prepare(more);
  for (const { what, remedy } of missing) console.error(`Missing: ${what}. Remedy: ${remedy}`);
  if (missing.length > 0) Deno.exit(1);
}

/** What is missing, each with its package. */
async function missingPackages(programs: Readonly<Record<string, string>>): Promise<Map<string, string>> {
  const missing = new Map<string, string>();
  for (const [program, name] of Object.entries(programs)) {
    if (!await onPath(program)) missing.set(program, name);
  }
  if (await cniFolder() === undefined) missing.set(`CNI plugins ${CNI_PLUGINS.join(", ")}`, CNI_PACKAGE);
  const clocks = await Promise.all(FAKETIME_FOLDERS.map(exists));
  if (!clocks.some(Boolean)) missing.set("libfaketime.so.1", "libfaketime");
  return missing;
}

/** One `apt-get update`, one install. Another apt at work (a fresh machine updates itself) is waited for. */
async function install(packages: readonly string[]): Promise<void> {
  const wait = ["-q", "-o", "DPkg::Lock::Timeout=300"];
  for (const args of [["update"], ["install", "-y", "--no-install-recommends", ...packages]]) {
    const env = { DEBIAN_FRONTEND: "noninteractive" };
    const started = Date.now();
    const command = new Deno.Command("apt-get", { args: [...wait, ...args], env, stdin: "null" });
    const { success, stdout, stderr } = await command.output();
    const seconds = ((Date.now() - started) / 1000).toFixed(0);
    console.log(`apt-get ${args[0]}: ${success ? "done" : "failed"} after ${seconds} s`);
    if (!success) console.error(new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr));
  }
}

async function onPath(program: string): Promise<boolean> {
  for (const folder of systemPath().split(":")) {
    if (await exists(`${folder}/${program}`)) return true;
  }
  return false;
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

async function tunObjection(): Promise<string | undefined> {
  try {
    (await Deno.open(TUN, { read: true, write: true })).close();
  } catch (error) {
    return `be root, and in a container start it with --device ${TUN} (${(error as Error).message})`;
  }
}
