// The agent as users deploy it: a variant of deploy/kubernetes with the image of this checkout, by `kubectl apply -k`.

import { load } from "js-yaml";
import type { Cluster } from "../lab/kind/cluster.ts";
import type { Family } from "./world.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
const ROLLOUT_MS = 180_000;

/** What a cluster's agents are given. */
export interface DeploymentOptions {
  /** `name:tag`, present on every node. */
  readonly image: string;
  readonly families: readonly Family[];
  /** wireguard-go serves the tunnel: this kernel has no WireGuard. */
  readonly isUserspace: boolean;
  /** Nobody allocates pod CIDRs: each node computes its own. */
  readonly hasPodCidrs: boolean;
  /** Of both families. */
  readonly transport: string;
}

/** The agent on all nodes of a cluster. */
export class Deployment {
  readonly #folder: string;

  constructor(private readonly cluster: Cluster, private readonly options: DeploymentOptions) {
    // Below the checkout: a kustomization names others by relative paths only.
    this.#folder = `${ROOT}dist/kind/${cluster.name}`;
  }

  /**
   * Applies it, with these variables besides; returns when every node runs it so.
   * @param variant one whose patches are applied too; undefined: none
   */
  async apply(env: Readonly<Record<string, string>> = {}, variant?: string): Promise<void> {
    await this.#write(env, variant === undefined ? [] : await patchesOf(variant));
    await this.label();
    await this.cluster.kubectl(["apply", "--server-side", "--force-conflicts", "-k", this.#folder]);
    await this.rolledOut();
  }

  /** Says of each node that its kernel has no WireGuard, where that is so. */
  async label(): Promise<void> {
    if (!this.options.isUserspace) return;
    await this.cluster.kubectl(["label", "nodes", "--all", "--overwrite", "wigglenet/wireguard=userspace"]);
  }

  /** Waits until every agent is the wanted one, and ready. */
  async rolledOut(): Promise<void> {
    // wireguard-go is of OnDelete, which has no rollout; without it no agent is ready.
    const status = ["-n", "kube-system", "rollout", "status", "daemonset/wigglenet"];
    const timeout = `--timeout=${ROLLOUT_MS / 1000}s`;
    await this.cluster.kubectl([...status, timeout], { deadlineMs: ROLLOUT_MS + 5000 });
  }

  /** Deletes all that it applied, and waits until the pods are gone. */
  async delete(): Promise<void> {
    await this.cluster.kubectl(["delete", "-k", this.#folder, "--wait"], { deadlineMs: ROLLOUT_MS });
    await this.#podsGone("app in (wigglenet, wigglenet-wireguard-go)");
  }

  /** Deletes the agents; what serves the tunnel in userspace stays. */
  async deleteAgents(): Promise<void> {
    const agents = ["-n", "kube-system", "delete", "daemonset", "wigglenet", "--wait"];
    await this.cluster.kubectl(agents, { deadlineMs: ROLLOUT_MS });
    await this.#podsGone("app=wigglenet");
  }

  async #podsGone(selector: string): Promise<void> {
    const wait = ["-n", "kube-system", "wait", "--for=delete", "pod", "-l", selector, "--timeout=60s"];
    await this.cluster.kubectl(wait, { deadlineMs: 65_000 });
  }

  /** Removes from a node what its agent made, by the Job that README tells of, and returns what that printed. */
  async cleanUp(node: string): Promise<string> {
    const job = `wigglenet-cleanup-${node}`;
    const manifest = await Deno.readTextFile(`${ROOT}deploy/kubernetes/cleanup.yaml`);
    // What README does with sed.
    const image = `image: ${this.options.image}`;
    await this.cluster.apply(manifest.replaceAll("NODE", node).replace(/image: .*/, image));
    const wait = ["-n", "kube-system", "wait", "--for=condition=Complete", `job/${job}`, "--timeout=60s"];
    const { code, stderr } = await this.cluster.tryKubectl(wait, { deadlineMs: 65_000 });
    const said = await this.cluster.kubectl(["-n", "kube-system", "logs", `job/${job}`]);
    if (code !== 0) throw new Error(`The Job on ${node} did not complete: ${stderr.trim()}\n${said}`);
    await this.cluster.kubectl(["-n", "kube-system", "delete", "job", job, "--wait"]);
    return said;
  }

  async #write(env: Readonly<Record<string, string>>, patches: readonly unknown[]): Promise<void> {
    const variant = this.options.isUserspace ? "userspace" : "base";
    const [newName, newTag] = this.options.image.split(/:(?=[^:/]*$)/);
    const patch = {
      apiVersion: "apps/v1",
      kind: "DaemonSet",
      metadata: { name: "wigglenet", namespace: "kube-system" },
      spec: {
        template: {
          spec: {
            containers: [{
              name: "wigglenet",
              env: Object.entries({ ...this.#shapeEnv(), ...env }).map(([name, value]) => ({ name, value })),
            }],
          },
        },
      },
    };
    const kustomization = {
      apiVersion: "kustomize.config.k8s.io/v1beta1",
      kind: "Kustomization",
      resources: [`../../../deploy/kubernetes/${variant}`],
      images: [{ name: "wigglenet", newName, newTag }],
      patches: [...patches, { patch: JSON.stringify(patch) }],
    };
    await Deno.mkdir(this.#folder, { recursive: true });
    await Deno.writeTextFile(
      `${this.#folder}/kustomization.yaml`,
      JSON.stringify(kustomization, undefined, 2),
    );
  }

  #shapeEnv(): Record<string, string> {
    const { transport } = this.options;
    const env: Record<string, string> = transport === "wireguard"
      ? {}
      : { TRANSPORT_IPV4: transport, TRANSPORT_IPV6: transport };
    for (const family of ["v4", "v6"] as const) {
      const name = family === "v4" ? "IPV4" : "IPV6";
      if (this.options.families.includes(family)) {
        if (!this.options.hasPodCidrs) env[`POD_CIDR_SOURCE_${name}`] = "expression";
        continue;
      }
      env[`POD_CIDR_SOURCE_${name}`] = "none";
      env[`NATIVE_ROUTING_${name}`] = "true";
      env[`MASQUERADE_${name}`] = "false";
    }
    if (!this.options.hasPodCidrs) {
      const index = `int(node.labels["wigglenet-e2e/index"])`;
      env.POD_CIDR_EXPRESSION =
        `[cidr("10.244.0.0/16").subnet(24, ${index}), cidr("fd00:10:244::/56").subnet(64, ${index})]`;
    }
    return env;
  }
}

interface Kustomization {
  readonly resources: readonly string[];
  readonly patches: readonly unknown[];
}

/** Those of the variants that it stands on come first. */
async function patchesOf(variant: string): Promise<readonly unknown[]> {
  const text = await Deno.readTextFile(`${ROOT}deploy/kubernetes/${variant}/kustomization.yaml`);
  const { resources, patches } = load(text) as Kustomization;
  const below = resources.filter((it) => it !== "../base").map((it) => patchesOf(it.replace("../", "")));
  return [...(await Promise.all(below)).flat(), ...patches];
}
