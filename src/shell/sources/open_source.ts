// Which source the settings name: files, a kubeconfig, or the cluster that this process is a pod of.

import type { GivenSettings } from "../../core/settings/settings.ts";
import { FileSource } from "./file_source.ts";
import { ApiClient } from "./kubernetes/api_client.ts";
import { clusterEnvironment, inClusterCredentials } from "./kubernetes/in_cluster.ts";
import { type KubernetesOptions, KubernetesSource } from "./kubernetes/kubernetes_source.ts";
import type { NodeSource } from "./node_source.ts";

/** Within this an API must begin to answer; with the silence that it takes to be asked, less than 30 s. */
const ANSWER_MS = 10_000;

/** A source that is not started yet. */
export interface OpenedSource<T> {
  readonly source: NodeSource<T>;
  /** What it asks; undefined: it reads files. */
  readonly api: ApiClient | undefined;
}

/** What to say where nothing tells where the Nodes are; undefined: something does. */
export function missingSource({ nodes, kubeconfig }: GivenSettings): string | undefined {
  if (nodes.length > 0 || kubeconfig.length > 0 || clusterEnvironment() !== undefined) return undefined;
  return "no Nodes to read: give --nodes PATH (WIGGLENET_NODES), a file or folder of Node manifests; " +
    "or --kubeconfig PATH (KUBECONFIG), a cluster's credentials; or start it as a pod, which has its own";
}

/**
 * The source of the Nodes.
 * @throws Error when the credentials cannot be had
 */
export async function openSource<T>(
  settings: GivenSettings,
  options: KubernetesOptions<T>,
): Promise<OpenedSource<T>> {
  if (settings.nodes.length > 0) return { source: new FileSource(settings.nodes, options), api: undefined };
  const api = await openApi(settings);
  return { source: new KubernetesSource(api, options), api };
}

/** The API that the settings name. Throws Error when there is none. */
export async function openApi(settings: GivenSettings): Promise<ApiClient> {
  if (settings.kubeconfig.length > 0) {
    const { kubeconfigCredentials } = await import("./kubernetes/kubeconfig.ts");
    return new ApiClient(await kubeconfigCredentials(settings.kubeconfig), ANSWER_MS);
  }
  const pod = clusterEnvironment();
  if (pod === undefined) throw new Error(missingSource(settings)!);
  return new ApiClient(await inClusterCredentials(pod), ANSWER_MS);
}
