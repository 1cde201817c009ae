// One node that keeps declared interfaces in containers, from files, and what is to be seen of it.

import { declared } from "../declared/walk_through.ts";
import { Lab } from "../lab/lab.ts";
import type { Node } from "../lab/node.ts";
import { until } from "../lab/until.ts";

/** The setting. */
export const CONTAINERS = { "declared-containers": "true" };

/** The node. */
export class ContainedNode {
  private constructor(readonly lab: Lab, readonly node: Node) {}

  static async create(): Promise<ContainedNode> {
    const lab = await Lab.create({ nodes: 1 });
    return new ContainedNode(lab, lab.nodes[0]!);
  }

  /** Declares these and no others. */
  async write(objects: readonly unknown[]): Promise<void> {
    const part = `${this.lab.folder}/declared.part`;
    await Deno.writeTextFile(part, objects.map((object) => JSON.stringify(object)).join("\n---\n"));
    await Deno.rename(part, `${this.lab.nodesFolder}/declared.yaml`);
  }

  /** Names of what is declared in a namespace, or the node's own. */
  async namesIn(enter: readonly string[]): Promise<string> {
    const { stdout } = await this.node.attempt([...enter, "ip", "-N", "-j", "link", "show", "group", "147"]);
    const links: { ifname?: string }[] = JSON.parse(stdout || "[]");
    return links.flatMap(({ ifname }) => ifname ?? []).sort().join(" ");
  }

  /** Waits until a namespace has these and no others. */
  async has(enter: readonly string[], names: string): Promise<void> {
    let last = "";
    await until(`${enter.join(" ")} to have: ${names}`, async () => {
      last = await this.namesIn(enter);
      return last === names;
    }, { deadlineMs: 20_000, seen: () => `${last}\n${this.node.agent!.tail()}` });
  }

  /** Waits for an answer, asked for from a namespace. */
  async answers(enter: readonly string[], address: string): Promise<void> {
    const { node } = this;
    await until(`${address} to answer`, async () => {
      return (await node.attempt([...enter, "ping", "-c", "1", "-W", "1", address])).code === 0;
    }, {
      seen: async () => `${(await node.attempt([...enter, "ip", "address"])).stdout}\n${node.agent!.tail()}`,
    });
  }

  /** Waits for a condition that says so. */
  async told(pattern: RegExp): Promise<void> {
    let said = "";
    await until(`status to tell ${pattern}`, async () => {
      said = await this.node.statusText();
      return pattern.test(said);
    }, { deadlineMs: 20_000, seen: () => `${said}\n${this.node.agent!.tail()}` });
  }

  /** Kills the agent, and starts another. */
  async restart(): Promise<void> {
    await this.node.agent?.kill("SIGKILL");
    this.node.startAgent({ settings: CONTAINERS });
    await this.node.inSync();
  }
}

/** An interface of the node. */
export function netlink(name: string, spec: Record<string, unknown>): unknown {
  return declared("NetlinkInterface", name, { node: "n1", interfaceName: name, ...spec });
}
