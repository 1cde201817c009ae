// Nodes of a laboratory whose agents get their Nodes from a real API server, as the manifests of deploy/kubernetes let
// them: what kubelet, scheduler and controllers would do is done here.

import type { AgentOptions, Node } from "../node.ts";
import { Lab, type LabOptions } from "../lab.ts";
import type { Manifest } from "../manifest.ts";
import type { Process } from "../process.ts";
import { until } from "../until.ts";
import { AgentAccount, NODES } from "./agent_account.ts";
import type { ApiClient } from "./api_client.ts";
import { ControlPlane, type ControlPlaneOptions } from "./control_plane.ts";
import { kubeletNode } from "./kubelet_node.ts";

const BASE = new URL("../../../deploy/kubernetes/base", import.meta.url).pathname;
/** What it is called in the API. */
const POLICY = "wigglenet-own-annotations";

/** A cluster. Make it with {@link Cluster.create}; `await using` closes it. */
export class Cluster implements AsyncDisposable {
  private constructor(readonly lab: Lab, readonly plane: ControlPlane, readonly account: AgentAccount) {}

  /** Machines, control plane and manifests; Nodes and agents are made by the test. */
  static async create(options: LabOptions, planeOptions?: ControlPlaneOptions): Promise<Cluster> {
    const lab = await Lab.create(options);
    const plane = await ControlPlane.create(lab, planeOptions);
    await plane.mustKubectl(["apply", "--server-side", "-k", BASE]);
    const account = await AgentAccount.of(plane);
    const cluster = new Cluster(lab, plane, account);
    await cluster.#policyHolds();
    return cluster;
  }

  /** The machines. */
  get nodes(): readonly Node[] {
    return this.lab.nodes;
  }

  /** A client that may do everything. */
  get admin(): ApiClient {
    return this.plane.admin;
  }

  /** Makes the Node of a machine, as its kubelet does: no annotation of ours. */
  async register(node: Node, change: (manifest: Manifest) => Manifest = (same) => same): Promise<void> {
    const { metadata: { annotations: _, ...metadata }, ...rest } = node.manifest;
    await this.admin.create(NODES, kubeletNode(change({ ...rest, metadata })));
  }

  /** Starts the agent of a machine as its DaemonSet's pod, with a new token unless one is given. */
  async start(node: Node, { token, ...options }: AgentOptions & { token?: string } = {}): Promise<Process> {
    await this.account.mount(node, token ?? await this.account.podToken(node.name));
    return node.startAgent({
      ...options,
      settings: { nodes: undefined, ...options.settings },
      env: { ...this.plane.environment, ...options.env },
    });
  }

  /** Registers all machines, starts their agents and waits until each knows all others. */
  async startAll(options: AgentOptions = {}): Promise<void> {
    for (const node of this.nodes) await this.register(node);
    await Promise.all(this.nodes.map((node) => this.start(node, options)));
    await Promise.all(
      this.nodes.map((node) => this.knows(node, this.nodes.filter((other) => other !== node))),
    );
  }

  /** Waits until a machine's agent has exactly these peers and nothing left to do. */
  async knows(node: Node, peers: readonly { readonly name: string }[], deadlineMs = 20_000): Promise<void> {
    const wanted = peers.map(({ name }) => name).sort().join(" ");
    await node.says(`its peers are "${wanted}"`, (status) => {
      return status.applied.isInSync && status.peers.map(({ node }) => node).sort().join(" ") === wanted;
    }, deadlineMs);
  }

  /** The wigglenet/* annotations of a Node. */
  async annotations(name: string): Promise<Record<string, string>> {
    const { metadata } = await this.admin.demand(`${NODES}/${name}`);
    const all = Object.entries(metadata.annotations as Record<string, string>);
    return Object.fromEntries(all.filter(([key]) => key.startsWith("wigglenet/")));
  }

  /** A new policy holds some moments after it was made: waits until it does, tried on a Node that nobody has. */
  async #policyHolds(): Promise<void> {
    await this.admin.create(NODES, { apiVersion: "v1", kind: "Node", metadata: { name: "probe" } });
    using agent = await this.plane.clientWith(await this.account.nodeToken("probe"));
    let tries = 0;
    await until(`the policy ${POLICY} to hold`, async () => {
      const patch = { metadata: { labels: { tries: `${tries++}` } } };
      const options = { method: "PATCH", body: patch, type: "application/merge-patch+json" };
      return (await agent.ask(`${NODES}/probe`, options)).status >= 400;
    });
    await this.admin.remove(`${NODES}/probe`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.plane[Symbol.asyncDispose]();
    await this.lab.close();
  }
}
