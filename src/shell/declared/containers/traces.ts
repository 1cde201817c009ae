// Where interfaces of ours may stand, written down before the first of them is made: an agent that starts looks there. It decides
// nothing: what is there is read there.

import { fieldsOf } from "../../../core/kubernetes/fields.ts";
import type { ContainerId } from "../../../core/declared/containers/container.ts";
import { removeFile, RUN_FOLDER, writeAtomically } from "../../files.ts";
import { secretFolder } from "../secret_keys.ts";

/** A namespace, and how it was found. */
export interface Trace {
  readonly id: ContainerId;
  /** A file of it; of a process only together with when that began. */
  readonly path: string;
  /** Device and inode; empty: of a process with which nothing of ours is any more. */
  readonly namespace: string;
  readonly startTicks?: string | undefined;
  /** Of a process the namespace that its id is of, by device and inode. */
  readonly pids?: string | undefined;
}

const PREFIX = "containers-";

/** The file of an agent: those of other network namespaces may share our folder. */
export function tracesFile(settings: Parameters<typeof secretFolder>[0]): string {
  return `${RUN_FOLDER}/${PREFIX}${secretFolder(settings).split("-").at(-1)}.json`;
}

/** Those of all agents. */
export async function tracesFiles(): Promise<string[]> {
  const found = await Array.fromAsync(Deno.readDir(RUN_FOLDER)).catch(() => []);
  return found.filter(({ name }) => name.startsWith(PREFIX)).map(({ name }) => `${RUN_FOLDER}/${name}`);
}

/** Reads one; what cannot be read says nothing. */
export async function readTraces(file: string): Promise<Trace[]> {
  try {
    const list: unknown = JSON.parse(await Deno.readTextFile(file));
    return Array.isArray(list) ? list.flatMap(traceOf) : [];
  } catch {
    return [];
  }
}

function traceOf(json: unknown): Trace[] {
  const { id, path, namespace, startTicks, pids } = fieldsOf(json);
  if (typeof id !== "string" || typeof path !== "string" || typeof namespace !== "string") return [];
  return [{
    ...{ id, path, namespace },
    ...(typeof startTicks === "string" && { startTicks }),
    ...(typeof pids === "string" && { pids }),
  }];
}

/** Writes it; root alone reads it. */
export async function writeTraces(file: string, traces: string): Promise<void> {
  await writeAtomically(file, traces, 0o600);
}

/** Nothing of ours is anywhere. */
export async function forget(file: string): Promise<void> {
  await removeFile(file);
}
