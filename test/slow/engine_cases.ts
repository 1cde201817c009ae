// Declared interfaces in containers of a real engine, as the operator has them whose kinds these are: agent1 and agent2 on one host, a
// pair between them and a VXLAN over it, and where the kernel has WireGuard a link of that and a VXLAN over it as well:
//
//   agent1: veth1-a 10.6.0.1 ── veth1-b 10.6.0.2 :agent2    vxlan1 fe80::1, 10.7.0.1 ── fe80::2, 10.7.0.2 vxlan2, over the pair
//           wg1     10.4.0.1 ══ wg2     10.4.0.2            vxlan1-wg fe80::1       ── fe80::2           vxlan2-wg, over WireGuard

import assert from "node:assert/strict";
import { declared } from "../declared/walk_through.ts";
import { ContainerEngine } from "../lab/container_engine.ts";
import { HAS_KERNEL_WIREGUARD } from "../lab/kernel.ts";
import { until } from "../lab/until.ts";
import { ContainedNode, CONTAINERS, netlink } from "../netns/contained_node.ts";

type Kind = ConstructorParameters<typeof ContainerEngine>[0];

/** A node, its engine, and what is declared there. */
export class EngineLab {
  readonly engine: ContainerEngine;
  /** WireGuard's public keys; none: that is not declared. */
  keys: readonly string[] | undefined;

  constructor(readonly scene: ContainedNode, readonly name: Kind) {
    this.engine = new ContainerEngine(name, scene.node, scene.lab.folder);
  }

  /** In agent1, or agent2. */
  at(i: number): Record<string, unknown> {
    return { [this.name]: { name: `agent${i}` } };
  }

  /** All that is declared. */
  objects(): unknown[] {
    const pair = netlink("veth1-a", {
      type: "veth",
      container: this.at(1),
      addresses: [{ ipcidr: "10.6.0.1/24" }, { ipcidr: "fe80::eeee:1/64" }],
      veth: {
        peer: {
          interfaceName: "veth1-b",
          container: this.at(2),
          addresses: [{ ipcidr: "10.6.0.2/24" }, { ipcidr: "fe80::eeee:2/64" }],
        },
      },
    });
    const over = this.keys === undefined ? [] : [1, 2].flatMap((i) => [this.#link(i), this.#overLink(i)]);
    return [pair, ...[1, 2].map((i) => this.#overPair(i)), ...over];
  }

  #overPair(i: number): unknown {
    return netlink(`vxlan${i}`, {
      type: "vxlan",
      container: this.at(i),
      vxlan: {
        vni: 100,
        dev: i === 1 ? "veth1-a" : "veth1-b",
        local: `10.6.0.${i}`,
        group: `10.6.0.${3 - i}`,
      },
      addresses: [{ ipcidr: `fe80::${i}/64` }, { ipcidr: `10.7.0.${i}/24` }],
    });
  }

  #overLink(i: number): unknown {
    return netlink(`vxlan${i}-wg`, {
      type: "vxlan",
      container: this.at(i),
      vxlan: { vni: 101, dev: `wg${i}`, local: `10.4.0.${i}`, group: `10.4.0.${3 - i}` },
      addresses: [{ ipcidr: `fe80::${i}/64` }, { ipcidr: `10.5.0.${i}/24` }],
      mtu: 1330,
    });
  }

  #link(i: number): unknown {
    const publicKey = this.keys![2 - i];
    const endpoint = `${this.scene.node.address(4)}:5180${3 - i}`;
    return declared("WireGuardInterface", `wg${i}`, {
      node: "n1",
      interfaceName: `wg${i}`,
      container: this.at(i),
      listenPort: 51800 + i,
      addresses: [
        { family: "inet", local: `10.4.0.${i}`, peer: `10.4.0.${3 - i}` },
        { family: "inet6", local: `fe80::a:${i}`, prefixlen: 64 },
      ],
      peers: publicKey === undefined
        ? []
        : [{ publicKey, allowedIPs: ["0.0.0.0/0", "::/0"], endpoint, persistentKeepalive: 5 }],
    });
  }

  /** Waits for answers to agent1, to pings one after the other. */
  async answer(...addresses: readonly string[]): Promise<void> {
    const { scene, engine } = this;
    for (const address of addresses) {
      await until(`${address} to answer agent1`, async () => {
        return (await engine.inside("agent1", "ping", "-c", "1", "-W", "1", address)).code === 0;
      }, {
        deadlineMs: 30_000,
        seen: async () =>
          `${(await engine.inside("agent1", "ip", "address")).stdout}\n${scene.node.agent!.tail()}`,
      });
    }
  }

  /** Waits until all of it stands and answers, by both families. */
  async stands(): Promise<void> {
    await this.answer("10.6.0.2", "fe80::eeee:2%veth1-a", "10.7.0.2", "fe80::2%vxlan1");
    if (this.keys === undefined) return;
    await this.answer("10.4.0.2", "fe80::a:2%wg1", "10.5.0.2", "fe80::2%vxlan1-wg");
    assert.equal(await this.scene.namesIn([]), "", "on the host");
  }

  async close(): Promise<void> {
    await this.engine.attempt("rm", "-f", "agent1", "agent2", "agenth", "old");
    await this.scene.lab.close();
  }
}

const CASES:
  readonly (readonly [what: string, test: (lab: EngineLab) => Promise<void>, isOnKernel?: true])[] = [
    ["agent1 and agent2 get a pair and a VXLAN over it, and reach each other by both", async (lab) => {
      await lab.engine.start();
      await Promise.all([1, 2].map((i) => lab.engine.startContainer(`agent${i}`)));
      lab.scene.node.startAgent({ settings: CONTAINERS });
      await lab.scene.write(lab.objects());
      await lab.stands();
    }],
    [
      "WireGuard between agent1 and agent2, and a VXLAN over it, of both families (kernel WireGuard)",
      async (lab) => {
        lab.keys = [];
        await lab.scene.write(lab.objects());
        lab.keys = await Promise.all([1, 2].map((i) => publicKey(lab, i)));
        await lab.scene.write(lab.objects());
        await lab.stands();
        for (const i of [1, 2]) {
          const { stdout } = await lab.engine.inside(`agent${i}`, "ss", "-Huln");
          assert.doesNotMatch(stdout, /:5180/, "its socket is the node's");
        }
      },
      true,
    ],
    ["What is restarted, or killed and replaced under its name, has its interfaces again", async (lab) => {
      const { engine, scene } = lab;
      await engine.run("restart", "-t", "0", "agent1");
      await lab.stands();
      await engine.run("kill", "agent2");
      await scene.told(/container agent2 does not run/);
      await engine.run("rm", "agent2");
      await scene.told(/there is no container agent2/);
      await engine.startContainer("agent2");
      await lab.stands();
    }],
    [
      "An agent that is killed while a container is replaced leaves nothing in a wrong place, and the next one ends it",
      async (lab) => {
        const { engine, scene } = lab;
        await engine.run("rm", "-f", "agent2");
        await engine.startContainer("agent2");
        // In the middle of it: the first of what it makes is there.
        await until("the first of agent2's interfaces", async () => await namesIn(lab, "agent2") !== "", {
          pauseMs: 1,
        });
        await scene.node.agent!.kill("SIGKILL");
        assert.equal(await scene.namesIn([]), "", "on the host");
        scene.node.startAgent({ settings: CONTAINERS });
        await lab.stands();
      },
    ],
    [
      "A container of another one's name loses what the other's had; one with the host's network gets nothing",
      async (lab) => {
        const { engine, scene } = lab;
        await engine.run("rename", "agent1", "old");
        await engine.startContainer("agent1");
        await lab.stands();
        assert.equal(await namesIn(lab, "old"), "");
        await engine.run("rm", "-f", "old");
        await engine.startContainer("agenth", ["--network=host"]);
        const ofHost = netlink("br-h", { type: "bridge", container: { [lab.name]: { name: "agenth" } } });
        await scene.write([...lab.objects(), ofHost]);
        await scene.told(/NetlinkInterface br-h: .*container agenth runs with the host's network/);
        assert.equal(await scene.namesIn([]), "");
      },
    ],
    [
      "While the engine is away all stands, for an agent that starts then too, and goes with its objects",
      async (lab) => {
        const { engine: { socket }, engine, scene, scene: { node } } = lab;
        const inAgent1 = await engine.enter("agent1");
        const show = () => node.run([...inAgent1, "ip", "-o", "link", "show", "veth1-a"]);
        const before = await show();
        await node.run(["mv", socket, `${socket}.away`]);
        await new Promise((resolve) => setTimeout(resolve, 3_000));
        assert.equal(await show(), before);
        await node.agent!.kill("SIGKILL");
        node.startAgent({ settings: CONTAINERS });
        await scene.told(/[.]sock does not answer|veth1-a veth up in \w+\/agent1/);
        await new Promise((resolve) => setTimeout(resolve, 3_000));
        assert.equal(await show(), before);
        await node.run(["mv", `${socket}.away`, socket]);
        await scene.write([netlink("br-own", { type: "bridge" })]);
        await scene.has(inAgent1, "");
      },
    ],
  ];

/** Of the key that the agent has made. */
function publicKey({ scene: { node } }: EngineLab, i: number): Promise<string> {
  return until(`wg${i}'s key`, async () => {
    const key = await Deno.readTextFile(`${node.folder}/declared/interface-wg${i}.key`).catch(() =>
      undefined
    );
    return key && (await node.run(["wg", "pubkey"], { stdin: key })).trim();
  }, { seen: () => node.agent!.tail() });
}

async function namesIn({ engine, scene }: EngineLab, container: string): Promise<string> {
  return await scene.namesIn(await engine.enter(container));
}

/** All tests of one engine; what else there is of it comes behind them, on the same node. */
export async function engineCases(name: Kind): Promise<EngineLab> {
  const lab = new EngineLab(await ContainedNode.create(), name);
  Deno.test.afterAll(() => lab.close());
  for (const [what, test, isOnKernel = false] of CASES) {
    Deno.test(`${what} (${name})`, { ignore: isOnKernel && !HAS_KERNEL_WIREGUARD }, () => test(lab));
  }
  return lab;
}
