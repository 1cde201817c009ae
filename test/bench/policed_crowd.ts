// A node of the laboratory with its agent in the cluster of policed_cluster.ts, out of files: 1,000 nodes, 5,000 pods, 110 of them
// here, 100 policies. Routed natively: nobody of a crowd answers WireGuard, which would try for minutes to reach them.

import { BUNDLED } from "../lab/agent.ts";
import { putFile, removeFile } from "../lab/policy_files.ts";
import type { Process } from "../lab/process.ts";
import { until } from "../lab/until.ts";
import { listOf, memberOf, smallNode } from "./cluster.ts";
import { Crowd, SETTINGS } from "./crowd.ts";
import { NODES, policedList } from "./policed_cluster.ts";

type Json = Record<string, unknown>;

const NATIVE = { "native-routing-ipv4": "true", "native-routing-ipv6": "true" };
const POLICIES = 100;
/** Longer than anything that is measured may take. */
export const DEADLINE_MS = 10_000;
const ELEMENT = /^(add|delete) element inet wigglenet ([\w.-]+) \{ (\S+)/;

/** See above. Make it with {@link PolicedCrowd.create}. */
export class PolicedCrowd {
  /** What is waited for: `add p4 10.1.2.3`. */
  readonly #expected = new Map<string, (timeMs: number) => void>();
  readonly #lines = new Map<RegExp, (timeMs: number) => void>();

  private constructor(readonly crowd: Crowd, readonly agent: Process) {}

  /** `more`: files that are there when the agent starts; `conntrack`: a program in place of the installed one. */
  static async create(more: readonly Json[] = [], conntrack?: string): Promise<PolicedCrowd> {
    const crowd = await Crowd.create(BUNDLED);
    const { lab, node } = crowd;
    if (conntrack !== undefined) await node.run(["mount", "--bind", conntrack, "/usr/sbin/conntrack"]);
    const members = Array.from({ length: NODES - 1 }, (_, i) => memberOf(i + 1));
    await Deno.writeTextFile(`${lab.nodesFolder}/crowd.yaml`, listOf(members.map(smallNode)));
    await Deno.writeTextFile(`${lab.nodesFolder}/policed.json`, policedList(POLICIES));
    for (const object of more) await putFile(lab, object);
    const settings = { nodes: lab.nodesFolder, ...SETTINGS, ...NATIVE };
    let policed: PolicedCrowd | undefined = undefined;
    const onLine = (line: string) => policed?.heardLog(line);
    const { agent } = await crowd.loadBy(() => node.startAgent({ settings, onLine }));
    policed = new PolicedCrowd(crowd, agent);
    node.start(["nft", "monitor"], {
      onLine: (line, stream) => stream === "stdout" && policed!.#heard(line),
    });
    await until("the policies to stand", async () => {
      const { stdout } = await node.attempt(["nft", "list", "map", "inet", "wigglenet", "policy-ingress-v4"]);
      return stdout.includes("goto i4-");
    }, { deadlineMs: DEADLINE_MS, seen: () => agent.tail() });
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

  /** When an element comes or goes, in the first of the sets with such names; after {@link DEADLINE_MS}: it did not. */
  element(verb: "add" | "delete", sets: string, member: string): Promise<number> {
    return this.#soon((resolve) => this.#expected.set(`${verb} ${sets} ${member}`, resolve));
  }

  /** When the agent logs such a line. */
  logs(pattern: RegExp): Promise<number> {
    return this.#soon((resolve) => this.#lines.set(pattern, resolve));
  }

  heardLog(line: string): void {
    for (const [pattern, resolve] of this.#lines) {
      if (!pattern.test(line)) continue;
      this.#lines.delete(pattern);
      resolve(performance.now());
    }
  }

  #soon(begin: (resolve: (timeMs: number) => void) => void): Promise<number> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(Infinity), DEADLINE_MS);
      begin((timeMs) => {
        clearTimeout(timer);
        resolve(timeMs);
      });
    });
  }

  #heard(line: string): void {
    const [, verb, set, member] = ELEMENT.exec(line) ?? [];
    if (verb === undefined) return;
    const key = `${verb} ${set!.startsWith("policy-") ? set : set!.slice(0, 2)} ${member}`;
    this.#expected.get(key)?.(performance.now());
    this.#expected.delete(key);
  }

  async close(): Promise<void> {
    await this.agent.kill("SIGTERM");
    await this.crowd.lab.close();
  }
}
