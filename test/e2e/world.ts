// The cluster as a test sees it: its nodes, the pods that every test may use, who answers whom. It stands when the tests
// begin: test/e2e/standing_cluster.ts has made it.

import { Cluster } from "../lab/kind/cluster.ts";
import { findEngine } from "../lab/kind/engine.ts";
import type { Status } from "../../src/core/plan/status.ts";
import { attempt, type Output, Process, run } from "../lab/process.ts";
import { until } from "../lab/until.ts";
import { Deployment, type DeploymentOptions } from "./deployment.ts";
import { manifests, NAMESPACE } from "./pods.ts";

/** An address family. */
export type Family = "v4" | "v6";
/** A pod of test/e2e/pods.ts. */
export type PodName = "one" | "two" | "far" | "host-one" | "host-far";

/** How the cluster that stands is handed to the tests. */
export const STANDING = "WIGGLENET_KIND";
/** Of {@link STANDING}. */
export interface Standing extends DeploymentOptions {
  readonly name: string;
  readonly shape: string;
}

const READY_MS = 180_000;
const CURL_S = 5;

/** The cluster with its pods. */
export class World {
  readonly deployment: Deployment;
  readonly families: readonly Family[];

  private constructor(
    readonly cluster: Cluster,
    readonly standing: Standing,
    /** The control plane and the two workers. */
    readonly nodes: readonly [string, string, string],
  ) {
    this.deployment = new Deployment(cluster, standing);
    this.families = standing.families;
  }

  /** The cluster that stands, with the pods of the tests on it. */
  static async standing(): Promise<World> {
    const text = Deno.env.get(STANDING);
    if (text === undefined) {
      throw new Error("These tests run in a cluster: deno task kind-e2e, or deno task test:e2e");
    }
    const standing = JSON.parse(text) as Standing;
    const cluster = new Cluster(await findEngine(), standing.name);
    const nodes = await cluster.nodes() as [string, string, string];
    const world = new World(cluster, standing, nodes);
    await world.makePods();
    return world;
  }

  /** The worker with the pods `one` and `two`. */
  get near(): string {
    return this.nodes[1];
  }

  /** The worker with the pod `far`. */
  get far(): string {
    return this.nodes[2];
  }

  /** Makes what is missing of the pods of the tests, and waits for all of them. */
  async makePods(): Promise<void> {
    await until("the namespace's account", async () => {
      await this.cluster.apply(manifests(this.near, this.far));
      return true;
    }, { pauseMs: 500, deadlineMs: 30_000 });
    await this.podsReady();
  }

  /** Waits for every pod of the tests. */
  async podsReady(): Promise<void> {
    const wait = [
      "-n",
      NAMESPACE,
      "wait",
      "--for=condition=Ready",
      "pod",
      "--all",
      `--timeout=${READY_MS / 1000}s`,
    ];
    await this.cluster.kubectl(wait, { deadlineMs: READY_MS + 5000 });
  }

  /** The address of a pod. */
  async podAddress(pod: PodName, family: Family): Promise<string> {
    const { status } = await this.cluster.json(["-n", NAMESPACE, "get", "pod", pod]);
    return ofFamily(status.podIPs.map(({ ip }: { ip: string }) => ip), family, pod);
  }

  /** The internal address of a node. */
  async nodeAddress(node: string, family: Family): Promise<string> {
    const { status } = await this.cluster.json(["get", "node", node]);
    return ofFamily(status.addresses.map(({ address }: { address: string }) => address), family, node);
  }

  /** The cluster address of a Service. */
  async serviceAddress(service: string, family: Family): Promise<string> {
    const { spec } = await this.cluster.json(["-n", NAMESPACE, "get", "service", service]);
    return ofFamily(spec.clusterIPs, family, service);
  }

  /** Runs a program in a pod, whatever its exit code. */
  async inPod(pod: PodName, argv: readonly string[], deadlineMs = 60_000): Promise<Output> {
    return await this.cluster.tryKubectl(["-n", NAMESPACE, "exec", pod, "--", ...argv], { deadlineMs });
  }

  /** What an address answers a pod over HTTP; throws with what curl says. */
  async ask(pod: PodName, url: string): Promise<string> {
    return answerOf(await this.inPod(pod, curl(url)), `${pod} asks ${url}`);
  }

  /** The same, asked by a node itself. */
  async askFromNode(node: string, url: string): Promise<string> {
    return answerOf(await this.cluster.tryOnNode(node, curl(url)), `${node} asks ${url}`);
  }

  /** The same, asked from outside of the cluster: the machine that the nodes are containers of. */
  async askFromOutside(url: string, seconds = CURL_S): Promise<string> {
    return answerOf(await attempt([...this.outside, ...curl(url, seconds)]), `the outside asks ${url}`);
  }

  /** Goes before a program that is to run on the outside: the machine that the nodes are containers of. */
  get outside(): readonly string[] {
    return this.cluster.engine.enter;
  }

  /** The address by which the outside is known to the nodes. */
  async outsideAddress(family: Family): Promise<string> {
    const towards = await this.nodeAddress(this.near, family);
    const [route] = JSON.parse(await run([...this.outside, "ip", "-j", "route", "get", towards]));
    return route.prefsrc;
  }

  /** Starts a program on the outside. */
  startOutside(argv: readonly string[]): Process {
    return new Process([...this.outside, ...argv]);
  }

  /** Where a pod runs, for {@link startIn}. */
  async placeOf(pod: PodName): Promise<Place> {
    const { spec, status } = await this.cluster.json(["-n", NAMESPACE, "get", "pod", pod]);
    return {
      node: spec.nodeName,
      container: status.containerStatuses[0].containerID.replace("containerd://", ""),
    };
  }

  /** Starts a program in a pod by its node's containerd: that works, and runs on, without an API server. */
  startIn({ node, container }: Place, argv: readonly string[]): Process {
    return this.cluster.startOnNode(node, ["crictl", "exec", container, ...argv]);
  }

  /** The pod of the agent on a node, as the API server has it; undefined: there is none. */
  async agentOn(node: string): Promise<AgentPod | undefined> {
    const own = ["-l", "app=wigglenet", "--field-selector", `spec.nodeName=${node}`];
    const { items } = await this.cluster.json(["-n", "kube-system", "get", "pods", ...own]);
    return (items as AgentPod[]).find(({ metadata }) => metadata.deletionTimestamp === undefined);
  }

  /** Kills the agent of a node, and waits until kubelet has started it again. */
  async killAgent(node: string): Promise<void> {
    const [before] = (await this.agentOn(node))!.status.containerStatuses;
    const id = before!.containerID.replace("containerd://", "");
    const told = JSON.parse(await this.cluster.onNode(node, ["crictl", "inspect", id]));
    await this.cluster.onNode(node, ["kill", "-9", String(told.info.pid)]);
    await until("kubelet to have started it again", async () => {
      const [now] = (await this.agentOn(node))!.status.containerStatuses;
      return now!.restartCount > before!.restartCount;
    }, { deadlineMs: 60_000, pauseMs: 200 });
  }

  /** Runs a program in the agent's container of a node. */
  async inAgent(node: string, argv: readonly string[]): Promise<Output> {
    const pod = await this.agentOn(node);
    if (pod === undefined) throw new Error(`There is no agent on ${node}`);
    return await this.cluster.tryKubectl(["-n", "kube-system", "exec", pod.metadata.name, "--", ...argv]);
  }

  /** What the agent of a node says of itself; undefined: it does not answer. */
  async statusOf(node: string): Promise<Status | undefined> {
    const { code, stdout } = await this.inAgent(node, ["wigglenet", "status", "--json"]);
    return code === 0 ? JSON.parse(stdout) : undefined;
  }

  /** Waits until every node has an agent that is ready, has nothing left to do and knows all the others. */
  async agentsInSync(deadlineMs = READY_MS): Promise<void> {
    for (const node of this.nodes) {
      let last: Status | undefined;
      await until(`the agent on ${node} to be in sync`, async () => {
        const pod = await this.agentOn(node);
        const isReady = pod?.status.conditions?.some(({ type, status }) =>
          type === "Ready" && status === "True"
        );
        if (isReady !== true) return false;
        last = await this.statusOf(node);
        return last?.applied.isInSync === true && reachedBy(last).size === this.nodes.length - 1;
      }, { deadlineMs, pauseMs: 500, seen: () => JSON.stringify(last, undefined, 1) });
    }
  }

  /** The errors that the agents which run now have logged, but for waiting on a wireguard-go that started after them. */
  async agentErrors(): Promise<string[]> {
    const all = ["-l", "app=wigglenet", "--prefix", "--tail=-1", "--max-log-requests=20"];
    const logs = await this.cluster.kubectl(["-n", "kube-system", "logs", ...all]);
    const isAwaited = (line: string) =>
      this.standing.isUserspace && line.includes("no wireguard-go serves it");
    return logs.split("\n").filter((line) => /Z error /.test(line) && !isAwaited(line));
  }
}

/** The nodes that an agent has a way to, by the tunnel or in the clear. */
export function reachedBy({ peers, clear = [] }: Pick<Status, "peers" | "clear">): Set<string> {
  return new Set([...peers, ...clear].map(({ node }) => node));
}

/** Of a pod what the tests read. */
export interface AgentPod {
  readonly metadata: { readonly name: string; readonly uid: string; readonly deletionTimestamp?: string };
  readonly status: {
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly containerStatuses: readonly { readonly restartCount: number; readonly containerID: string }[];
  };
}

/** A running container. */
export interface Place {
  readonly node: string;
  readonly container: string;
}

function curl(url: string, seconds = CURL_S): string[] {
  // -g: the brackets around an address are meant; no proxy of the environment is asked.
  return ["curl", "-gsS", "--noproxy", "*", "--max-time", String(seconds), url];
}

function answerOf({ code, stdout, stderr }: Output, what: string): string {
  if (code !== 0) throw new Error(`${what}: ${stderr.trim()}`);
  return stdout.trim();
}

/** An address and a port as they stand in a URL, and on a command line. */
export function at(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

/** The address in what agnhost says of who asked: `10.244.1.2:4711`, `[fd00::2]:4711`. */
export function hostOf(client: string): string {
  return client.slice(0, client.lastIndexOf(":")).replace(/^\[|\]$/g, "");
}

function ofFamily(addresses: readonly string[], family: Family, whose: string): string {
  const found = addresses.find((address) => address.includes(":") === (family === "v6"));
  if (found === undefined) throw new Error(`${whose} has no ${family} address, but ${addresses.join(", ")}`);
  return found;
}
