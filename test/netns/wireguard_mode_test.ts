// WIREGUARD_MODE changes from one start of an agent to the next: key and peers stay, nothing leaves in the clear.

import assert from "node:assert/strict";
import { isWithin } from "../lab/frames.ts";
import { HAS_KERNEL_WIREGUARD } from "../lab/kernel.ts";
import type { Node } from "../lab/node.ts";
import { until } from "../lab/until.ts";
import { lost, Mesh } from "./mesh.ts";

const KIND = { kernel: "wireguard", userspace: "tun" } as const;
const SERVERS = ["sh", "-c", "pgrep --ns $$ --nslist net -fc '^[^ ]*wireguard-go -f wigglenet' || true"];

async function kindOn(node: Node): Promise<string | undefined> {
  const { stdout } = await node.attempt(["ip", "-j", "-d", "link", "show", "dev", "wigglenet"]);
  return stdout === "" ? undefined : JSON.parse(stdout)[0].linkinfo.info_kind;
}

async function identityOf(node: Node): Promise<string> {
  const commands = ["public-key", "allowed-ips", "endpoints"].map((
    what,
  ) => ["wg", "show", "wigglenet", what]);
  return (await Promise.all(commands.map((argv) => node.run(argv)))).join("---\n");
}

async function restart(node: Node, mode: string): Promise<void> {
  await node.agent!.kill("SIGTERM");
  node.startAgent({ settings: { "wireguard-mode": mode } });
}

Deno.test("WIREGUARD_MODE changes both ways on a running mesh (kernel with WireGuard)", {
  ignore: !HAS_KERNEL_WIREGUARD,
}, async (t) => {
  const mesh = await Mesh.create({ nodes: 2 });
  try {
    const [n1] = mesh.nodes as [Node, Node];
    const before = await identityOf(n1);
    const capture = await mesh.lab.capture();
    const probe = await mesh.probe(100);
    for (const mode of ["userspace", "kernel"] as const) {
      await t.step(`to ${mode}`, async () => {
        await restart(n1, mode);
        await until(`kind ${KIND[mode]}`, async () => await kindOn(n1) === KIND[mode], {
          seen: () => n1.agent!.tail(),
        });
        await until("the same key and peers", async () => await identityOf(n1).catch(() => "") === before, {
          seen: () => n1.diagnose(),
        });
        await probe.flowing();
        await mesh.reachable();
        assert.equal((await n1.run(SERVERS)).trim(), mode === "kernel" ? "0" : "1");
      });
    }
    await t.step("auto keeps what is there, and no packet is lost", async () => {
      const { there, back } = await probe.stop();
      console.log(`longest outage of a change: ${Math.max(there.longestGapMs, back.longestGapMs)} ms`);
      const quiet = await mesh.probe(100);
      await restart(n1, "auto");
      await until("it to be in sync", async () => {
        return /: in sync$/m.test((await n1.runAgent({ verb: "status" })).stdout);
      }, { seen: () => n1.agent!.tail() });
      const report = await quiet.stop();
      assert.deepEqual([lost(report.there), lost(report.back)], [0, 0]);
      assert.equal(await kindOn(n1), "wireguard");
    });
    await mesh.lab.catchUp(capture);
    assert.deepEqual((await capture.stop()).filter((packet) => isWithin(packet, mesh.lab.podCIDRs)), []);
  } finally {
    await mesh.close();
  }
});

Deno.test("somebody else's tun device of our name is left alone (kernel with WireGuard)", {
  ignore: !HAS_KERNEL_WIREGUARD,
}, async () => {
  const mesh = await Mesh.create({ nodes: 1 });
  try {
    const [n1] = mesh.nodes as [Node];
    await n1.agent!.kill("SIGTERM");
    await n1.ip(["link del wigglenet", "tuntap add dev wigglenet mode tun", "link set wigglenet up"]);
    const { code, stderr } = await n1.runAgent({ verb: "run", settings: { "wireguard-mode": "kernel" } });
    assert.equal(code, 1);
    assert.match(stderr, /Interface wigglenet exists with kind tun, wanted is wireguard: remove it/);
    assert.equal(await kindOn(n1), "tun");
  } finally {
    await mesh.close();
  }
});
