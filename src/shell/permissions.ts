// What this process may do, asked before anything is touched. Who started it with less than a setting needs is told
// which setting, which path and which flag; the program itself never asks for more.

import { NODE_PLUGINS } from "../core/shipped/plugins.ts";
import { type GivenSettings, SETTINGS, usesTunnel } from "../core/settings/settings.ts";
import { RUN_FOLDER } from "./files.ts";
import { ENGINE_SOCKETS, socketPaths } from "../core/shipped/flags.ts";
import { PROGRAM_PATHS } from "../core/shipped/programs.ts";
import { folderOf } from "./paths.ts";

/** Something that is needed and not permitted. */
interface Trouble {
  readonly what: string;
  /** Flag of Deno that permits it; undefined: none does, short of all. */
  readonly flag?: string;
}

/** Throws Error that names every path of the settings which is out of reach. */
export function requirePaths(settings: GivenSettings): void {
  const { privateKeyPath, cniConfigPath, nodes, podCidrSourcePath, podCidrExpressionPath } = SETTINGS;
  const read: readonly (readonly [string, string])[] = [
    ...settings.nodes.map((path) => [nodes.env, path] as const),
    [podCidrSourcePath.env, settings.podCidrSourcePath],
    [podCidrExpressionPath.env, settings.podCidrExpressionPath],
  ];
  const written: readonly (readonly [string, string])[] = [
    ...(usesTunnel(settings) ? [[privateKeyPath.env, settings.privateKeyPath] as const] : []),
    ...(settings.isFirewallOnly ? [] : [[cniConfigPath.env, settings.cniConfigPath] as const]),
  ];
  const troubles = [
    ...(mayWrite(RUN_FOLDER) ? [] : [unwritable(`${RUN_FOLDER} is needed`, RUN_FOLDER)]),
    ...written.flatMap(([env, path]) => {
      const folder = folderOf(path);
      return mayWrite(folder) ? [] : [unwritable(`${env} is ${path}`, folder)];
    }),
    ...read.flatMap(([env, path]) => mayRead(path) ? [] : [unreadable(env, path)]),
  ];
  if (troubles.length > 0) throw notPermitted(troubles);
}

/** What only another verb may do, this process will not: whoever takes it over cannot replace what runs as root. */
export function giveUpPlugins(): void {
  Deno.permissions.revokeSync({ name: "write", path: NODE_PLUGINS });
}

/** Containers are for who is told so: a program that is taken over does not even ask their engines. */
export function giveUpContainers(
  { hasDeclaredContainers }: Pick<GivenSettings, "hasDeclaredContainers">,
): void {
  if (hasDeclaredContainers) return;
  for (const path of ENGINE_SOCKETS.flatMap(socketPaths)) {
    Deno.permissions.revokeSync({ name: "write", path });
  }
  for (const command of PROGRAM_PATHS.nsenter) Deno.permissions.revokeSync({ name: "run", command });
}

function unwritable(why: string, folder: string): Trouble {
  return { what: `${why}, and ${folder} may not be written`, flag: `--allow-write=${folder}` };
}

function unreadable(env: string, path: string): Trouble {
  return { what: `${env} is ${path}: nothing in /dev, /proc or /sys may be read` };
}

/** What to say of programs that stand where they may not be started from. */
export function mayNotRun(paths: readonly string[]): Error {
  return notPermitted(
    paths.map((path) => ({ what: `${path} may not be started`, flag: `--allow-run=${path}` })),
  );
}

function notPermitted(troubles: readonly Trouble[]): Error {
  const flags = troubles.flatMap(({ flag }) => flag ?? []);
  const next = flags.length === 0
    ? "choose another path"
    : `take the usual path, or start the bundle, not the binary, with WIGGLENET_DENO_FLAGS="${
      flags.join(" ")
    }"`;
  return new Error(`Not permitted: ${troubles.map(({ what }) => what).join("; ")}; ${next}`);
}

function mayWrite(path: string): boolean {
  return Deno.permissions.querySync({ name: "write", path }).state === "granted";
}

/** By trying, for what Deno guards apart may be where a link leads, and asking does not tell. */
function mayRead(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    return !(error instanceof Deno.errors.NotCapable);
  }
}
