// The crowd of a node whose agent reads it from a real API server, as 12 KB objects that a kubelet would write.

import { AGENT, type Agent } from "../lab/agent.ts";
import { NODES } from "../lab/kubernetes/agent_account.ts";
import { type ApiClient, inParallel } from "../lab/kubernetes/api_client.ts";
import { Cluster } from "../lab/kubernetes/cluster.ts";
import { putKubeconfig } from "../lab/kubernetes/kubeconfig.ts";
import { kubeletNode } from "../lab/kubernetes/kubelet_node.ts";
import type { Process } from "../lab/process.ts";
import type { Hand } from "./changes.ts";
import { type Member, memberOf } from "./cluster.ts";
import { Crowd, SETTINGS } from "./crowd.ts";
import { Heartbeats } from "./heartbeats.ts";

/** How the agent gets at the API: as a pod, or with a kubeconfig as one outside of the cluster would. */
export type Access = "in-cluster" | "kubeconfig";

/** A crowd in an API server. Make it with {@link ApiCrowd.create}; `await using` closes it. */
export class ApiCrowd implements AsyncDisposable {
  #heartbeats: Heartbeats | undefined;

  private constructor(readonly cluster: Cluster, readonly crowd: Crowd) {}

  /** One machine with its own Node, and the control plane. */
  static async create(agent: Agent = AGENT): Promise<ApiCrowd> {
    const cluster = await Cluster.create({ nodes: 1, agent });
    const crowd = Crowd.of(cluster.lab);
    await cluster.register(crowd.node);
    return new ApiCrowd(cluster, crowd);
  }

  get #admin(): ApiClient {
    return this.cluster.admin;
  }

  /** Makes the Nodes of that many members, from the first on that are not there. */
  async fill(count: number, from = 1): Promise<void> {
    const numbers = Array.from({ length: count - from + 1 }, (_, i) => from + i);
    await inParallel(numbers, (i) => this.#admin.create(NODES, objectOf(memberOf(i))));
  }

  /** Starts the agent as its pod, or by a kubeconfig; resolves when the host is in sync. */
  async load(access: Access = "in-cluster"): Promise<{ agent: Process; loadMs: number }> {
    const { account, plane } = this.cluster;
    const { node } = this.crowd;
    const token = await account.podToken(node.name);
    await account.mount(node, token);
    const isPod = access === "in-cluster";
    const kubeconfig = isPod ? undefined : await putKubeconfig(node, plane, { token });
    const settings = { nodes: undefined, kubeconfig, ...SETTINGS };
    const env = isPod ? plane.environment : {};
    return await this.crowd.loadBy(() => node.startAgent({ settings, env }));
  }

  /** The hand that changes the API: a change is made once the API has acknowledged it. */
  get hand(): Hand {
    const done = async (request: Promise<unknown>) => {
      await request;
      return performance.now();
    };
    return {
      join: (member) => done(this.#admin.create(NODES, objectOf(member))),
      leave: ({ name }) => done(this.#admin.remove(`${NODES}/${name}`)),
    };
  }

  /** The kubelets of the first so many members, whose Nodes are there already. */
  async heartbeats(members: number): Promise<Heartbeats> {
    return this.#heartbeats ??= await Heartbeats.of(this.cluster.plane.host, members);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.cluster[Symbol.asyncDispose]();
  }
}

/** What kubelet, controllers and the member's own agent have written. */
export function objectOf({ name, publicKey, podCidrs, addresses }: Member): Record<string, unknown> {
  return kubeletNode({
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name,
      annotations: {
        "wigglenet/public-key": publicKey,
        "wigglenet/node-ips": "[]",
        "wigglenet/pod-cidrs": JSON.stringify(podCidrs.toReversed()),
      },
    },
    spec: { podCIDRs: [...podCidrs] },
    status: { addresses: addresses.map((address) => ({ type: "InternalIP", address })) },
  });
}
