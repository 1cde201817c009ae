// The cluster of policed_cluster.ts in a real API server, and the agent of its node n1, as its DaemonSet's pod.

import { BUNDLED } from "../lab/agent.ts";
import { NODES as NODES_PATH } from "../lab/kubernetes/agent_account.ts";
import { inParallel } from "../lab/kubernetes/api_client.ts";
import { Cluster } from "../lab/kubernetes/cluster.ts";
import { putObject, removeObject } from "../lab/kubernetes/policy_objects.ts";
import type { Process } from "../lab/process.ts";
import { tell } from "./alone.ts";
import { objectOf } from "./api_crowd.ts";
import { memberOf } from "./cluster.ts";
import { Crowd, SETTINGS } from "./crowd.ts";
import { Elements } from "./elements.ts";
import { PodWriter } from "./pod_writer.ts";
import type { PodHand } from "./pod_churn.ts";
import { NODES, policedObjects, standing } from "./policed_cluster.ts";
import { NATIVE, POLICIES } from "./policed_crowd.ts";

type Json = Record<string, unknown>;

interface Parts {
  readonly cluster: Cluster;
  readonly agent: Process;
  readonly elements: Elements;
  readonly writer: PodWriter;
}

/** Make it with {@link PolicedApi.create}. */
export class PolicedApi implements AsyncDisposable {
  private constructor(private readonly parts: Parts) {}

  static async create(): Promise<PolicedApi> {
    // Pods need no account here: nobody runs them.
    const flags = ["--disable-admission-plugins=ServiceAccount"];
    const cluster = await Cluster.create({ nodes: 1, agent: BUNDLED }, { flags });
    const crowd = Crowd.of(cluster.lab);
    const { admin, plane } = cluster;
    const { node } = crowd;
    await cluster.register(node);
    const writer = await PodWriter.of(plane.host);
    const others = Array.from({ length: NODES - 1 }, (_, i) => i + 1);
    await inParallel(others, (i) => admin.create(NODES_PATH, objectOf(memberOf(i))));
    const { namespaces, pods, policies } = policedObjects(POLICIES);
    await inParallel([...namespaces, ...policies], (object) => putObject(admin, object));
    await inParallel(pods, (pod) => writer.put(pod));
    tell(`${NODES} Nodes, ${pods.length} Pods and ${policies.length} NetworkPolicies are in the API`);
    const { agent } = await crowd.loadBy(await starter(cluster));
    const elements = Elements.follow(node);
    await standing(node, agent);
    return new PolicedApi({ cluster, agent, elements, writer });
  }

  /** A kubelet's: made before, and now it has got its address; by the API server, as the rest. */
  get kubelets(): PodHand {
    const { admin } = this.parts.cluster;
    const done = async (request: Promise<unknown>) => {
      await request;
      return performance.now();
    };
    return {
      ...this.#seen,
      prepare: async (pod) => {
        await putObject(admin, { ...pod, status: {} });
      },
      put: (pod) => {
        const { namespace, name } = pod.metadata as Record<string, string>;
        const path = `/api/v1/namespaces/${namespace}/pods/${name}/status`;
        return done(admin.patch(path, { status: pod.status }));
      },
      remove: (namespace, name) => done(removeObject(admin, "Pod", `${namespace}/${name}`)),
    };
  }

  /** Who is faster than an API server. */
  get crowds(): PodHand {
    const { writer } = this.parts;
    return {
      ...this.#seen,
      put: (pod) => writer.put(pod),
      remove: (namespace, name) => writer.remove(namespace, name),
    };
  }

  get #seen(): Pick<PodHand, "agent" | "elements" | "node"> {
    const { agent, elements, cluster: { nodes } } = this.parts;
    return { agent, elements, node: nodes[0]! };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.parts.agent.kill("SIGTERM");
    await this.parts.cluster[Symbol.asyncDispose]();
  }
}

async function starter({ account, plane, nodes }: Cluster): Promise<() => Process> {
  const node = nodes[0]!;
  await account.mount(node, await account.podToken(node.name));
  const settings = { nodes: undefined, ...SETTINGS, ...NATIVE } satisfies Json;
  return () => node.startAgent({ settings, env: plane.environment });
}
