// How the program is started as shipped: what the runtime may do, and how it uses memory. The launcher of `deno task
// bundle`, `deno task compile`, the tests and the benchmark of memory take it from here, and README shows it.

import { SETTINGS } from "../settings/settings.ts";
import { NODE_PLUGINS } from "./plugins.ts";
import { PROGRAM_PATHS } from "./programs.ts";

/** The only folders that may be written, as shipped: key, CNI configuration, our own, wireguard-go's sockets. */
export const WRITABLE: readonly string[] = [
  "/etc/wigglenet",
  "/etc/cni/net.d",
  "/run/wigglenet",
  "/var/run/wireguard",
];

/** Where systemd hears of its services; to send there takes leave to write. */
const NOTIFY_SOCKET = "/run/systemd/notify";

/** Where docker and podman answer on a node. */
export const ENGINE_SOCKETS: readonly string[] = ["/run/docker.sock", "/run/podman/podman.sock"];

/** The node's /run, for an agent in a container: deploy/kubernetes/declared-engines has it there. */
const NODE_RUN = "/run/host";

/**
 * Where one of those may be, the node's own place first. To ask takes leave to write; an agent without DECLARED_CONTAINERS gives it up at
 * its start.
 */
export function socketPaths(socket: string): readonly [string, string] {
  return [socket, socket.replace(/^[/]run/, NODE_RUN)];
}

/** The only variables that may be read. */
const ENVIRONMENT: readonly string[] = [
  ...Object.values(SETTINGS).map(({ env }) => env),
  "KUBERNETES_SERVICE_HOST",
  "KUBERNETES_SERVICE_PORT",
  "NOTIFY_SOCKET",
  "WATCHDOG_USEC",
  "PATH",
];

/**
 * Memory before speed, but no limit that a larger cluster would die of (docs/decisions/0016): the heap is collected
 * before it grows by a tenth, what is young has one megabyte, and no code is compiled that takes long to compile.
 */
export const V8_FLAGS: readonly string[] = [
  "--memory-saver-mode",
  "--initial-heap-size=24",
  "--heap-growing-percent=10",
  "--max-semi-space-size=1",
  "--no-incremental-marking",
  "--no-turbofan",
  "--expose-gc",
];

/** Variables that glibc's allocator reads: what programs print, megabytes at a time, is given back at once. */
export const ALLOCATOR: Readonly<Record<string, string>> = {
  MALLOC_ARENA_MAX: "1",
  MALLOC_MMAP_THRESHOLD_: "131072",
  MALLOC_TRIM_THRESHOLD_: "131072",
};

/**
 * Flags of `deno run` and of `deno compile`. Everything may be read, for manifests may stand anywhere; all sockets may
 * be used, for the one by which there is one agent in a network has no name that a flag could hold.
 */
export function shippedFlags(): string[] {
  return [
    "--no-prompt",
    `--v8-flags=${V8_FLAGS.join(",")}`,
    "--allow-read",
    // Datagrams to systemd (docs/decisions/0033).
    "--unstable-net",
    // The last for `install-cni` alone: an agent gives it up at its start.
    `--allow-write=${
      [...WRITABLE, NOTIFY_SOCKET, ...ENGINE_SOCKETS.flatMap(socketPaths), NODE_PLUGINS].join(",")
    }`,
    "--allow-net",
    `--allow-env=${ENVIRONMENT.join(",")}`,
    `--allow-run=${Object.values(PROGRAM_PATHS).flat().join(",")}`,
  ];
}
