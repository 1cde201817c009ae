// A container engine of one node of the laboratory, docker or podman; its images and containers are gone with the laboratory.
// What differs between the two stands here alone.

import type { Node } from "./node.ts";
import { type Output, run } from "./process.ts";
import { until } from "./until.ts";

/** A whole name: podman would look a short one up. */
export const IMAGE = "localhost/agent:test";
/** Engines switch IPv6 off where their own network has none. */
const IPV6 = ["--sysctl", "net.ipv6.conf.all.disable_ipv6=0"];
/** Version 1 as far as it is free, for a kernel without systemd gives version 2 no controllers. */
const CGROUPS = "mount -t tmpfs tmpfs /sys/fs/cgroup; cd /sys/fs/cgroup; " +
  "for c in cpu cpuacct cpuset memory devices freezer blkio pids; do mkdir $c; mount -t cgroup -o $c cgroup $c; done";

interface Kind {
  readonly socket: string;
  /** Its client, told where its folders are. */
  readonly client: (folder: string) => readonly string[];
  /** What answers on the socket. */
  readonly server: (folder: string) => readonly string[];
}

const podman = (folder: string) => [
  // Beside its folders it makes files for a moment: the root of a node as shipped is read-only.
  ...["env", "TMPDIR=/run", "podman"],
  ...[`--root=${folder}/podman`, "--runroot=/run/podman-run", "--storage-driver=vfs"],
  ...["--cgroup-manager=cgroupfs", "--events-backend=file"],
];

const KINDS: Readonly<Record<"docker" | "podman", Kind>> = {
  docker: {
    socket: "/run/docker.sock",
    client: () => ["docker", "--host=unix:///run/docker.sock"],
    server: (folder) => [
      ...["dockerd", "--host=unix:///run/docker.sock", "--storage-driver=vfs"],
      ...["--iptables=false", "--ip6tables=false", "--bridge=none"],
      ...[`--data-root=${folder}/docker`, "--exec-root=/run/docker-exec", "--pidfile=/run/docker.pid"],
    ],
  },
  podman: {
    socket: "/run/podman/podman.sock",
    client: podman,
    server: (folder) => [
      ...podman(folder),
      ...["system", "service", "--time=0", "unix:///run/podman/podman.sock"],
    ],
  },
};

/** The engine. */
export class ContainerEngine {
  readonly #kind: Kind;

  constructor(
    readonly name: keyof typeof KINDS,
    private readonly node: Node,
    private readonly folder: string,
  ) {
    this.#kind = KINDS[name];
  }

  /** Where it answers, on the node. */
  get socket(): string {
    return this.#kind.socket;
  }

  /** Starts it, and makes the image that all containers are of: no registry is asked. */
  async start(): Promise<void> {
    const { node, folder } = this;
    await node.run(["sh", "-ec", `${CGROUPS} 2>/dev/null || mount -t cgroup2 cgroup2 /sys/fs/cgroup`]);
    await node.run(["mkdir", "-p", this.socket.slice(0, this.socket.lastIndexOf("/"))]);
    const engine = node.start(this.#kind.server(folder));
    await until(`${this.name} to answer`, async () => {
      const isServed = (await node.attempt(["test", "-S", this.socket])).code === 0;
      return isServed && (await this.attempt("info")).code === 0;
    }, { deadlineMs: 60_000, seen: () => engine.tail() });
    const root = `${folder}/root`;
    await Deno.mkdir(`${root}/bin`, { recursive: true });
    await Deno.copyFile("/usr/bin/busybox", `${root}/bin/busybox`);
    await run(["tar", "-C", root, "-cf", `${root}.tar`, "."]);
    await this.run("import", `${root}.tar`, IMAGE);
  }

  /** Its client, which must succeed. */
  run(...args: string[]): Promise<string> {
    return this.node.run([...this.#kind.client(this.folder), ...args], { deadlineMs: 60_000 });
  }

  /** Its client, whatever it says. */
  attempt(...args: string[]): Promise<Output> {
    return this.node.attempt([...this.#kind.client(this.folder), ...args], { deadlineMs: 60_000 });
  }

  /** A container that does nothing. */
  async startContainer(
    name: string,
    options: readonly string[] = ["--network=none", ...IPV6],
  ): Promise<void> {
    const own = ["--name", name, "--stop-timeout=0"];
    await this.run("run", "-d", ...own, ...options, IMAGE, "/bin/busybox", "sleep", "100000");
  }

  /** How a container's network is entered from the node. */
  async enter(name: string): Promise<string[]> {
    const pid = (await this.attempt("inspect", "-f", "{{.State.Pid}}", name)).stdout.trim();
    return ["nsenter", `--net=/proc/${pid}/ns/net`, "--"];
  }

  /** A program of the node's in a container's network. */
  async inside(name: string, ...argv: string[]): Promise<Output> {
    return await this.node.attempt([...await this.enter(name), ...argv]);
  }
}
