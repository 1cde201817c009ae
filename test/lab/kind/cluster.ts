// A cluster made by kind in an engine: its nodes are containers, its API server is asked by kubectl.

import { attempt, type Output, Process, run, type RunOptions } from "../process.ts";
import { type Engine, Objection } from "./engine.ts";
import { programPath } from "./programs.ts";

/** What a cluster is made of. */
export interface ClusterOptions {
  readonly engine: Engine;
  readonly name: string;
  /** Path of kind's configuration. */
  readonly shape: string;
  readonly image: string;
}

const CREATE_MS = 300_000;
const KIND = programPath("kind");
const KUBECTL = programPath("kubectl");

/** A cluster that stands. */
export class Cluster {
  readonly kubeconfig: string;

  constructor(readonly engine: Engine, readonly name: string) {
    this.kubeconfig = kubeconfigOf(name);
  }

  /** Makes it. Nodes are not Ready then: there is no pod network. Throws {@link Objection}; nothing stays behind. */
  static async create({ engine, name, shape, image }: ClusterOptions): Promise<Cluster> {
    if ((await clustersIn(engine)).includes(name)) {
      throw new Objection(
        `There is a cluster "${name}" already`,
        "deno task kind-e2e --delete",
      );
    }
    const cluster = new Cluster(engine, name);
    const args = ["create", "cluster", "--name", name, "--config", shape, "--image", image];
    const argv = [KIND, ...args, "--kubeconfig", cluster.kubeconfig];
    const { code, stderr } = await attempt(argv, { env: engine.env, deadlineMs: CREATE_MS });
    if (code === 0) return cluster;
    await cluster.delete();
    throw new Objection(`kind cannot make the cluster: ${reasonIn(stderr)}`, remedyFor(stderr));
  }

  /** Deletes it with all its containers; nothing where there is none. */
  async delete(): Promise<void> {
    const args = ["delete", "cluster", "--name", this.name, "--kubeconfig", this.kubeconfig];
    await run([KIND, ...args], { env: this.engine.env, deadlineMs: 120_000 });
    await Deno.remove(this.kubeconfig).catch(() => {});
  }

  /** Names of its nodes, the control plane first, then the workers in order. */
  async nodes(): Promise<string[]> {
    const list = await run([KIND, "get", "nodes", "--name", this.name], { env: this.engine.env });
    return list.trim().split("\n").sort();
  }

  /** Runs kubectl to its end, whatever its exit code. */
  async tryKubectl(args: readonly string[], options: RunOptions = {}): Promise<Output> {
    return await attempt([...this.engine.enter, KUBECTL, "--kubeconfig", this.kubeconfig, ...args], options);
  }

  /** Runs kubectl, which must succeed; returns what it prints. */
  async kubectl(args: readonly string[], options: RunOptions = {}): Promise<string> {
    const { code, stdout, stderr } = await this.tryKubectl(args, options);
    if (code === 0) return stdout;
    throw new Error(`kubectl ${args.join(" ")} exited ${code}: ${(stderr || stdout).trim()}`);
  }

  /** Runs kubectl with `-o json`. */
  // deno-lint-ignore no-explicit-any -- as many shapes as there are kinds
  async json(args: readonly string[]): Promise<any> {
    return JSON.parse(await this.kubectl([...args, "-o", "json"]));
  }

  /** Applies manifests. */
  async apply(manifests: string, deadlineMs = 30_000): Promise<void> {
    await this.kubectl(["apply", "-f", "-"], { stdin: manifests, deadlineMs });
  }

  /** Runs a program on a node, whatever its exit code: not by the API server, so that it works without one. */
  async tryOnNode(node: string, argv: readonly string[], options: RunOptions = {}): Promise<Output> {
    return await attempt(["docker", "exec", "-i", node, ...argv], { ...options, env: this.engine.env });
  }

  /** Runs a program on a node, which must succeed. */
  async onNode(node: string, argv: readonly string[], options: RunOptions = {}): Promise<string> {
    const { code, stdout, stderr } = await this.tryOnNode(node, argv, options);
    if (code === 0) return stdout;
    throw new Error(`${argv.join(" ")} on ${node} exited ${code}: ${(stderr || stdout).trim()}`);
  }

  /** Starts a program on a node that runs beside the test. */
  startOnNode(node: string, argv: readonly string[]): Process {
    return new Process(["docker", "exec", "-i", node, ...argv], { env: this.engine.env });
  }

  /** Brings an image archive onto the nodes. */
  async load(archive: string): Promise<void> {
    const args = ["load", "image-archive", archive, "--name", this.name];
    await run([KIND, ...args], { env: this.engine.env, deadlineMs: CREATE_MS });
  }
}

/** Where the credentials of a cluster are. */
function kubeconfigOf(name: string): string {
  return `/run/wigglenet-kind-${name}.kubeconfig`;
}

/** Names of the clusters in an engine. */
export async function clustersIn(engine: Engine): Promise<string[]> {
  const list = await run([KIND, "get", "clusters"], { env: engine.env });
  return list.split("\n").filter((name) => name !== "");
}

function reasonIn(stderr: string): string {
  const lines = stderr.trim().split("\n");
  return lines.find((line) => line.startsWith("ERROR"))?.slice("ERROR: ".length) ?? lines.at(-1) ?? "";
}

function remedyFor(stderr: string): string {
  if (/apply caps|operation not permitted/i.test(stderr)) {
    return "this host lacks a capability that privileged containers ask for: stop docker, so that one of its own is started";
  }
  if (/port is already allocated|address already in use/i.test(stderr)) {
    return "end what has that port, then again";
  }
  if (/no space left/i.test(stderr)) return "make room, then again";
  return `kind said:\n${stderr.trim()}`;
}
