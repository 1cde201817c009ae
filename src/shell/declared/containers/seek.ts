// Where a container's network namespace is said to be: asks engines and looks at files, and believes nobody (places.ts does).

import {
  type Attachment,
  findPod,
  type Found,
  type NotFound,
  parseAttachment,
  parseInspection,
} from "../../../core/declared/containers/facts.ts";
import type { ContainerId } from "../../../core/declared/containers/container.ts";
import { ENGINE_SOCKETS } from "../../../core/shipped/flags.ts";
import { askSocket } from "./ask_socket.ts";

/** Where who answers stands. */
export interface Engines {
  readonly docker: string;
  readonly podman: string;
  /** Of libcni, which every runtime with CNI has. */
  readonly cniResults: string;
}

const [DOCKER, PODMAN] = ENGINE_SOCKETS;

/** As their packages have them. */
export const ENGINES: Engines = {
  docker: DOCKER!,
  podman: PODMAN!,
  cniResults: "/var/lib/cni/results",
};

/** Namespaces that have a name. */
const NAMED = "/run/netns";

/** What pods have, read once for all of them; "unread" with the reason. */
export type Attachments = readonly Attachment[] | { readonly why: string };

/**
 * Looks for one. Never throws.
 * @param attachments of pods, asked for once a look
 */
export async function seek(
  id: ContainerId,
  engines: Engines,
  attachments: () => Promise<Attachments>,
): Promise<Found | NotFound> {
  const slash = id.indexOf("/");
  const [kind, name] = [id.slice(0, slash), id.slice(slash + 1)];
  try {
    if (kind === "pid") return { pid: Number(name), engineId: undefined };
    if (kind === "netns") {
      const path = `${NAMED}/${name}`;
      return exists(path) ? { path } : { reason: `there is no ${path}`, next: `ip netns add ${name}` };
    }
    if (kind === "pod") {
      const known = await attachments();
      if ("why" in known) return { reason: known.why, next: "it is read again by itself", isUnknown: true };
      return findPod(known, name, exists);
    }
  } catch (error) {
    return { reason: (error as Error).message, next: "it is looked for again by itself", isUnknown: true };
  }
  const socket = kind === "docker" ? engines.docker : engines.podman;
  try {
    const { status, json } = await askSocket(socket, `/containers/${encodeURIComponent(name)}/json`);
    return parseInspection(status, json, name);
  } catch (error) {
    return {
      reason: `${socket} does not answer: ${(error as Error).message}`,
      next: `start ${kind}, or its socket`,
      isUnknown: true,
    };
  }
}

/** Reads all of them. One that is half written, or was left empty by a crash, is nobody's. */
export async function readAttachments({ cniResults: folder }: Engines): Promise<Attachments> {
  try {
    const all: Attachment[] = [];
    for await (const { name } of Deno.readDir(folder)) {
      const text = await Deno.readTextFile(`${folder}/${name}`).catch((error) => {
        if (error instanceof Deno.errors.NotFound) return "";
        throw error;
      });
      all.push(...read(text));
    }
    return all;
  } catch (error) {
    return { why: `${folder} cannot be read: ${(error as Error).message}` };
  }
}

function read(text: string): Attachment[] {
  try {
    return [parseAttachment(JSON.parse(text))].filter((it) => it !== undefined);
  } catch {
    return [];
  }
}

/** Throws where it could not be looked at. */
function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
