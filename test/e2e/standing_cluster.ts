// From nothing to a cluster whose nodes are Ready by this checkout's agent, step by step and each with its time; and
// back to nothing.

import { Progress } from "../demo/progress.ts";
import { Cluster, clustersIn } from "../lab/kind/cluster.ts";
import { type Engine, findEngine, Objection, startEngine } from "../lab/kind/engine.ts";
import { prepareNodeImage, prepareParts } from "../lab/kind/node_image.ts";
import { programPath } from "../lab/kind/programs.ts";
import { prepareForClusters } from "../prepare.ts";
import { makeAgentImage } from "./agent_image.ts";
import { Deployment } from "./deployment.ts";
import { collectEvidence } from "./evidence.ts";
import { type Family, STANDING, type Standing } from "./world.ts";

/** The shapes in `kind/`, and two of the first one with another transport. */
export const SHAPES = [
  "dual-stack",
  "no-podcidr",
  "ipv4-only",
  "ipv6-only",
  "nftables",
  "direct",
  "vxlan",
] as const;
/** One of them. */
export type Shape = typeof SHAPES[number];

/** Of the cluster that is made by hand, and of the layer's. */
export const NAMES = { byHand: "wigglenet", layer: "wigglenet-test" } as const;

/** What is made. */
export interface StandingOptions {
  readonly shape: Shape;
  readonly name: typeof NAMES[keyof typeof NAMES];
  /** It stays, and so does the engine. */
  readonly isKept: boolean;
}

const ROOT = new URL("../../", import.meta.url).pathname;
const FAMILIES: Readonly<Record<Shape, readonly Family[]>> = {
  "dual-stack": ["v4", "v6"],
  "no-podcidr": ["v4", "v6"],
  "ipv4-only": ["v4"],
  "ipv6-only": ["v6"],
  "nftables": ["v4", "v6"],
  "direct": ["v4", "v6"],
  "vxlan": ["v4", "v6"],
};
/** TRANSPORT_IPV4 and _IPV6 of shapes that are not of the tunnel. */
const TRANSPORTS: Readonly<Partial<Record<Shape, string>>> = { direct: "direct", vxlan: "vxlan" };
const READY_S = 180;

/** Where the tests are that run in a cluster. */
export const SUITE = `${ROOT}test/e2e/suite`;

/**
 * Makes a cluster, runs the tests in it and removes it, after Ctrl-C too. What was seen is kept where they fail.
 * @param tests given the environment of the process that runs them; false: they failed
 * @throws Objection where none can be made here; nothing stays behind then
 */
export async function inCluster(
  options: StandingOptions,
  tests: (env: Readonly<Record<string, string>>) => Promise<boolean>,
): Promise<boolean> {
  await using _ = await Hold.of(options.name) ?? taken(options.name);
  const interrupted = new AbortController();
  const stop = () => interrupted.abort();
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, stop);
  try {
    await using cluster = await StandingCluster.make(options);
    if (interrupted.signal.aborted) return false;
    const isGood = await tests(cluster.env);
    if (!isGood) console.log(`What was seen is in ${await cluster.collect()}`);
    return isGood;
  } finally {
    for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.removeSignalListener(signal, stop);
  }
}

/** The right to a cluster: who deletes what others left keeps off one that is in use. It goes with its process. */
class Hold implements AsyncDisposable {
  private constructor(private readonly path: string, private readonly file: Deno.FsFile) {}

  /** Undefined: another process has it. */
  static async of(name: string): Promise<Hold | undefined> {
    const path = `/run/wigglenet-kind-${name}.lock`;
    const file = await Deno.open(path, { create: true, write: true });
    if (await file.tryLock(true)) return new Hold(path, file);
    file.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path);
    this.file.close();
  }
}

function taken(name: string): never {
  throw new Objection(`Another run uses the cluster "${name}"`, "wait for its end");
}

/** A cluster that stands, with the agent on every node. */
class StandingCluster implements AsyncDisposable {
  /** For the process that runs the tests. */
  readonly env: Readonly<Record<string, string>>;

  private constructor(
    private readonly cluster: Cluster,
    private readonly standing: Standing,
    private readonly isKept: boolean,
  ) {
    this.env = { [STANDING]: JSON.stringify(standing) };
  }

  /** Makes all of it. Throws {@link Objection} where it cannot be done here; nothing stays behind then. */
  static async make({ shape, name, isKept }: StandingOptions): Promise<StandingCluster> {
    const progress = new Progress();
    const [missing] = await prepareForClusters();
    if (missing !== undefined) throw new Objection(`Missing: ${missing.what}`, missing.remedy);
    await progress.step("the programs of Kubernetes, a Debian", prepareParts);
    const engine = await progress.step("a container engine", async (tell) => {
      const engine = await startEngine();
      tell(engine.isOurs ? "dockerd in a network namespace of its own" : "the docker that runs here");
      return engine;
    });
    let cluster: Cluster | undefined;
    try {
      const image = await progress.step("the image of the nodes", (tell) => prepareNodeImage(engine, tell));
      const agent = await progress.step("the image of the agent", makeAgentImage);
      cluster = await progress.step(`the cluster ${name}`, async (tell) => {
        const file = shape in TRANSPORTS ? SHAPES[0] : shape;
        const made = await Cluster.create({ engine, name, image, shape: `${ROOT}kind/${file}.yaml` });
        tell((await made.nodes()).join(", "));
        return made;
      });
      const made = cluster;
      await progress.step("forwarding, as kubeadm demands it of a node", () => forward(made));
      await progress.step("the agent's image onto the nodes", () => made.load(agent.path));
      const isUserspace = await hasNoWireguard(cluster);
      progress.note(
        isUserspace ? "this kernel has no WireGuard: wireguard-go serves it" : "WireGuard is the kernel's",
      );
      const hasPodCidrs = shape !== "no-podcidr";
      const standing = {
        name,
        shape,
        image: agent.name,
        families: FAMILIES[shape],
        isUserspace,
        hasPodCidrs,
        transport: TRANSPORTS[shape] ?? "wireguard",
      };
      const standingCluster = new StandingCluster(cluster, standing, isKept);
      await progress.step("the agent on every node, every node Ready", () => standingCluster.#deploy());
      return standingCluster;
    } catch (error) {
      if (cluster !== undefined) {
        console.log(`What was seen is in ${await collectEvidence(cluster)}`);
        await cluster.delete();
      }
      if (!await hasClusters(engine)) await engine.stop();
      throw error;
    }
  }

  async #deploy(): Promise<void> {
    await new Deployment(this.cluster, this.standing).apply();
    const wait = ["wait", "--for=condition=Ready", "node", "--all", `--timeout=${READY_S}s`];
    await this.cluster.kubectl(wait, { deadlineMs: (READY_S + 5) * 1000 });
  }

  /** Keeps what is needed to understand a failure; returns the folder. */
  async collect(): Promise<string> {
    return await collectEvidence(this.cluster);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.isKept) return await remove(this.cluster.engine, this.cluster);
    const { engine, kubeconfig } = this.cluster;
    const docker = Object.entries(engine.env).map(([name, value]) => `${name}=${value} `).join("");
    console.log(`The cluster stands. To look into it:
  ${[...engine.enter, programPath("kubectl"), "--kubeconfig", kubeconfig].join(" ")} get pods -A
  ${docker}docker exec -it ${this.standing.name}-worker bash
  deno task kind-e2e --delete`);
  }
}

/** Removes what --keep, or a run that was killed, left behind. */
export async function removeStanding(): Promise<void> {
  const engine = await findEngine().catch((error: Error) => {
    if (!(error instanceof Objection) || Deno.env.has("DOCKER_HOST")) throw error;
  });
  // Without kind none was ever made here.
  const isBuilt = await Deno.stat(programPath("kind")).then(() => true, () => false);
  const standing = engine === undefined || !isBuilt ? [] : await clustersIn(engine);
  const ours = Object.values(NAMES).filter((name) => standing.includes(name));
  for (const name of ours) {
    await using hold = await Hold.of(name);
    if (hold !== undefined) await new Cluster(engine!, name).delete();
    console.log(hold === undefined ? `A run uses ${name}: it stays` : `Deleted ${name}`);
  }
  if (ours.length === 0) console.log("There is no cluster of ours");
  if (engine?.isOurs && !await hasClusters(engine)) await engine.stop();
}

/** The engine too, unless another cluster is in it. */
async function remove(engine: Engine, cluster: Cluster): Promise<void> {
  await cluster.delete();
  if (!await hasClusters(engine)) await engine.stop();
}

/**
 * kind skips that check of kubeadm's, its own pod network turns IPv4 forwarding on, and here only ptp does with a node's
 * first pod: a node without pods answered no NodePort. The agent writes no sysctl (`wigglenet check` names it).
 */
async function forward(cluster: Cluster): Promise<void> {
  for (const node of await cluster.nodes()) {
    await cluster.onNode(node, ["sysctl", "-qw", "net.ipv4.ip_forward=1"]);
  }
}

async function hasClusters(engine: Engine): Promise<boolean> {
  return (await clustersIn(engine)).length > 0;
}

/** By trying: a kernel may have it built in, as a module that loads by itself, or not at all. */
async function hasNoWireguard(cluster: Cluster): Promise<boolean> {
  const node = (await cluster.nodes())[0]!;
  const made = await cluster.tryOnNode(node, ["ip", "link", "add", "wg-tried", "type", "wireguard"]);
  if (made.code === 0) await cluster.onNode(node, ["ip", "link", "del", "wg-tried"]);
  return made.code !== 0;
}
