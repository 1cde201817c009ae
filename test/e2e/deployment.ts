// The agent as users deploy it: a variant of deploy/kubernetes with the image of this checkout, by `kubectl apply -k`.

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
}

/** The agent on all nodes of a cluster. */
export class Deployment {
  readonly #folder: string;

  constructor(private readonly cluster: Cluster, private readonly options: DeploymentOptions) {
    // Below the checkout: a kustomization names others by relative paths only.
    this.#folder = `${ROOT}dist/kind/${cluster.name}`;
  }

  /** Applies it, with these variables besides; returns when every node runs it so. */
  async apply(env: Readonly<Record<string, string>> = {}): Promise<void> {
    await this.#write(env);
    if (this.options.isUserspace) {
      const label = ["label", "nodes", "--all", "--overwrite", "wigglenet/wireguard=userspace"];
      await this.cluster.kubectl(label);
    }
    await this.cluster.kubectl(["apply", "--server-side", "--force-conflicts", "-k", this.#folder]);
    await this.rolledOut();
  }

  /** Waits until every agent is the wanted one, and ready. */
  async rolledOut(): Promise<void> {
    const names = this.options.isUserspace ? ["wigglenet", "wigglenet-wireguard-go"] : ["wigglenet"];
    for (const name of names) {
      // OnDelete has no rollout to wait for: its pods are counted.
      if (name === "wigglenet") {
        const status = ["-n", "kube-system", "rollout", "status", `daemonset/${name}`];
        await this.cluster.kubectl([...status, `--timeout=${ROLLOUT_MS / 1000}s`], {
          deadlineMs: ROLLOUT_MS + 5000,
        });
      }
    }
  }

  /** Deletes all that it applied. */
  async delete(): Promise<void> {
    await this.cluster.kubectl(["delete", "-k", this.#folder, "--wait"], { deadlineMs: ROLLOUT_MS });
  }

  /** Deletes the agents; what serves the tunnel in userspace stays. */
  async deleteAgents(): Promise<void> {
    await this.cluster.kubectl(["-n", "kube-system", "delete", "daemonset", "wigglenet", "--wait"], {
      deadlineMs: ROLLOUT_MS,
    });
    await this.cluster.kubectl(
      ["-n", "kube-system", "wait", "--for=delete", "pod", "-l", "app=wigglenet", "--timeout=60s"],
      { deadlineMs: 65_000 },
    );
  }

  async #write(env: Readonly<Record<string, string>>): Promise<void> {
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
      patches: [{ patch: JSON.stringify(patch) }],
    };
    await Deno.mkdir(this.#folder, { recursive: true });
    await Deno.writeTextFile(
      `${this.#folder}/kustomization.yaml`,
      JSON.stringify(kustomization, undefined, 2),
    );
  }

  #shapeEnv(): Record<string, string> {
    const env: Record<string, string> = {};
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
