// A mesh as the tests of drift and of lifecycles need it: agents run, a pod on each node, all pods reach each other.

import { Lab, type LabOptions } from "../lab/lab.ts";
import type { AgentOptions, Node, Settings } from "../lab/node.ts";
import type { Pod } from "../lab/pod.ts";
import { Probe, type ProbeReport } from "../lab/probe.ts";
import { Traffic } from "../lab/traffic.ts";
import { until } from "../lab/until.ts";

/** Each probe has a port of its own: one that a failed test left behind disturbs nobody. */
let port = 9000;

/** A running mesh. Make it with {@link Mesh.create}. */
export class Mesh {
  private constructor(readonly lab: Lab, readonly settings: Settings, readonly pods: Pod[]) {}

  /**
   * Builds the nodes, starts their agents and waits until pods reach each other.
   * @param settings of all agents, or of each
   * @param begins hears of the laboratory before any agent runs; they wait for it
   */
  static async create(
    options: LabOptions,
    settings: Settings | ((node: Node) => Settings) = {},
    begins: (lab: Lab) => void | Promise<void> = () => {},
  ): Promise<Mesh> {
    const lab = await Lab.create(options);
    await begins(lab);
    const pods = await Promise.all(lab.nodes.map((node) => {
      node.startAgent({ settings: typeof settings === "function" ? settings(node) : settings });
      return node.addPod(`${node.name}-pod`);
    }));
    const mesh = new Mesh(lab, typeof settings === "function" ? {} : settings, pods);
    await mesh.reachable();
    return mesh;
  }

  /** Nodes in order. */
  get nodes(): readonly Node[] {
    return this.lab.nodes;
  }

  /**
   * Waits until every pod has an answer from every other: WireGuard asks again after 15 s where handshakes that met left
   * each side with a session that the other has not (one of a hundred first contacts).
   */
  async reachable(deadlineMs = 20_000): Promise<void> {
    const pairs = this.pods.flatMap((from) =>
      this.pods.filter((to) => to !== from).map((to) => [from, to] as const)
    );
    await Promise.all(pairs.map(([from, to]) => {
      return Promise.all(
        familiesOf(to).map((family) =>
          until(`${from.name} to reach ${to.name} over IPv${family}`, async () => {
            return (await from.ping(to.address(family)!, { timeoutMs: 500 })).received === 1;
          }, { deadlineMs, seen: () => this.lab.diagnose() })
        ),
      );
    }));
  }

  /** Probes from the first node's pod to the second's over IPv4, and back over IPv6; both flow already. */
  async probe(ratePerSecond = 100): Promise<BothWays> {
    const [a, b] = this.pods as [Pod, Pod];
    const probes = await Promise.all([
      Probe.start({ from: a, to: b, address: b.address(4)!, ratePerSecond, port: ++port }),
      Probe.start({ from: b, to: a, address: a.address(6)!, ratePerSecond, port }),
    ]);
    await Promise.all(probes.map((probe) => probe.flowing()));
    return {
      flowing: async (deadlineMs) => {
        await Promise.all(probes.map((probe) => probe.flowing(deadlineMs)));
      },
      stop: async (minMs) => {
        const [there, back] = await Promise.all(probes.map((probe) => probe.stop(minMs)));
        return { there: there!, back: back! };
      },
    };
  }

  /** Starts traffic from each pod to each other one, named after their nodes; it ends with the mesh. */
  traffic(): Promise<Traffic> {
    return Traffic.start(new Map(this.nodes.map(({ name }, i) => [name, this.pods[i]!])));
  }

  /** Starts the agent of each node, and waits until all say that they are in sync. */
  async startAgents(options: AgentOptions = {}): Promise<void> {
    for (const node of this.nodes) node.startAgent({ settings: this.settings, ...options });
    await Promise.all(this.nodes.map((node) => node.inSync()));
  }

  /** Ends the agent of each node. */
  async killAgents(signal: Deno.Signal): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.agent!.kill(signal)));
  }

  close(): Promise<void> {
    return this.lab.close();
  }
}

/** One-way traffic in both directions, measured apart. */
export interface BothWays {
  flowing(deadlineMs?: number): Promise<void>;
  stop(minMs?: number): Promise<{ readonly there: ProbeReport; readonly back: ProbeReport }>;
}

/** Packets that a probe sent and that never came. Its last packet may come before it is counted. */
export function lost({ sent, received }: ProbeReport): number {
  return Math.max(0, sent - received);
}

function familiesOf(pod: Pod): (4 | 6)[] {
  return ([4, 6] as const).filter((family) => pod.address(family) !== undefined);
}
