// What container engines, CNI and /proc say of containers -> where their network namespaces are, or why nowhere. All of it is
// somebody else's word: what can be, is asked of the kernel as well.

import { fieldsOf } from "../../kubernetes/fields.ts";
import { quote } from "../../net/refusal.ts";

/** Where a namespace is to be entered. */
export type Found =
  | { readonly path: string }
  /** A process that is in it, and the engine's id of its container: undefined where an object names the process itself. */
  | { readonly pid: number; readonly engineId: string | undefined };

/** Why it is not to be had. */
export interface NotFound {
  readonly reason: string;
  readonly next: string;
  /** Nobody could be asked: what is there stays as it is. */
  readonly isUnknown?: boolean;
}

/** What a container engine answered to `GET /containers/NAME/json`. */
export function parseInspection(status: number, json: unknown, name: string): Found | NotFound {
  if (status === 404) return { reason: `there is no container ${name}`, next: "start it" };
  if (status !== 200) {
    return {
      reason: `it answered ${status} for ${name}`,
      next: "see its log: it is asked again by itself",
      isUnknown: true,
    };
  }
  const { Id: id, Name, State, HostConfig } = fieldsOf(json);
  const { Pid: pid, Running } = fieldsOf(State);
  const { NetworkMode: mode } = fieldsOf(HostConfig);
  // Engines answer to the beginning of an id as well, which "db" may be of somebody else's.
  const isNamed = Name === name || Name === `/${name}` || id === name ||
    typeof id === "string" && /^[0-9a-f]{12,}$/.test(name) && id.startsWith(name);
  if (!isNamed) return { reason: `there is no container ${name}`, next: "start it" };
  if (mode === "host") {
    return { reason: `container ${name} runs with the host's network`, next: "give it one of its own" };
  }
  if (Running !== true || pid === 0) return { reason: `container ${name} does not run`, next: "start it" };
  const isPid = typeof pid === "number" && Number.isInteger(pid) && pid > 1;
  if (typeof id !== "string" || !/^[0-9a-f]{64}$/.test(id) || !isPid) {
    return {
      reason: `what it says of container ${name} cannot be true (process ${quote(pid)})`,
      next: "see who serves its socket",
    };
  }
  return { pid, engineId: id };
}

/** A pod's attachment, as libcni keeps it for the deletion (`/var/lib/cni/results`). */
export interface Attachment {
  readonly namespace: string;
  readonly pod: string;
  /** The network namespace. */
  readonly path: string;
}

/** Reads one of those files; undefined: it is no pod's, or not one with a namespace. */
export function parseAttachment(json: unknown): Attachment | undefined {
  const { cniArgs, netns, result } = fieldsOf(json);
  if (!Array.isArray(cniArgs)) return undefined;
  const argument = (key: string): unknown => cniArgs.find((it) => Array.isArray(it) && it[0] === key)?.[1];
  const [namespace, pod] = [argument("K8S_POD_NAMESPACE"), argument("K8S_POD_NAME")];
  const path = netns ?? sandboxIn(result);
  if (typeof namespace !== "string" || typeof pod !== "string" || typeof path !== "string") return undefined;
  return { namespace, pod, path };
}

/** Where an older libcni does not keep it beside the result most plugins say it in there. */
function sandboxIn(result: unknown): unknown {
  const { interfaces } = fieldsOf(result);
  if (!Array.isArray(interfaces)) return undefined;
  const paths = interfaces.map((it) => fieldsOf(it).sandbox).filter((it) =>
    typeof it === "string" && it !== ""
  );
  return paths.every((it) => it === paths[0]) ? paths[0] : undefined;
}

/** As runtimes bind them; what else a file names is not followed. */
const SANDBOX = /^(\/var)?\/run\/netns\/[A-Za-z0-9_][-A-Za-z0-9_.]*$/;

/** Which of the attachments a pod has now. Those of sandboxes that are gone stay behind sometimes: their namespaces are gone too. */
export function findPod(
  attachments: readonly Attachment[],
  name: string,
  exists: (path: string) => boolean,
): Found | NotFound {
  const own = attachments.filter((it) => `${it.namespace}/${it.pod}` === name);
  const odd = own.find(({ path }) => !SANDBOX.test(path));
  if (odd !== undefined) {
    return {
      reason: `pod ${name} is said to be in ${quote(odd.path)}, which is not followed`,
      next: "see /var/lib/cni/results",
    };
  }
  const paths = [...new Set(own.map(({ path }) => path.replace(/^\/var/, "")))].filter(exists);
  if (paths.length === 1) return { path: paths[0]! };
  return paths.length === 0
    ? {
      reason:
        `no network namespace of pod ${name} is here: it does not run on this node, or with the host's network`,
      next: "see kubectl get pod -o wide",
    }
    : {
      reason: `pod ${name} has ${paths.length} network namespaces at once`,
      next: "wait until the older one is gone",
    };
}

/** A process, as the kernel says it. */
export interface Process {
  /** When it started, in ticks since the boot (proc_pid_stat(5), field 22): with its id it is one process. */
  readonly startTicks: string;
  /** Lines of its cgroups. */
  readonly cgroups: string;
}

/** Reads `/proc/PID/stat` and `/proc/PID/cgroup` behind each other. The program's name, in brackets, may hold anything. */
export function parseProcess(text: string): Process | undefined {
  const end = text.lastIndexOf(") ");
  const [line = "", ...cgroups] = text.slice(end + 2).split("\n");
  const startTicks = line.split(" ")[19];
  if (end < 0 || startTicks === undefined || !/^\d+$/.test(startTicks)) return undefined;
  return { startTicks, cgroups: cgroups.join("\n") };
}

/** True where the kernel says, too, that the process is of that container. */
export function isOfContainer({ cgroups }: Process, engineId: string): boolean {
  return cgroups.split("\n").some((line) => line.split(":").slice(2).join(":").includes(engineId));
}

/** Of what `stat` and `cat` complain: files of which they say that they are not there. Of others they could not tell. */
export function parseGone(stderr: string): ReadonlySet<string> {
  return new Set(
    stderr.split("\n").flatMap((line) => {
      const [, quoted, plain] =
        /^\S*(?:stat: cannot \w+ '(.+)'|cat: (.+)): No such (?:file or directory|process)$/.exec(line) ?? [];
      return quoted ?? plain ?? [];
    }),
  );
}

/** Lines of `stat -L -c '%d:%i %n'`: which namespace each file is. */
export function parseIdentities(text: string): ReadonlyMap<string, string> {
  return new Map(
    text.split("\n").flatMap((line) => {
      const [, identity, path] = /^(\d+:\d+) (.+)$/.exec(line) ?? [];
      return identity === undefined ? [] : [[path!, identity] as const];
    }),
  );
}
