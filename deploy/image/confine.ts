// Runs programs in an assembled root as the DaemonSet runs them, without a container runtime: the root read-only, the
// capabilities exact. What it takes to get there stands on the root's /tmp, in a mount namespace that ends with it.

import { command } from "./command.ts";

/** All capabilities that the agent has in the image. */
export const CAPABILITIES: readonly string[] = ["net_admin"];

const TOOLS = "/tmp/.confine";
const LOADED = /(\/\S*\/ld-linux\S*|=> \S+)/g;

/**
 * The script that lays a root out, in a mount namespace of its own: everything read-only but what `binds` mounts at
 * paths inside. Needs root.
 */
export async function layOutScript(
  root: string,
  binds: Readonly<Record<string, string>> = {},
): Promise<string> {
  const setpriv = "/usr/bin/setpriv";
  // With its own loader and libraries: those of the image are of another release.
  const linked = [...(await command(["ldd", setpriv])).matchAll(LOADED)].map(([path]) =>
    path.replace("=> ", "")
  );
  const mounts = Object.entries(binds).map(([inside, outside]) => `mount --bind ${outside} ${root}${inside}`);
  // A container runtime makes mount points in a root that is read-only; here those in /run can be made.
  const points = Object.keys(binds).filter((path) => path.startsWith("/run/")).map((path) =>
    `${root}${path}`
  );
  return `set -e
    mount --bind ${root} ${root}
    for part in dev proc sys; do mount --rbind /$part ${root}/$part; done
    mount -t tmpfs tmpfs ${root}/tmp
    mkdir ${root}${TOOLS}
    cp -L ${[setpriv, ...linked].join(" ")} ${root}${TOOLS}
    mount -o remount,ro ${root}/tmp
    mount -t tmpfs -o mode=755 tmpfs ${root}/run
    mkdir -p ${["/wigglenet", "/wireguard"].map((name) => `${root}/run${name}`).join(" ")} ${points.join(" ")}
    mount -o remount,ro ${root}/run
    mount -o remount,ro,bind ${root}
    ${mounts.join("\n")}
  `;
}

/** The argument list in front of a program in a root that was laid out, which is named by its path inside. */
export function confined(root: string): string[] {
  const none = ["--inh-caps=-all", "--ambient-caps=-all", "--no-new-privs"];
  const bounding = `--bounding-set=-all,${CAPABILITIES.map((name) => `+${name}`).join(",")}`;
  const loader = Deno.build.arch === "x86_64" ? "ld-linux-x86-64.so.2" : "ld-linux-aarch64.so.1";
  return [
    "/usr/sbin/chroot",
    root,
    ...[`${TOOLS}/${loader}`, "--library-path", TOOLS, `${TOOLS}/setpriv`, bounding, ...none, "--"],
  ];
}

/** Milliseconds from start to end of a program in a root, the median of so many runs. Needs root. */
export async function measure(root: string, options: {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly runs: number;
}): Promise<number> {
  const { argv, env, runs } = options;
  const line = [...confined(root), ...argv].map((arg) => `'${arg}'`).join(" ");
  const given = Object.entries(env).map(([name, value]) => `'${name}=${value}'`).join(" ");
  const script = `${await layOutScript(root)}
    for i in $(seq ${runs}); do date +%s%N; env -i ${given} ${line} > /dev/null; date +%s%N; done`;
  const printed = await command(["unshare", "--mount", "--propagation=private", "sh", "-c", script]);
  const times = printed.trim().split("\n").map((text) => Number(BigInt(text) / 1000n) / 1000);
  const taken = times.flatMap((start, i) => i % 2 === 0 ? [times[i + 1]! - start] : []);
  return taken.toSorted((a, b) => a - b)[Math.floor(taken.length / 2)]!;
}
