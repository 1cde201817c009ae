// A node that boots: Debian with its own systemd, by systemd-nspawn in a network namespace of the laboratory. What it changes
// stands over the release's root, in memory, and outlives a cut of its power.

import type { Host } from "../lab/host.ts";
import type { Lab } from "../lab/lab.ts";
import { addressesOf, type Family, familyOf, type Manifest } from "../lab/manifest.ts";
import { Pod } from "../lab/pod.ts";
import { attempt, type Output, Process, run, type RunOptions } from "../lab/process.ts";
import { PATIENCE, until } from "../lab/until.ts";
import { rootOf, type Suite } from "./debian_root.ts";

/** What a node is made of. */
export interface BootedOptions {
  readonly lab: Lab;
  /** Its name and addresses. */
  readonly manifest: Manifest;
  readonly suite: Suite;
}

/** A node. Make it with {@link BootedNode.boot}. */
export class BootedNode {
  /** Its network, for who needs no file of it. */
  host!: Host;
  #container!: Process;
  #leader = 0;

  private constructor(readonly options: BootedOptions, readonly root: string) {}

  /** Makes the node's files and boots it. */
  static async boot(options: BootedOptions): Promise<BootedNode> {
    const { lab, manifest: { metadata: { name } }, suite } = options;
    const folder = `${lab.folder}/${name}`;
    const node = new BootedNode(options, `${folder}/root`);
    for (const part of ["upper", "work", "root"]) await Deno.mkdir(`${folder}/${part}`, { recursive: true });
    const layers = `lowerdir=${rootOf(suite)},upperdir=${folder}/upper,workdir=${folder}/work`;
    await run(["mount", "-t", "overlay", "-o", layers, "overlay", node.root]);
    await node.write("/etc/hostname", `${name}\n`);
    await node.write("/etc/machine-id", `${crypto.randomUUID().replaceAll("-", "")}\n`);
    await node.powerOn();
    return node;
  }

  get name(): string {
    return this.options.manifest.metadata.name;
  }

  get #cgroup(): string {
    return `wigglenet-${Deno.pid}-${this.name}`;
  }

  /** Writes a file of the node from outside. */
  async write(path: string, text: string): Promise<void> {
    await Deno.writeTextFile(`${this.root}${path}`, text);
  }

  /** Boots, and waits until systemd answers. */
  async powerOn(): Promise<void> {
    const { lab, manifest } = this.options;
    this.host = await lab.addHost(this.name, addressesOf(manifest), { hasOwnMounts: true });
    const argv = ["systemd-nspawn", "--quiet", "--keep-unit", "--register=no", `--machine=${this.name}`];
    argv.push(`--network-namespace-path=${this.host.netns}`, "--console=pipe", `--directory=${this.root}`);
    argv.push("--capability=CAP_NET_ADMIN,CAP_NET_RAW"); // with a network of its own it would have them by itself
    // A machine shows what its kernel has; nspawn's /sys does not.
    argv.push("--bind-ro=/sys/module");
    const env = { SYSTEMD_NSPAWN_API_VFS_WRITABLE: "network" };
    this.#container = new Process(["sh", "-c", OWN_CGROUP, this.#cgroup, ...argv, "--boot"], { env });
    this.#leader = await until(`${this.name}'s systemd`, () => childOf(this.#container.pid, "systemd"), {
      deadlineMs: 20_000,
      seen: () => this.console(),
    });
    await until(`${this.name} to boot`, async () => {
      const { stdout } = await this.attempt(["systemctl", "is-system-running"]);
      return /^(starting|running|degraded)/.test(stdout);
    }, { deadlineMs: 30_000, seen: () => this.console() });
  }

  /** Cuts its power: nothing is ended in order, its network is gone. */
  async powerOff(): Promise<void> {
    await this.#container.kill("SIGKILL");
    await this.host.close();
    await this.options.lab.underlay.attempt(["ip", "link", "del", this.name]);
  }

  /** Ends it with the test. */
  async close(): Promise<void> {
    await this.#container.kill("SIGKILL");
    await this.host.close();
    await attempt(["umount", "--lazy", this.root]);
    const cgroups = CGROUP_ROOTS.map((root) => `${root}/${this.#cgroup}`);
    const line =
      'find "$@" -depth -type d -exec rmdir {} + 2>/dev/null; ! ls -d "$@" 2>/dev/null | grep -q .';
    await until(`the control group of ${this.name} to end`, async () => {
      return (await attempt(["sh", "-c", line, "sh", ...cgroups])).code === 0;
    });
  }

  /** Runs a program on it that must succeed. */
  run(argv: readonly string[], options?: RunOptions): Promise<string> {
    return run(this.argv(argv), options);
  }

  /** Runs a program on it. */
  attempt(argv: readonly string[], options?: RunOptions): Promise<Output> {
    return attempt(this.argv(argv), options);
  }

  /** The argument list that starts a program on it. */
  argv(argv: readonly string[]): string[] {
    const namespaces = ["--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup"];
    return [
      "nsenter",
      `--target=${this.#leader}`,
      ...namespaces,
      "--",
      "env",
      "-i",
      "-C",
      "/",
      PATH,
      BUS_TIMEOUT,
      ...argv,
    ];
  }

  /** A property of a unit, as `systemctl show` says it. */
  async property(unit: string, name: string): Promise<string> {
    return (await this.run(["systemctl", "show", unit, `--property=${name}`, "--value"])).trim();
  }

  /** Installs a Debian package; returns what its scripts said. */
  async install(path: string): Promise<string> {
    await Deno.copyFile(path, `${this.root}/srv/package.deb`);
    const argv = ["dpkg", "--install", "/srv/package.deb"];
    const { code, stdout, stderr } = await this.attempt(argv, { deadlineMs: PACKAGE_MS });
    if (code === 0) return stderr;
    throw new Error(`${argv.join(" ")} exited ${code}: ${stdout}${stderr}`);
  }

  /** Waits until its agent tells systemd so. */
  async says(what: RegExp, deadlineMs = 20_000): Promise<void> {
    let last = "";
    await until(`${this.name}'s agent to say ${what}`, async () => {
      last = await this.property("wigglenet", "StatusText");
      return what.test(last);
    }, { deadlineMs, pauseMs: 100, seen: async () => `${last}\n${await this.diagnose()}` });
  }

  /** Attaches a pod by the CNI file that its agent wrote. */
  async addPod(deadlineMs = 30_000): Promise<Pod> {
    const path = "/etc/cni/net.d/10-wigglenet.conflist";
    const conflist = await until(`${this.name} to have ${path}`, async () => {
      const { code, stdout } = await this.attempt(["cat", path]);
      return code === 0 && stdout;
    }, { deadlineMs, seen: () => this.diagnose() });
    return await Pod.attach({ name: `${this.name}-pod`, node: this.host, conflist });
  }

  /** An address of it on the underlay. */
  address(family: Family): string {
    return addressesOf(this.options.manifest).find((text) => familyOf(text) === family)!;
  }

  /** What an operator would look at first. */
  async diagnose(): Promise<string> {
    const { stdout } = await this.attempt(["systemctl", "status", "--no-pager", "--lines=20", "wigglenet"]);
    return `--- ${this.name}\n${stdout}`;
  }

  /** What it said while it booted. */
  console(): string {
    return [...this.#container.stdout.slice(-30), ...this.#container.stderr.slice(-30)].join("\n");
  }
}

const PACKAGE_MS = 300_000;
/** How long systemctl waits for an answer: 25 s by itself, on whatever machine. */
const BUS_TIMEOUT = `SYSTEMD_BUS_TIMEOUT=${25 * PATIENCE}s`;
const PATH = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";

/** Each systemd takes its control group for the root of all: of version 2, of 1, or of both beside each other. */
const CGROUP_ROOTS = ["/sys/fs/cgroup", "/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified"];
const OWN_CGROUP = `for root in ${CGROUP_ROOTS.join(" ")}; do
  if [ -e $root/cgroup.procs ]; then mkdir -p "$root/$0" && echo 0 > "$root/$0/cgroup.procs"; fi
done
exec "$@"`;

/** A program that another one has started. */
function childOf(parent: number, name: string): number | undefined {
  const pids = [...Deno.readDirSync("/proc")].map((entry) => Number(entry.name)).filter((pid) => pid > 0);
  return pids.find((pid) => {
    try {
      const status = Deno.readTextFileSync(`/proc/${pid}/status`);
      return status.includes(`\nPPid:\t${parent}\n`) && status.startsWith(`Name:\t${name}\n`);
    } catch {
      return false; // it is gone
    }
  });
}
