// A node of the laboratory whose cluster is a crowd: its agent reads thousands of Nodes that exist as text only.
// Their addresses lead to a router that drops what it gets, as the way to a host that is down does.

import type { Agent } from "../lab/agent.ts";
import { Lab } from "../lab/lab.ts";
import type { Node } from "../lab/node.ts";
import type { Process } from "../lab/process.ts";
import { until } from "../lab/until.ts";
import { listOf, type Member, memberOf, smallNode } from "./cluster.ts";

/** How a Node is written. */
export type Writer = (member: Member) => string;

/** What is in the kernel, counted. */
interface Counts {
  readonly peers: number;
  readonly routes: number;
  readonly elements: number;
}

const LOAD_DEADLINE_MS = 120_000;
const LOOK_MS = 10;
/** Nobody of the crowd answers: with a second address of each the agent would try that too, as long as WireGuard tries. */
export const SETTINGS = { "filter-ipv4": "true", "filter-ipv6": "true", "wg-ip-family": "ipv4" };

/** One node and its crowd. Make it with {@link Crowd.create}. */
export class Crowd {
  private constructor(readonly lab: Lab, readonly node: Node) {}

  /** `agent` runs its node; default: that of the whole run. */
  static async create(agent?: Agent): Promise<Crowd> {
    return Crowd.of(await Lab.create(agent === undefined ? { nodes: 1 } : { nodes: 1, agent }));
  }

  /** That of the first node of a laboratory. */
  static of(lab: Lab): Crowd {
    return new Crowd(lab, lab.nodes[0]!);
  }

  /** The Node that is real. */
  get #own(): Member {
    const { metadata, spec, status } = this.node.manifest;
    return {
      name: metadata.name,
      publicKey: metadata.annotations!["wigglenet/public-key"]!,
      podCidrs: spec.podCIDRs!,
      addresses: status.addresses.map(({ address }) => address),
    };
  }

  #members(count: number): Member[] {
    return [this.#own, ...Array.from({ length: count }, (_, i) => memberOf(i + 1))];
  }

  /** Writes our Node and so many others, a file for each; returns the folder. */
  async writeFolder(name: string, count: number, write: Writer = smallNode): Promise<string> {
    const path = `${this.lab.folder}/${name}`;
    await Deno.mkdir(path);
    for (const member of this.#members(count)) {
      await Deno.writeTextFile(`${path}/${member.name}.yaml`, write(member));
    }
    return path;
  }

  /** The same in one file with a List; returns its path. */
  async writeList(name: string, count: number, write: Writer = smallNode): Promise<string> {
    const path = `${this.lab.folder}/${name}.yaml`;
    await Deno.writeTextFile(path, listOf(this.#members(count).map(write)));
    return path;
  }

  /** Starts the agent on a path, with more settings; resolves when its status says that the host is in sync. */
  load(
    nodes: string,
    more: Readonly<Record<string, string>> = {},
  ): Promise<{ agent: Process; loadMs: number }> {
    return this.loadBy(() => this.node.startAgent({ settings: { nodes, ...SETTINGS, ...more } }));
  }

  /** The same with an agent that somebody else starts. */
  async loadBy(startAgent: () => Process): Promise<{ agent: Process; loadMs: number }> {
    const start = performance.now();
    const agent = startAgent();
    const options = { deadlineMs: LOAD_DEADLINE_MS, pauseMs: LOOK_MS, seen: () => agent.tail() };
    // The CNI file comes last: the agent is not asked, and not kept from its work, before it stands.
    await until("the CNI file", () => exists(this.node.conflistPath), options);
    await until("the agent to be in sync", () => this.#isInSync(), options);
    return { agent, loadMs: performance.now() - start };
  }

  async #isInSync(): Promise<boolean> {
    // The node's /run, seen from the laboratory.
    const path = `/proc/${this.node.pid}/root/run/wigglenet/agent.sock`;
    const connection = await Deno.connect({ transport: "unix", path });
    const status = await new Response(connection.readable).json() as { applied: { isInSync: boolean } };
    return status.applied.isInSync;
  }

  /** Throws unless the kernel has the peers, routes and elements of so many other Nodes. */
  async verify(count: number): Promise<void> {
    const found = await this.#counts();
    // A tunnel route and an unreachable one behind it for each prefix; own prefixes have the latter only.
    const wanted: Counts = { peers: count, routes: 4 * count + 2, elements: 2 * count + 2 };
    const differs = (["peers", "routes", "elements"] as const).filter((key) => found[key] !== wanted[key]);
    if (differs.length === 0) return;
    throw new Error(`The kernel has ${JSON.stringify(found)}, and should have ${JSON.stringify(wanted)}`);
  }

  async #counts(): Promise<Counts> {
    const lines = async (argv: string[]) => (await this.node.run(argv)).split("\n").length - 1;
    const route = (family: string) => lines(["ip", family, "route", "show", "proto", "146"]);
    const elements = async (set: string) => {
      const text = await this.node.run(["nft", "list", "set", "inet", "wigglenet", set]);
      return text.match(/\/\d/g)?.length ?? 0;
    };
    return {
      peers: await lines(["wg", "show", "wigglenet", "peers"]),
      routes: await route("-4") + await route("-6"),
      elements: await elements("pod-cidrs-v4") + await elements("pod-cidrs-v6"),
    };
  }

  /** Process id of wireguard-go. */
  async serverPid(): Promise<number> {
    return Number((await this.node.run(["pidof", "-s", "wireguard-go"])).trim());
  }

  /** Ends the agent and takes away all that it made. */
  async unload(agent: Process): Promise<void> {
    await agent.kill("SIGTERM");
    const { code, stderr } = await this.node.runAgent({ verb: "cleanup" });
    if (code !== 0) throw new Error(`cleanup exited ${code}: ${stderr}`);
  }
}

async function exists(path: string): Promise<boolean> {
  return await Deno.lstat(path).then(() => true, () => false);
}
