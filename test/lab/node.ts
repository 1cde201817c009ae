// A node of the laboratory: a machine on the underlay with its own key, CNI file and agent, and pods.

import { describeStatus, type Status } from "../../src/core/plan/status.ts";
import { type Agent, type Layout, usualPaths } from "./agent.ts";
import type { PortMapping } from "./cni.ts";
import { Host, type Namespace } from "./host.ts";
import { addressesOf, type Family, familyOf, type Manifest } from "./manifest.ts";
import { Pod } from "./pod.ts";
import type { Output, Process } from "./process.ts";
import { Hopeless, until } from "./until.ts";

/** Settings as flags without their dashes: `{ "filter-ipv4": "true" }`; undefined takes one away that the node has. */
export type Settings = Readonly<Record<string, string | undefined>>;

/** How the agent is started. */
export interface AgentOptions {
  /** Default `run`. */
  readonly verb?: string;
  /** Added to (and stronger than) those that the node needs. */
  readonly settings?: Settings;
  readonly env?: Readonly<Record<string, string>>;
  /** More arguments, after the settings. */
  readonly args?: readonly string[];
  /** Argument list of another agent than the node's own, without verb and settings. */
  readonly argv?: readonly string[];
  /** Sees each line that the agent logs. */
  readonly onLine?: (line: string) => void;
}

/** Where a node's files stand, and which agent it runs. */
export interface NodeOptions extends Layout {
  readonly manifest: Manifest;
  readonly agent: Agent;
}

const TAKE_NO_SETTINGS: ReadonlySet<string> = new Set(["graph", "status", "version"]);

/** A node. Make it with Lab.create or Lab.addNode. */
export class Node extends Host {
  readonly manifest: Manifest;
  readonly folder: string;
  readonly pods: Pod[] = [];
  /** The agent started last by {@link startAgent}. */
  agent: Process | undefined;

  constructor(namespace: Namespace, private readonly options: NodeOptions) {
    super(namespace);
    this.manifest = options.manifest;
    this.folder = options.folder;
  }

  /** The node's address on the underlay; undefined in a family that it has not. */
  address(family: Family): string | undefined {
    return addressesOf(this.manifest).find((address) => familyOf(address) === family);
  }

  /** The pod CIDRs of its Node. */
  get podCIDRs(): readonly string[] {
    return this.manifest.spec.podCIDRs ?? [];
  }

  /** Path of the CNI file that the agent is told to write. */
  get conflistPath(): string {
    return `${this.folder}/cni/10-wigglenet.conflist`;
  }

  /** A path of the laboratory as this node's agent knows it. */
  pathOf(path: string): string {
    return this.options.agent.isShipped ? usualPaths(this.options, path) : path;
  }

  /** The argument list that starts the agent on this node. */
  agentArgv({ verb = "run", settings = {}, args = [], argv }: AgentOptions = {}): string[] {
    const all: Settings = TAKE_NO_SETTINGS.has(verb) ? settings : {
      "node-name": this.name,
      "nodes": this.options.nodesFolder,
      "privkey-path": `${this.folder}/private.key`,
      "cni-config-path": this.conflistPath,
      ...settings,
    };
    const { agent } = this.options;
    const flags = Object.entries(all).flatMap(([name, v]) => v === undefined ? [] : [`--${name}=${v}`]);
    const given = [...flags, ...args];
    return [
      ...argv ?? agent.argv,
      verb,
      ...given.map((arg) => this.pathOf(arg)),
    ];
  }

  /** Starts the agent and returns at once. */
  startAgent(options: AgentOptions = {}): Process {
    const { env, onLine } = options;
    this.agent = this.start(this.agentArgv(options), {
      env: { NO_COLOR: "1", ...env },
      ...(onLine === undefined ? {} : { onLine }),
    });
    return this.agent;
  }

  /** Runs a verb of the agent to its end: status, diff, cleanup. */
  runAgent(options: AgentOptions & { readonly verb: string }): Promise<Output> {
    return this.attempt(this.agentArgv(options), { env: { NO_COLOR: "1", ...options.env } });
  }

  /** What the running agent says of itself, asked on its socket; undefined: it does not answer. */
  async status(): Promise<Status | undefined> {
    const path = `/proc/${this.pid}/root/run/wigglenet/agent.sock`;
    try {
      const connection = await Deno.connect({ transport: "unix", path });
      return await new Response(connection.readable).json() as Status;
    } catch {
      return undefined;
    }
  }

  /** What the verb `status` prints of a running agent, without starting a program for it; empty where none answers. */
  async statusText(): Promise<string> {
    const status = await this.status();
    return status === undefined ? "" : describeStatus(status, Date.now() / 1000).join("\n");
  }

  /** Waits until the running agent says what is looked for. */
  async says(what: string, look: (status: Status) => boolean, deadlineMs?: number): Promise<void> {
    let last: Status | undefined;
    await until(`${this.name}'s agent to say that ${what}`, async () => {
      last = await this.status();
      if (this.agent?.isRunning === false) throw new Hopeless("it has ended");
      return last !== undefined && look(last);
    }, {
      ...(deadlineMs === undefined ? {} : { deadlineMs }),
      seen: () => `${JSON.stringify(last, null, 1)}\n${this.agent?.tail()}`,
    });
  }

  /** Waits until the running agent says that nothing is left to do. */
  inSync(deadlineMs?: number): Promise<void> {
    return this.says("it is in sync", ({ applied }) => applied.isInSync, deadlineMs);
  }

  /** The same machine after a boot: what it keeps on disk is there, its networks, mounts and programs are new. */
  rebooted(namespace: Namespace): Node {
    return new Node(namespace, this.options);
  }

  /** Waits for the CNI file, which an agent writes once the node may have pods; returns its text. */
  conflist(deadlineMs = 20_000): Promise<string> {
    return until(`${this.name}'s agent to write ${this.conflistPath}`, async () => {
      // Looked for many times a second, and so by no program. It leads into the node's own /run.
      const root = `/proc/${this.pid}/root`;
      const path = this.pathOf(this.conflistPath);
      const target = await Deno.readLink(`${root}${path}`).catch(() => path);
      const text = await Deno.readTextFile(`${root}${target}`).catch(() => undefined);
      if (text !== undefined) return text;
      if (this.agent?.isRunning === false) throw new Hopeless("its agent has ended");
    }, { deadlineMs, seen: () => this.diagnose() });
  }

  /** Attaches a pod by the plugins of the CNI file that the agent wrote. */
  async addPod(name: string, portMappings: readonly PortMapping[] = []): Promise<Pod> {
    const conflist = await this.conflist();
    const pod = await Pod.attach({ name, node: this, conflist, portMappings });
    this.pods.push(pod);
    return pod;
  }

  /** What an operator would look at first: agent's last lines, addresses, routes, peers (no keys), our table. */
  async diagnose(): Promise<string> {
    const commands = [
      ["ip", "-brief", "address"],
      ["ip", "route"],
      ["ip", "-6", "route"],
      ["wg", "show"],
      ["nft", "list", "table", "inet", "wigglenet"],
    ];
    const parts = await Promise.all(commands.map(async (argv) => {
      const { stdout, stderr } = await this.attempt(argv);
      return `--- ${this.name}: ${argv.join(" ")}\n${(stdout + stderr).trimEnd()}`;
    }));
    return [...parts, `--- ${this.name}: the agent's last lines\n${this.agent?.tail() ?? "(no agent)"}`].join(
      "\n",
    );
  }

  override async close(): Promise<void> {
    await Promise.all(this.pods.map((pod) => pod.close()));
    await super.close();
  }
}
