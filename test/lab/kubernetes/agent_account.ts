// How an agent in a cluster is known to the API: the service account of its DaemonSet, tokens bound to its pod or node,
// and the three files that kubelet mounts for it.

import type { Node } from "../node.ts";
import type { ApiClient } from "./api_client.ts";
import type { ControlPlane } from "./control_plane.ts";
import { signToken } from "./tokens.ts";

/** Where the DaemonSet and its service account live, and what both are called. */
export const NAMESPACE = "kube-system";
/** See {@link NAMESPACE}. */
export const ACCOUNT = "wigglenet";
/** Of all Nodes. */
export const NODES = "/api/v1/nodes";

const ACCOUNTS = `/api/v1/namespaces/${NAMESPACE}/serviceaccounts`;
const PODS = `/api/v1/namespaces/${NAMESPACE}/pods`;
/** The least that the API issues. */
const TEN_MINUTES = 600;
const MOUNT = "/run/secrets/kubernetes.io/serviceaccount";

let generation = 0;

/** What of a cluster's life is the test's to do: it has no kubelet, scheduler or controllers. */
export class AgentAccount {
  private constructor(private readonly plane: ControlPlane, readonly user: string) {}

  /** Needs the service account of the manifests to be there. */
  static async of(plane: ControlPlane): Promise<AgentAccount> {
    await plane.admin.demand(`${ACCOUNTS}/${ACCOUNT}`);
    return new AgentAccount(plane, `system:serviceaccount:${NAMESPACE}:${ACCOUNT}`);
  }

  get #admin(): ApiClient {
    return this.plane.admin;
  }

  /** The token that kubelet would ask for: bound to the agent's pod on that node. */
  async podToken(nodeName: string): Promise<string> {
    const name = `wigglenet-${nodeName}`;
    const { status } = await this.#admin.ask(`${PODS}/${name}`);
    if (status === 404) await this.#admin.create(PODS, podOn(nodeName, name));
    const { metadata } = await this.#admin.demand(`${PODS}/${name}`);
    return await this.#issue({ kind: "Pod", apiVersion: "v1", name, uid: metadata.uid });
  }

  /** The pod of a node is gone, and with it at once the token that is bound to it. */
  async removePod(nodeName: string): Promise<void> {
    await this.#admin.remove(`${PODS}/wigglenet-${nodeName}?gracePeriodSeconds=0`);
  }

  /** A token that is bound to the node itself. */
  async nodeToken(name: string): Promise<string> {
    const { metadata } = await this.#admin.demand(`${NODES}/${name}`);
    return await this.#issue({ kind: "Node", apiVersion: "v1", name, uid: metadata.uid });
  }

  /** A token of that node that ends soon. */
  async shortToken(nodeName: string, seconds: number): Promise<string> {
    const [account, node] = await Promise.all([`${ACCOUNTS}/${ACCOUNT}`, `${NODES}/${nodeName}`].map(
      async (path) => (await this.#admin.demand(path)).metadata as { name: string; uid: string },
    ));
    const bare = ({ name, uid }: { name: string; uid: string }) => ({ name, uid });
    const key = await this.plane.file("accounts.key");
    return signToken(key, { namespace: NAMESPACE, account: bare(account!), node: bare(node!), seconds });
  }

  async #issue(boundObjectRef: unknown): Promise<string> {
    const spec = { audiences: null, expirationSeconds: TEN_MINUTES, boundObjectRef };
    const request = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec };
    return (await this.#admin.create(`${ACCOUNTS}/${ACCOUNT}/token`, request)).status.token;
  }

  /** Puts token and CA (default: the cluster's) onto the node. */
  async mount(node: Node, token: string, ca?: string): Promise<void> {
    await mountAccount(node, { token, ca: ca ?? await this.plane.file("ca.crt") });
  }
}

/** Puts token, CA and namespace onto the node, all at once, as kubelet swaps the content of a projected volume. */
export async function mountAccount(node: Node, { token, ca }: { token: string; ca: string }): Promise<void> {
  const folder = `/proc/${node.pid}/root${MOUNT}`;
  const data = `..${++generation}`;
  await Deno.mkdir(`${folder}/${data}`, { recursive: true });
  const files = { token, "ca.crt": ca, namespace: NAMESPACE };
  for (const [name, text] of Object.entries(files)) {
    await Deno.writeTextFile(`${folder}/${data}/${name}`, text);
    await Deno.symlink(`..data/${name}`, `${folder}/${name}`).catch(ignoreExisting);
  }
  const before = await Deno.readLink(`${folder}/..data`).catch(() => undefined);
  await Deno.symlink(data, `${folder}/..data_tmp`);
  await Deno.rename(`${folder}/..data_tmp`, `${folder}/..data`);
  if (before !== undefined) await Deno.remove(`${folder}/${before}`, { recursive: true });
}

function podOn(nodeName: string, name: string): unknown {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name },
    spec: {
      nodeName,
      serviceAccountName: ACCOUNT,
      hostNetwork: true,
      containers: [{ name: "wigglenet", image: "wigglenet" }],
    },
  };
}

function ignoreExisting(error: unknown): void {
  if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
}
