// Which agent a laboratory runs: main.ts of this repository, or the program as shipped, on a root that is read-only.
// WIGGLENET_AGENT says it for a whole run: nothing, `built`, `bundle`, or the path of a compiled binary.

import { BUNDLE, CACHE, DIST, LAUNCHER } from "../../deploy/bundle.ts";
import { confined, layOutScript } from "../../deploy/image/confine.ts";
import { rootOf } from "../../deploy/image/image.ts";
import { ENTRYPOINT, environment } from "../../deploy/image/runtime.ts";
import { HOST_ARCHITECTURE } from "../../deploy/image/runtime_binary.ts";
import { ALLOCATOR, V8_FLAGS } from "../../src/core/shipped/flags.ts";
import { NODE_PLUGINS } from "../../src/core/shipped/plugins.ts";
import { cniFolder } from "../prepare.ts";
import { run } from "./process.ts";

const IMAGE_ROOT = rootOf(HOST_ARCHITECTURE);
const MAIN = new URL("../../main.ts", import.meta.url).pathname;

/** An agent, and how its nodes are laid out. */
export interface Agent {
  readonly what: string;
  /** Argument list without verb and settings. */
  readonly argv: readonly string[];
  /** It may write its usual paths only, and its root is read-only. */
  readonly isShipped: boolean;
  /** The root of the image that it is in; undefined where it runs in the machine's own. */
  readonly imageRoot?: string;
}

/** The agent of this repository; nothing is downloaded in a namespace without a way out. */
export const SOURCE: Agent = {
  what: "main.ts",
  argv: [Deno.execPath(), "run", "--quiet", "--cached-only", "-A", MAIN],
  isShipped: false,
};

/**
 * The program that `deno task bundle` built, with its flags and cache, but with all permissions and on no root of its own. A start of it
 * takes a third of the processor time that main.ts takes (0.03 s in place of 0.09, 2026-11-22): the layers have it of test/run.ts.
 */
const BUILT: Agent = {
  what: "the program as built",
  argv: [
    "env",
    `DENO_DIR=${CACHE}`,
    ...Object.entries(ALLOCATOR).map(([name, value]) => `${name}=${value}`),
    Deno.execPath(),
    ...["run", "--quiet", "--no-config", "--cached-only", "--no-prompt", "--unstable-net", "-A"],
    `--v8-flags=${V8_FLAGS.join(",")}`,
    BUNDLE,
  ],
  isShipped: false,
};

/** What `deno task bundle` built, started by its own launcher. */
export const BUNDLED: Agent = {
  what: "the bundle",
  argv: ["env", `DENO=${Deno.execPath()}`, LAUNCHER],
  isShipped: true,
};

/** What `deno task compile` built. */
export function binaryAt(path: string): Agent {
  return { what: path, argv: [path], isShipped: true };
}

/** What `deno task image` built, confined as a container is, in the assembled root of the image. */
export const IMAGED: Agent = {
  what: "the image",
  argv: ["env", ...imageVariables(), ...confined(IMAGE_ROOT), ...ENTRYPOINT],
  isShipped: true,
  imageRoot: IMAGE_ROOT,
};

function imageVariables(): string[] {
  return Object.entries(environment({ isCompiled: Deno.env.has("DENORT_BIN") })).map(([name, value]) =>
    `${name}=${value}`
  );
}

/** The agent of this run. */
export const AGENT: Agent = agentOf(Deno.env.get("WIGGLENET_AGENT") ?? "");

function agentOf(name: string): Agent {
  return name === "" ? SOURCE : name === "built" ? BUILT : name === "bundle" ? BUNDLED : binaryAt(name);
}

/** Where a node's files stand in the laboratory. */
export interface Layout {
  /** The node's own: its key, and `cni/` for the CNI configuration. */
  readonly folder: string;
  /** The laboratory's, that of the node in it. */
  readonly labFolder: string;
  /** Of Node manifests. */
  readonly nodesFolder: string;
}

const ETC = "/etc/wigglenet";
const CNI = "/etc/cni/net.d";
const LAB = "/run/lab";

/** A text with the paths by which an agent as shipped finds the laboratory's files: it may not read in /dev/shm. */
export function usualPaths({ folder, labFolder }: Layout, text: string): string {
  return text.replaceAll(`${folder}/cni`, CNI).replaceAll(folder, ETC).replaceAll(labFolder, LAB);
}

/**
 * Puts a node's files where an agent as shipped looks for them, and makes all else read-only but /run: the root, and
 * the built program with its cache. `enter` starts a program in the node's own mount namespace.
 */
export async function layOut(layout: Layout, { enter, agent }: {
  readonly enter: readonly string[];
  readonly agent: Agent;
}): Promise<void> {
  const { folder, labFolder, nodesFolder } = layout;
  const script = `set -e
    mkdir -p ${folder}/nodes.d ${folder}/.etc/over ${folder}/.etc/work ${LAB}
    # over the machine's own /etc, which has no such folders
    mount -t overlay -o lowerdir=/etc,upperdir=${folder}/.etc/over,workdir=${folder}/.etc/work overlay /etc
    mkdir -p ${ETC} ${CNI}
    mount --bind ${folder} ${ETC}
    mount --bind ${folder}/cni ${CNI}
    mount --bind ${nodesFolder} ${ETC}/nodes.d
    mount --bind ${labFolder} ${LAB}
    mount -o remount,ro /etc
    mount --bind ${DIST} ${DIST}
    mount -o remount,ro,bind ${DIST}
    mount -o remount,ro,bind /`;
  await run([...enter, "sh", "-c", script]);
  if (agent.imageRoot === undefined) return;
  // What the DaemonSet mounts, and the laboratory's files.
  const own = ["/run/wigglenet", "/run/wireguard"];
  const shared = [ETC, CNI, `${ETC}/nodes.d`, LAB, ...own];
  const plugins = await cniFolder();
  const binds = {
    ...Object.fromEntries(shared.map((path) => [path, path])),
    ...(plugins === undefined ? {} : { [NODE_PLUGINS]: plugins }),
  };
  const inImage = `mkdir -p ${own.join(" ")}\n${await layOutScript(agent.imageRoot, binds)}`;
  await run([...enter, "sh", "-c", inImage]);
}

/** Throws Error where nothing was built that could be tested. */
export async function requireBuilt({ isShipped, argv, imageRoot = "" }: Agent): Promise<void> {
  const needed = isShipped ? [`${imageRoot}${argv.at(-1)}`, BUNDLE] : [];
  for (const path of needed) {
    if (await Deno.stat(path).then(() => true, () => false)) continue;
    throw new Error(`${path} is not there: deno task ${imageRoot === "" ? "bundle" : "image"}`);
  }
}
