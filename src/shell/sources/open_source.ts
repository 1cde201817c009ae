// Which source the settings name: files, a kubeconfig, or the cluster that this process is a pod of.

import type { HostFacts } from "../../core/desired/host_facts.ts";
import { parseAddress } from "../../core/net/address.ts";
import { refused } from "../../core/net/refusal.ts";
import type { GivenSettings } from "../../core/settings/settings.ts";
import type { DeclaredSource } from "./declared_source.ts";
import { FileObjects } from "./file_objects.ts";
import { ApiClient } from "./kubernetes/api_client.ts";
import type { ApiDeclaredOptions } from "./kubernetes/api_declared_source.ts";
import { WithTenants } from "./kubernetes/with_tenants.ts";
import { clusterEnvironment, inClusterCredentials } from "./kubernetes/in_cluster.ts";
import { type KubernetesOptions, KubernetesSource } from "./kubernetes/kubernetes_source.ts";
import { ApiPolicySource } from "./kubernetes/api_policy_source.ts";
import type { NodeName } from "../../core/nodes/node.ts";
import type { NodeSource } from "./node_source.ts";
import type { PolicyListeners, PolicySource } from "./policy_source.ts";

/** Within this an API must begin to answer; with the silence that it takes to be asked, less than 30 s. */
const ANSWER_MS = 10_000;

/** A source that is not started yet. */
export interface OpenedSource<T> {
  readonly source: NodeSource<T>;
  /** What it asks; undefined: it reads files. */
  readonly api: ApiClient | undefined;
  /** What policies of this node are made of, from the same place; the source is not started yet. */
  readonly openPolicies: (user: PolicyUser) => PolicySource;
  /** Declared networks, from the same place; the source is not started yet. */
  readonly openDeclared: (user: Omit<ApiDeclaredOptions, "client">) => DeclaredSource;
}

/** Who asks for what policies are made of. */
export interface PolicyUser {
  readonly node: NodeName;
  readonly listeners: PolicyListeners;
  /** All objects are asked for, whoever needs them. */
  readonly isWhole?: boolean;
  /** Called after something has changed. */
  readonly onChange: () => void;
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
  if (settings.nodes.length > 0) {
    const source = new FileObjects(settings.nodes, options);
    return {
      source,
      api: undefined,
      openDeclared: () => source.openDeclared(),
      openPolicies: ({ listeners, onChange }) => source.listen(listeners, onChange),
    };
  }
  const api = await openApi(settings);
  let policies: ApiPolicySource | undefined;
  let declared: WithTenants | undefined;
  const onLost = () => {
    policies?.doubt();
    declared?.doubt();
  };
  const source = new KubernetesSource(api, { ...options, onLost });
  return {
    source,
    api,
    openDeclared: (user) => declared = new WithTenants({ ...user, client: api }),
    openPolicies: (user) => policies = new ApiPolicySource({ ...user, client: api }),
  };
}

/** What a host knows of itself by where its Nodes come from. */
export function factsOf(
  api: ApiClient | undefined,
): Pick<HostFacts, "isPublished" | "apiAddress" | "apiPort"> {
  if (api === undefined) return {};
  const { hostname, port, protocol } = new URL(api.server);
  const apiAddress = parseAddress(hostname.replace(/^\[|\]$/g, ""));
  if (refused(apiAddress)) return { isPublished: true };
  return { isPublished: true, apiAddress, apiPort: Number(port || (protocol === "http:" ? 80 : 443)) };
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
