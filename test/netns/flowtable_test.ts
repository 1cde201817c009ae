// ENABLE_FLOWTABLE: long flows leave the long way, and whatever is wrong with the flowtable is wrong with nothing else.

import assert from "node:assert/strict";
import { serveBulk, startBulk } from "../lab/bulk.ts";
import { HAS_FLOWTABLE } from "../lab/kernel.ts";
import type { Node, Settings } from "../lab/node.ts";
import type { Pod } from "../lab/pod.ts";
import type { Process } from "../lab/process.ts";
import { policyObject, putFile, putPods } from "../lab/policy_files.ts";
import { until } from "../lab/until.ts";
import { Mesh } from "./mesh.ts";

const SETTINGS: Settings = { "enable-flowtable": "true", "flowtable-packet-threshold": "20" };

/** Devices of the flowtable as nft lists them; undefined without one. */
async function devicesOn(node: Node): Promise<string | undefined> {
  const { stdout } = await node.attempt(["nft", "list", "table", "inet", "wigglenet-fastpath"]);
  return /devices = \{ (.*) \}/.exec(stdout)?.[1];
}

/** A TCP connection between the pods that does not end by itself: what goes one way only is never offloaded. */
async function longFlow({ pods }: Mesh): Promise<Process> {
  const [from, to] = pods as [Pod, Pod];
  await serveBulk(to);
  return startBulk(from, { address: to.address(4)!, bytes: 1e12 });
}

async function isOffloaded(node: Node): Promise<boolean> {
  return (await node.run(["conntrack", "-L", "-p", "tcp"])).includes("[OFFLOAD]");
}

async function restart(node: Node, settings: Settings): Promise<void> {
  await node.agent!.kill("SIGTERM");
  node.startAgent({ settings });
}

Deno.test(
  "a kernel without flowtables is named, and the mesh stands",
  { ignore: HAS_FLOWTABLE },
  async () => {
    const mesh = await Mesh.create({ nodes: 2 }, SETTINGS);
    try {
      const line = await mesh.nodes[0]!.agent!.line("stderr", /no flowtable can be made/);
      assert.match(line, /modprobe nf_flow_table_inet, or ENABLE_FLOWTABLE=false/);
      assert.match(
        line,
        /Could not process rule: No such file or directory/,
        "the kernel refuses it, not nft's grammar",
      );
      const { code, stdout } = await mesh.nodes[0]!.runAgent({ verb: "status" });
      assert.equal(code, 0);
      assert.match(stdout, /failing: reading fastpath: no flowtable can be made/);
    } finally {
      await mesh.close();
    }
  },
);

Deno.test(
  "flows take the flowtable, survive that it goes, and leave nothing behind (kernel with flowtables)",
  {
    ignore: !HAS_FLOWTABLE,
  },
  async (t) => {
    const mesh = await Mesh.create({ nodes: 2 }, SETTINGS);
    const [n1] = mesh.nodes as [Node, Node];
    const flow = await longFlow(mesh);
    const seen = async () => `${await devicesOn(n1)}\n${n1.agent!.tail()}`;
    try {
      await t.step("auto is every interface, those of new pods too", async () => {
        const links: { ifname: string }[] = JSON.parse(await n1.run(["ip", "-j", "link", "show"]));
        const wanted = links.map(({ ifname }) => ifname).filter((name) => name !== "lo").sort().join(", ");
        assert.match(wanted, /^(?=.*\beth0\b)(?=.*\bveth)(?=.*\bwigglenet\b)/);
        await until(`all of ${wanted}`, async () => await devicesOn(n1) === wanted, { seen });
      });
      await t.step("what has sent twenty packets is offloaded", async () => {
        await until("an offloaded flow", () => isOffloaded(n1), {
          seen: async () =>
            `${await n1.run(["conntrack", "-L"])}
${flow.tail()}`,
        });
      });
      await t.step("somebody deletes the flowtable: it comes back, and flows go on", async () => {
        await n1.run(["nft", "delete", "table", "inet", "wigglenet-fastpath"]);
        await until("it to be back", async () => await devicesOn(n1) !== undefined, { seen });
        await until("an offloaded flow", () => isOffloaded(n1), { seen });
        assert.ok(flow.isRunning, flow.tail());
        await flow.kill(); // it takes all of an emulated processor
      });
      await t.step("a device that is missing is named and left out", async () => {
        await restart(n1, { ...SETTINGS, "flowtable-devices": "eth0,eth7" });
        await until("eth0 alone", async () => await devicesOn(n1) === "eth0", { seen });
        const { stdout } = await n1.runAgent({ verb: "status" });
        assert.match(stdout, /waiting: flowtable on eth7: this host has no interface of that name/);
        assert.match(stdout, /: in sync$/m);
      });
      await t.step("switched off it is gone", async () => {
        await restart(n1, {});
        await until("no flowtable", async () => {
          const listed = await n1.run(["nft", "list", "tables"]);
          return !listed.includes("fastpath");
        }, { seen });
      });
    } finally {
      await mesh.close();
    }
  },
);

/** Counts what comes from n1's cable with the address of a pod in the clear: no rule of the node sees what is offloaded. */
const WATCH = `table netdev watch {
	chain clear {
		type filter hook ingress device n1 priority 0; policy accept;
		ip saddr 10.244.0.0/16 counter
	}
}`;

Deno.test("an offloaded flow does not leave in the clear when the tunnel goes (kernel with flowtables)", {
  ignore: !HAS_FLOWTABLE,
}, async () => {
  const mesh = await Mesh.create({ nodes: 2 }, SETTINGS);
  try {
    const [n1] = mesh.nodes as [Node, Node];
    const { underlay } = mesh.lab;
    const flow = await longFlow(mesh);
    await until("an offloaded flow", () => isOffloaded(n1), { seen: () => flow.tail() });
    await underlay.run(["nft", "-f", "-"], { stdin: WATCH });
    await n1.agent!.kill("SIGKILL");
    await n1.ip(["link del wigglenet"]);
    n1.startAgent({ settings: mesh.settings });
    await mesh.reachable();
    assert.match(
      await underlay.run(["nft", "list", "table", "netdev", "watch"]),
      /counter packets 0 bytes 0/,
    );
    assert.ok(flow.isRunning, flow.tail());
  } finally {
    await mesh.close();
  }
});

Deno.test("an offloaded flow that a policy does not allow any more ends (kernel with flowtables)", {
  ignore: !HAS_FLOWTABLE,
}, async () => {
  const mesh = await Mesh.create({ nodes: 2 }, SETTINGS);
  try {
    const [n1] = mesh.nodes as [Node, Node];
    const [here, there] = mesh.pods as [Pod, Pod];
    await putPods(mesh.lab, mesh.pods);
    const flow = await longFlow(mesh);
    const seen = async () => `${await n1.run(["conntrack", "-L"])}\n${n1.agent!.tail()}`;
    await until("an offloaded flow", () => isOffloaded(n1), { seen });
    await putFile(mesh.lab, policyObject("closed", here.name, { policyTypes: ["Egress"] }));
    const isGone = async () =>
      !/dport=5201 .*(?:ESTABLISHED|OFFLOAD)/.test(await n1.run(["conntrack", "-L", "-p", "tcp"]));
    await until("the flow to end", isGone, { deadlineMs: 3_000, seen });
    assert.match(await n1.run(["nft", "list", "set", "inet", "wigglenet", "policy-revoked-v4"]), /\. 5201/);
    // Both ends try again and again: nothing of it comes back, on neither way.
    const { received } = await here.ping(there.address(4)!, { timeoutMs: 1_000 });
    assert.equal(received, 0);
    assert.ok(await isGone(), await seen());
    assert.equal(await isOffloaded(n1), false);
    await flow.kill();
  } finally {
    await mesh.close();
  }
});
