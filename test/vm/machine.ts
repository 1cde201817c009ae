// A virtual machine with Debian's own kernel, whose files are this machine's: read-only, below an overlay in memory.
// Software emulation, for KVM is not to be had everywhere: half a minute to the first program, a twentieth of the speed. Its clock goes by
// instructions, a thousand million a second: what is in it finds a machine that is a third as fast as a real one, whatever this one does beside
// (docs/decisions/0067-vm-clock.md).

import { run } from "../lab/process.ts";

const PACKAGES = ["qemu-system-x86", "busybox-static", "cpio", "kmod"];
/** What stands between the kernel and the host's files; modprobe loads all others. */
const BOOT_MODULES = [
  ...["virtio", "virtio_ring", "virtio_pci", "virtio_pci_modern_dev", "virtio_pci_legacy_dev"],
  ...["9pnet", "9pnet_virtio", "netfs", "fscache", "9p", "overlay"],
];
/** By its own clock a CPU that hangs is one that hangs. */
const HANGS = "softlockup_panic=1";
const INIT = new URL("init", import.meta.url).pathname;

/** A kernel that can be booted: all paths are this machine's. */
interface Kernel {
  readonly version: string;
  readonly image: string;
  readonly initrd: string;
  readonly modules: string;
}

/** Where images are kept between runs. */
export function cacheFolder(): string {
  return `${Deno.env.get("XDG_CACHE_HOME") ?? `${Deno.env.get("HOME") ?? "/root"}/.cache`}/wigglenet-vm`;
}

const prepared = new Map<string, Promise<Kernel>>();

/** For machines beside each other. */
function prepareOnce(packages: readonly string[]): Promise<Kernel> {
  return prepared.getOrInsertComputed(packages.join(), () => prepareKernel(packages));
}

/** Installs what is missing, unpacks Debian's newest kernel and packs the first file system; from the cache where it is there. */
async function prepareKernel(packages: readonly string[]): Promise<Kernel> {
  await install([...PACKAGES, ...packages]);
  const depends = await run(["apt-cache", "depends", "linux-image-amd64"]);
  const name = /Depends: (linux-image-\S+)/.exec(depends)?.[1];
  if (name === undefined) throw new Error(`apt knows no kernel for linux-image-amd64:\n${depends}`);
  const version = name.slice("linux-image-".length);
  const folder = `${cacheFolder()}/${version}`;
  const kernel = {
    version,
    image: `${folder}/root/boot/vmlinuz-${version}`,
    initrd: `${folder}/initrd.gz`,
    modules: `${folder}/root/lib/modules`,
  };
  if (!await exists(kernel.image)) await unpack(name, folder, version);
  await packInitrd(kernel, folder);
  return kernel;
}

/** Installs those Debian packages that are missing here. */
export async function install(packages: readonly string[]): Promise<void> {
  const missing: string[] = [];
  for (const name of packages) {
    const status = await run(["dpkg-query", "-W", "-f", "${Status}", name]).catch(() => "");
    if (!status.includes("install ok installed")) missing.push(name);
  }
  if (missing.length === 0) return;
  console.log(`Missing for the virtual machine: ${missing.join(", ")}. Installing.`);
  const wait = ["-q", "-o", "DPkg::Lock::Timeout=300"];
  await run(["apt-get", ...wait, "update"]);
  await run(["apt-get", ...wait, "install", "-y", "--no-install-recommends", ...missing]);
}

/** Into a folder of its own first: an interrupted download leaves nothing that looks whole. */
async function unpack(name: string, folder: string, version: string): Promise<void> {
  const draft = `${folder}.${Deno.pid}`;
  await Deno.mkdir(`${draft}/root`, { recursive: true });
  await run(["sh", "-c", `cd "$1" && apt-get -q download "$2"`, "sh", draft, name]);
  const [file] = (await Array.fromAsync(Deno.readDir(draft))).filter((entry) => entry.name.endsWith(".deb"));
  await run(["dpkg", "-x", `${draft}/${file!.name}`, `${draft}/root`]);
  // Outside and once: inside it takes 40 s.
  await run(["depmod", "-b", `${draft}/root`, version]);
  await Deno.remove(`${draft}/${file!.name}`);
  await Deno.remove(folder, { recursive: true }).catch(() => {});
  await Deno.rename(draft, folder);
}

async function packInitrd({ version, initrd, modules }: Kernel, folder: string): Promise<void> {
  const tree = `${folder}/initrd.${Deno.pid}`;
  for (const name of ["bin", "modules", "proc", "sys", "dev", "root", "lower", "memory"]) {
    await Deno.mkdir(`${tree}/${name}`, { recursive: true });
  }
  await Deno.copyFile("/bin/busybox", `${tree}/bin/busybox`);
  await Deno.copyFile(INIT, `${tree}/init`);
  await Deno.chmod(`${tree}/init`, 0o755);
  const found = await run(["find", `${modules}/${version}`, "-name", "*.ko"]);
  for (const path of found.split("\n")) {
    const name = path.slice(path.lastIndexOf("/") + 1, -".ko".length);
    if (BOOT_MODULES.includes(name)) await Deno.copyFile(path, `${tree}/modules/${name}.ko`);
  }
  await run(["sh", "-c", `cd "$1" && find . | cpio --quiet -o -H newc | gzip -1 > "$2"`, "sh", tree, initrd]);
  await Deno.remove(tree, { recursive: true });
}

/** What to run. */
export interface Job {
  /** A Deno program of this repository; runs as root with all permissions, its output is the machine's. */
  readonly program: string;
  readonly args: readonly string[];
  /** Debian packages that it needs, on this machine, whose files it sees. */
  readonly packages?: readonly string[];
  readonly deadlineSeconds: number;
  readonly onLine: (line: string) => void;
  /** Shared with the machine, writable, as `/out`; without one the program leaves nothing but its exit code. */
  readonly folder?: string;
}

/** Boots, runs the program, ends the machine; returns the program's exit code. */
export async function runInMachine(job: Job): Promise<number> {
  const kernel = await prepareOnce(job.packages ?? []);
  const folder = job.folder ?? await Deno.makeTempDir({ prefix: "wigglenet-vm-" });
  try {
    await Deno.mkdir(folder, { recursive: true });
    await Deno.writeTextFile(`${folder}/job`, scriptOf(job));
    await boot(kernel, { ...job, folder });
    return Number(await Deno.readTextFile(`${folder}/code`));
  } finally {
    if (job.folder === undefined) await Deno.remove(folder, { recursive: true });
  }
}

function scriptOf({ program, args }: Job): string {
  const kept = ["HOME", "DENO_DIR", "XDG_CACHE_HOME"].flatMap((name) => {
    const value = Deno.env.get(name);
    return value === undefined ? [] : [`export ${name}=${quoted(value)}`];
  });
  const argv = [Deno.execPath(), "run", "--quiet", "--no-check", "--cached-only", "-A", program, ...args];
  return [
    ...kept,
    "export NO_COLOR=1",
    `cd ${quoted(Deno.cwd())}`,
    argv.map(quoted).join(" "),
    "echo $? > /out/code",
    // A loop of the shell's own: whatever stands in a file is gone before the power is.
    "sync; echo o > /proc/sysrq-trigger; while :; do :; done",
    "",
  ].join("\n");
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

async function boot(
  kernel: Kernel,
  { folder, deadlineSeconds, onLine }: Job & { folder: string },
): Promise<void> {
  const child = new Deno.Command("qemu-system-x86_64", {
    args: argumentsFor(kernel, folder),
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const timer = setTimeout(() => child.kill("SIGKILL"), deadlineSeconds * 1000);
  const end = () => child.kill("SIGKILL");
  Deno.addSignalListener("SIGTERM", end);
  const stderr = new Response(child.stderr).text();
  let rest = "";
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split(/\r?\n/);
    rest = lines.pop()!;
    for (const line of lines) onLine(withoutTerminal(line));
  }
  clearTimeout(timer);
  Deno.removeSignalListener("SIGTERM", end);
  const { code } = await child.status;
  if (code !== 0) throw new Error(`qemu ended with ${code} (deadline ${deadlineSeconds} s): ${await stderr}`);
}

function argumentsFor({ image, initrd, modules }: Kernel, folder: string): string[] {
  const share = (id: string, path: string, more: string) => [
    ...["-fsdev", `local,id=${id},path=${path},security_model=none,multidevs=remap${more}`],
    ...["-device", `virtio-9p-pci,fsdev=${id},mount_tag=${id}`],
  ];
  return [
    // Emulated, AVX and the kernel's mitigations cost a fifth of the time.
    ...["-accel", "tcg,thread=single", "-cpu", "Nehalem", "-smp", "1", "-m", "4096"],
    // One nanosecond an instruction. While it has nothing to do its clock is this machine's, which its files come from.
    ...["-icount", "shift=0,align=off,sleep=on"],
    ...["-nographic", "-no-reboot", "-nic", "none", "-kernel", image, "-initrd", initrd],
    // A CPU that hangs ends it, with its stack, and not the deadline.
    ...["-append", `console=ttyS0 quiet ${HANGS} panic=1 mitigations=off modules=${modules} end`],
    ...share("host", "/", ",readonly=on"),
    ...share("out", folder, ""),
  ];
}

/** The firmware talks to a terminal. */
function withoutTerminal(line: string): string {
  // deno-lint-ignore no-control-regex
  return line.replace(/\x1b(?:\[[0-9;?]*[A-Za-z]|c)/g, "");
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}
