// Nodes, Pods and NetworkPolicies that come, change and go, some of them with junk in them. No machine stands behind these Nodes.

import { type Manifest, manifestOf } from "../lab/manifest.ts";
import { policyObject, putFile, putPods, removeFile } from "../lab/policy_files.ts";
import type { Mesh } from "../netns/mesh.ts";

/** Ghosts are n40 and more. */
const FIRST_GHOST = 40;
const GHOSTS = 40;
const PODS = 60;
const POLICIES = 20;
const APPS = ["a", "b", "c"];

type Json = Record<string, unknown>;

/** Make it with {@link Churn.begin}. */
export class Churn {
  /** Objects that came, changed or went. */
  count = 0;
  readonly #there = new Map<string, () => Promise<void>>();

  private constructor(readonly mesh: Mesh, readonly random: () => number) {}

  /** Says which pods the mesh has, and that they may talk to each other; nothing comes or goes yet. */
  static async begin(mesh: Mesh, random: () => number): Promise<Churn> {
    const { lab, pods } = mesh;
    await putPods(lab, pods);
    const peers = pods.map(({ name }) => ({ podSelector: { matchLabels: { app: name } } }));
    for (const { name } of pods) {
      const rules = { ingress: [{ from: peers }], egress: [{ to: peers }] };
      await putFile(lab, policyObject(`allow-${name}`, name, rules));
    }
    return new Churn(mesh, random);
  }

  /** One of them. */
  async step(): Promise<void> {
    this.count++;
    const kind = this.random();
    if (kind < 0.3) await this.#node(FIRST_GHOST + this.#below(GHOSTS));
    else if (kind < 0.75) await this.#pod(this.#below(PODS));
    else await this.#policy(this.#below(POLICIES));
  }

  /** All that came goes. */
  async end(): Promise<void> {
    for (const remove of this.#there.values()) await remove();
    this.#there.clear();
  }

  #below(n: number): number {
    return Math.floor(this.random() * n);
  }

  /** It goes where it is there, every other time. */
  async #toggle(name: string, put: () => Promise<void>, remove: () => Promise<void>): Promise<void> {
    if (this.#there.has(name) && this.random() < 0.5) {
      this.#there.delete(name);
      await remove();
    } else {
      this.#there.set(name, remove);
      await put();
    }
  }

  async #node(i: number): Promise<void> {
    const manifest: Manifest = manifestOf(i);
    const bytes = Uint8Array.from({ length: 32 }, () => this.#below(256));
    const isBad = this.random() < 0.1;
    manifest.metadata.annotations = { "wigglenet/public-key": isBad ? "junk" : bytes.toBase64() };
    if (isBad) manifest.spec.podCIDRs = ["0.0.0.0/0", "junk"];
    const { lab } = this.mesh;
    await this.#toggle(
      manifest.metadata.name,
      () => lab.publish(manifest),
      () => lab.withdraw(manifest.metadata.name),
    );
  }

  async #pod(i: number): Promise<void> {
    const { lab, nodes } = this.mesh;
    const node = 1 + i % nodes.length;
    const podIPs = [`10.244.${node}.${150 + i}`, `fd00:10:244:${node}::${150 + i}`].map((ip) => ({ ip }));
    const name = `ghost-${i}`;
    const pod: Json = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name, namespace: "default", labels: { app: APPS[this.#below(APPS.length)] } },
      spec: {
        nodeName: `n${node}`,
        containers: [{ name: "c", image: "i", ports: [{ name: "web", containerPort: 80 + this.#below(9) }] }],
      },
      status: { phase: this.random() < 0.1 ? "Succeeded" : "Running", podIP: podIPs[0]!.ip, podIPs },
    };
    await this.#toggle(`pod ${name}`, () => putFile(lab, pod), () => removeFile(lab, "Pod", name));
  }

  async #policy(i: number): Promise<void> {
    const { lab } = this.mesh;
    const name = `ghost-${i}`;
    const app = () => APPS[this.#below(APPS.length)]!;
    const peers = [{ podSelector: { matchLabels: { app: app() } } }, {
      ipBlock: { cidr: `192.0.2.${this.#below(256)}/32` },
    }];
    const ports = [{ port: this.random() < 0.5 ? "web" : 1 + this.#below(60_000) }];
    const rules = { ingress: [{ from: peers, ports }], egress: [{ to: peers }] };
    const policy = policyObject(name, app(), this.random() < 0.1 ? { ingress: "junk" } : rules);
    await this.#toggle(
      `policy ${name}`,
      () => putFile(lab, policy),
      () => removeFile(lab, "NetworkPolicy", name),
    );
  }
}
