// A node of the laboratory with its agent in the cluster of policed_cluster.ts, out of files: 1,000 nodes, 5,000 pods, 110 of them
// here, 100 policies. Routed natively: nobody of a crowd answers WireGuard, which would try for minutes to reach them.

import { BUNDLED } from "../lab/agent.ts";
import { putFile, removeFile } from "../lab/policy_files.ts";
import type { Process } from "../lab/process.ts";
import { listOf, memberOf, smallNode } from "./cluster.ts";
import { Crowd, SETTINGS } from "./crowd.ts";
import { Elements, soonOr } from "./elements.ts";
import type { PodHand } from "./pod_churn.ts";
import { NODES, policedObjects, standing } from "./policed_cluster.ts";

type Json = Record<string, unknown>;

/** How its packets leave. */
export const NATIVE = { "native-routing-ipv4": "true", "native-routing-ipv6": "true" };
/** How many there are. */
export const POLICIES = 100;

/** See above. Make it with {@link PolicedCrowd.create}. */
export class PolicedCrowd {
  readonly #lines = new Map<RegExp, (timeMs: number) => void>();

  private constructor(readonly crowd: Crowd, readonly agent: Process, readonly elements: Elements) {}

  /** `more`: files that are there when the agent starts; `conntrack`: a program in place of the installed one. */
  static async create(more: readonly Json[] = [], conntrack?: string): Promise<PolicedCrowd> {
    const crowd = await Crowd.create(BUNDLED);
    const { lab, node } = crowd;
    if (conntrack !== undefined) await node.run(["mount", "--bind", conntrack, "/usr/sbin/conntrack"]);
    const members = Array.from({ length: NODES - 1 }, (_, i) => memberOf(i + 1));
    await Deno.writeTextFile(`${lab.nodesFolder}/crowd.yaml`, listOf(members.map(smallNode)));
    await Deno.writeTextFile(`${lab.nodesFolder}/policed.json`, listText(POLICIES));
    for (const object of more) await putFile(lab, object);
    const settings = { nodes: lab.nodesFolder, ...SETTINGS, ...NATIVE };
    let policed: PolicedCrowd | undefined = undefined;
    const onLine = (line: string) => policed?.heardLog(line);
    const { agent } = await crowd.loadBy(() => node.startAgent({ settings, onLine }));
    policed = new PolicedCrowd(crowd, agent, Elements.follow(node));
    await standing(node, agent);
    return policed;
  }

  /** Puts a file there; returns the time from which on it was there. */
  async put(object: Json): Promise<number> {
    await putFile(this.crowd.lab, object);
    return performance.now();
  }

  async remove(kind: string, name: string): Promise<number> {
    await removeFile(this.crowd.lab, kind, name);
    return performance.now();
  }

  /** Whose pods are files. */
  get hand(): PodHand {
    const { agent, elements, crowd: { node } } = this;
    const put = (pod: Json) => this.put(pod);
    return { agent, elements, node, put, remove: (_, name) => this.remove("Pod", name) };
  }

  /** When the agent logs such a line. */
  logs(pattern: RegExp): Promise<number> {
    return soonOr(Infinity, (resolve) => this.#lines.set(pattern, resolve));
  }

  heardLog(line: string): void {
    for (const [pattern, resolve] of this.#lines) {
      if (!pattern.test(line)) continue;
      this.#lines.delete(pattern);
      resolve(performance.now());
    }
  }

  async close(): Promise<void> {
    await this.agent.kill("SIGTERM");
    await this.crowd.lab.close();
  }
}

function listText(policies: number): string {
  const items = Object.values(policedObjects(policies)).flat();
  return JSON.stringify({ apiVersion: "v1", kind: "List", items });
}
