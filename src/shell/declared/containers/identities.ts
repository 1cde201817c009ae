// Asks the kernel which network namespace a file is, and which process has an id: by programs, for Deno gives /proc only to who may
// do everything.

import {
  parseGone,
  parseIdentities,
  parseProcess,
  type Process,
} from "../../../core/declared/containers/facts.ts";
import { attempt } from "../../command.ts";

/** Namespaces that have a name. */
export const NAMED = "/run/netns";

/** What was looked at. */
export interface Identities {
  /** Device and inode; what is not there, or may not be looked at, is left out. */
  readonly of: ReadonlyMap<string, string>;
  /** What is certainly not there. */
  readonly gone: ReadonlySet<string>;
}

/** Which namespace each file is. */
export async function identitiesOf(paths: readonly string[]): Promise<Identities> {
  if (paths.length === 0) return { of: new Map(), gone: new Set() };
  const args = ["-L", "-c", "%d:%i %n", ...new Set(paths)];
  const { stdout, stderr } = await attempt({ program: "stat", args });
  return { of: parseIdentities(stdout), gone: parseGone(stderr) };
}

/** A file by which that namespace has a name; undefined: none. */
export async function nameOf(namespace: string): Promise<string | undefined> {
  const files = await Array.fromAsync(Deno.readDir(NAMED)).catch(() => []);
  const { of } = await identitiesOf(files.map(({ name }) => `${NAMED}/${name}`));
  return [...of].find(([, it]) => it === namespace)?.[0];
}

/**
 * A process; undefined: there is certainly none of that id.
 * @throws Error when it could not be looked at
 */
export async function readProcess(pid: number): Promise<Process | undefined> {
  const files = [`/proc/${pid}/stat`, `/proc/${pid}/cgroup`];
  const { stdout, stderr, failure } = await attempt({ program: "cat", args: files });
  if (failure === undefined) return parseProcess(stdout);
  if (files.some((file) => parseGone(stderr).has(file))) return undefined;
  throw new Error(`cat ${files[0]} ${failure}: ${stderr.split("\n")[0]}`);
}
