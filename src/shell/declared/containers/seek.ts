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

/** Looks for one. Never throws. */
export async function seek(id: ContainerId, engines: Engines): Promise<Found | NotFound> {
  const slash = id.indexOf("/");
  const [kind, name] = [id.slice(0, slash), id.slice(slash + 1)];
  if (kind === "pid") return { pid: Number(name), engineId: undefined };
  if (kind === "netns") {
    const path = `${NAMED}/${name}`;
    return exists(path) ? { path } : { reason: `there is no ${path}`, next: `ip netns add ${name}` };
  }
  if (kind === "pod") return await seekPod(name, engines.cniResults);
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

async function seekPod(name: string, folder: string): Promise<Found | NotFound> {
  const attachments: Attachment[] = [];
  try {
    for await (const file of Deno.readDir(folder)) {
      const text = await Deno.readTextFile(`${folder}/${file.name}`).catch(() => "");
      const attachment = text.includes(name.slice(name.indexOf("/") + 1)) ? read(text) : undefined;
      if (attachment !== undefined) attachments.push(attachment);
    }
  } catch (error) {
    return {
      reason: `${folder} cannot be read: ${(error as Error).message}`,
      next: "mount it",
      isUnknown: true,
    };
  }
  return findPod(attachments, name, exists);
}

function read(text: string): Attachment | undefined {
  try {
    return parseAttachment(JSON.parse(text));
  } catch {
    return undefined; // It is being written.
  }
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
