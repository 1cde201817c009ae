// Where a container's network namespace is said to be: asks engines and looks at files, and believes nobody (places.ts does).

import {
  type Attachment,
  findPod,
  type Found,
  type NotFound,
  parseAttachment,
} from "../../../core/declared/containers/facts.ts";
import type { ContainerId } from "../../../core/declared/containers/container.ts";
import { ENGINE_SOCKETS } from "../../../core/shipped/flags.ts";
import { Engine } from "./engine.ts";
import { NAMED } from "./identities.ts";

const [DOCKER, PODMAN] = ENGINE_SOCKETS;
/** Of libcni, which every runtime with CNI has. */
const CNI_RESULTS = "/var/lib/cni/results";

/** What pods have, read once for all of them; or why it could not be read. */
type Attachments = readonly Attachment[] | { readonly why: string };

/** Looks for containers; keeps what engines said. */
export class Seeker {
  readonly #docker = new Engine("docker", DOCKER!);
  readonly #podman = new Engine("podman", PODMAN!);

  /** Looks for all of these. Never throws. */
  async seek(ids: ReadonlySet<ContainerId>): Promise<ReadonlyMap<ContainerId, Found | NotFound>> {
    const names = (kind: string) =>
      new Set([...ids].flatMap((id) => id.startsWith(`${kind}/`) ? id.slice(kind.length + 1) : []));
    const [docker, podman, attachments] = await Promise.all([
      this.#docker.inspect(names("docker")),
      this.#podman.inspect(names("podman")),
      names("pod").size === 0 ? [] : readAttachments(),
    ]);
    return new Map([...ids].map((id) => {
      const slash = id.indexOf("/");
      const [kind, name] = [id.slice(0, slash), id.slice(slash + 1)];
      const said = kind === "docker" ? docker.get(name) : kind === "podman" ? podman.get(name) : undefined;
      return [id, said ?? seekHere(kind, name, attachments)];
    }));
  }
}

function seekHere(kind: string, name: string, attachments: Attachments): Found | NotFound {
  try {
    if (kind === "pid") return isAlone() ? OWN_PROCESSES : { pid: Number(name), engineId: undefined };
    if (kind === "netns") {
      const path = `${NAMED}/${name}`;
      return exists(path) ? { path } : { reason: `there is no ${path}`, next: `ip netns add ${name}` };
    }
    if (!("why" in attachments)) return findPod(attachments, name, exists);
    return { reason: attachments.why, next: "it is read again by itself", isUnknown: true };
  } catch (error) {
    return { reason: (error as Error).message, next: "it is looked for again by itself", isUnknown: true };
  }
}

const OWN_PROCESSES: NotFound = {
  reason: "this agent sees no processes but its own",
  next: "give it hostPID: in a cluster that is declared-engines",
};

/** The first process of a container that has ids of its own: by the id that an object names it would find a program that it runs. */
function isAlone(): boolean {
  return Deno.pid === 1;
}

/** Reads all of them. One that is half written, was left empty by a crash, or is no file, is nobody's. */
async function readAttachments(): Promise<Attachments> {
  try {
    const all: Attachment[] = [];
    for await (const { name, isFile } of Deno.readDir(CNI_RESULTS)) {
      if (!isFile) continue;
      const text = await Deno.readTextFile(`${CNI_RESULTS}/${name}`).catch((error) => {
        if (error instanceof Deno.errors.NotFound) return "";
        throw error;
      });
      all.push(...read(text));
    }
    return all;
  } catch (error) {
    return { why: `${CNI_RESULTS} cannot be read: ${(error as Error).message}` };
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
