// A cluster's declared objects, as people see them: applied by kubectl, read by their conditions, tried by packets.

import type { ObjectJson } from "./walk_through.ts";
import type { Cluster } from "../lab/kubernetes/cluster.ts";
import type { Node } from "../lab/node.ts";
import { until } from "../lab/until.ts";

const DECLARED = new URL("../../deploy/kubernetes/declared", import.meta.url).pathname;

/** Where they are in the API. */
export const GROUP = "/apis/networking.wigglenet.dev/v1alpha1";

/** The folder of an object's kind in the API, in its namespace where it has one. */
export function folderOf({ kind, metadata }: ObjectJson): string {
  const space = metadata.namespace === undefined ? "" : `/namespaces/${metadata.namespace}`;
  return `${GROUP}${space}/${kind.toLowerCase()}s`;
}

/** What may be done with them in one cluster. */
export class DeclaredCluster {
  constructor(private readonly cluster: Cluster) {}

  /** Makes the definitions, and waits until they are served. */
  async define(): Promise<void> {
    const { plane } = this.cluster;
    await plane.mustKubectl(["apply", "--server-side", "-k", DECLARED]);
    await plane.mustKubectl(["wait", "--for=condition=Established", "--timeout=30s", "crd", "--all"]);
  }

  async apply(...objects: readonly ObjectJson[]): Promise<void> {
    for (const object of objects) {
      await this.cluster.plane.mustKubectl(
        ["apply", "--server-side", "--force-conflicts", "--validate=strict", "-f", "-"],
        JSON.stringify(object),
      );
    }
  }

  async remove(...objects: readonly ObjectJson[]): Promise<void> {
    for (const object of objects) {
      await this.cluster.admin.remove(`${folderOf(object)}/${object.metadata.name}`);
    }
  }

  // deno-lint-ignore no-explicit-any -- JSON of the API
  read(object: ObjectJson): Promise<any> {
    return this.cluster.admin.demand(`${folderOf(object)}/${object.metadata.name}`);
  }

  // deno-lint-ignore no-explicit-any -- JSON of the API
  async statusOf(object: ObjectJson): Promise<any> {
    return (await this.read(object)).status ?? {};
  }

  /** Waits for an object's condition; its message. */
  async says(object: ObjectJson, ready: "True" | "False", reason: RegExp): Promise<string> {
    let last: unknown;
    return await until(
      `${object.kind} ${object.metadata.name} to be Ready ${ready} for ${reason}`,
      async () => {
        const { conditions } = last = await this.statusOf(object);
        const [condition] = conditions ?? [];
        return condition?.status === ready && reason.test(`${condition.reason}: ${condition.message}`) &&
            condition.message ||
          condition?.status === ready && ready === "True" && "done";
      },
      // The Lease of a node that died runs for a minute.
      { deadlineMs: 120_000, seen: () => `${JSON.stringify(last, null, 1)}\n${this.agentsSay()}` },
    );
  }

  /** Waits until an address answers a node. */
  async answers(node: Node, address: string): Promise<void> {
    await until(`${address} to answer ${node.name}`, async () => {
      return (await node.attempt(["ping", "-c", "1", "-W", "1", address])).code === 0;
    }, {
      deadlineMs: 60_000,
      seen: async () =>
        `${(await node.attempt(["sh", "-c", "wg show; ip addr"])).stdout}\n${this.agentsSay()}`,
    });
  }

  /** Waits until an interface is gone. */
  async gone(node: Node, name: string): Promise<void> {
    await until(`${name} to be gone on ${node.name}`, async () => {
      return (await node.attempt(["ip", "link", "show", "dev", name])).code !== 0;
    }, { deadlineMs: 30_000, seen: () => this.agentsSay() });
  }

  /** The last lines of all agents. */
  agentsSay(): string {
    return this.cluster.nodes.map(({ name, agent }) => `${name}: ${agent?.tail()}`).join("\n");
  }
}
