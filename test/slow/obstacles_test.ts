// What others have on a host that keeps pods from their network: the agent names it wherever an operator looks, removes
// none of it, and is ready all the same.

import assert from "node:assert/strict";
import { keyOf } from "../cluster.ts";
import { Lab } from "../lab/lab.ts";
import type { Node } from "../lab/node.ts";
import { until } from "../lab/until.ts";

const PLUGIN_FOLDERS = ["/opt/cni/bin", "/usr/lib/cni"];
const HEALTH = "127.0.0.1:9092";
const TABLE =
  "table inet foreign { chain forward { type filter hook forward priority 10; policy drop; accept; }; }";
const OBSTACLES = [
  /pod network: 00-other\.conflist comes before 10-wigglenet\.conflist: .*CNI_CONFIG_PATH/,
  /pod network: CNI plugins are missing: ptp, host-local, portmap; apt-get install containernetworking-plugins/,
  /foreign firewall: inet foreign forward drops .*; nft list chain inet foreign forward/,
];

/** What /readyz answers, and behind it the status and where it leads to. */
async function readiness(node: Node, ...args: readonly string[]): Promise<string> {
  const shown = ["-sS", "-m", "10", "-w", "%{http_code} %{redirect_url}"];
  return (await node.attempt(["curl", ...shown, ...args, `http://${HEALTH}/readyz`])).stdout;
}

Deno.test("what keeps pods from their network is named by log, status, check and readiness until it is gone, and stays", async () => {
  await using lab = await Lab.create({ nodes: 1 });
  const [node] = lab.nodes as [Node];
  node.startAgent({ settings: { "health-bind-addr": HEALTH } });
  await node.inSync();
  assert.equal(await readiness(node), "ready\n200 ");

  const other = `${node.folder}/cni/00-other.conflist`;
  const folders = PLUGIN_FOLDERS.filter(isFolder);
  await Deno.writeTextFile(other, "{}");
  for (const folder of folders) await node.run(["mount", "-t", "tmpfs", "tmpfs", folder]);
  await node.run(["nft", TABLE]); // last: the monitor tells of it, and all is looked at
  const told = await until("readiness to tell of all", async () => {
    const text = await readiness(node);
    return OBSTACLES.every((one) => one.test(text)) && text;
  }, { seen: () => node.diagnose() });
  assert.match(told, /^ready, but .*\n200 $/);
  // Kubelet shows nobody the answer of a probe that succeeds, unless it is led elsewhere.
  const shown = await readiness(node, "-A", "kube-probe/1.36");
  assert.equal(shown, told.replace("200 ", "302 http://message.invalid/"));
  const status = await node.runAgent({ verb: "status" });
  for (const one of OBSTACLES) assert.match(status.stdout, new RegExp(`^waiting: ${one.source}`, "m"));
  for (const one of OBSTACLES.slice(0, 2)) {
    await node.agent!.line("stderr", new RegExp(` warn +waiting: ${one.source}`));
  }
  const { code, stdout } = await node.runAgent({ verb: "check" });
  assert.equal(code, 1);
  for (const one of OBSTACLES) {
    const line = one.source.slice(one.source.indexOf(": ") + 2);
    assert.equal(stdout.match(new RegExp(line, "g"))?.length, 1, stdout);
  }
  assert.equal((await node.status())!.applied.isInSync, true);
  assert.equal(await Deno.readTextFile(other), "{}");

  await Deno.remove(other);
  for (const folder of folders) await node.run(["umount", folder]);
  await node.run(["nft", "delete", "table", "inet", "foreign"]);
  await until("readiness to have nothing to tell", async () => await readiness(node) === "ready\n200 ");
  assert.equal(await readiness(node, "-A", "kube-probe/1.36"), "ready\n200 ");
});

function isFolder(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
}

const OTHER =
  `Deno.listenDatagram({ transport: "udp", hostname: "0.0.0.0", port: 24602 }); setTimeout(() => {}, 1e6)`;

Deno.test("who cannot have the second interface while another node's key rotates, for somebody has its port, is ready all the same, and says so", async () => {
  await using lab = await Lab.create({ nodes: 1 });
  const [node] = lab.nodes as [Node];
  const other = node.start([Deno.execPath(), "eval", "--unstable-net", OTHER]);
  await until("the port to be taken", async () => (await node.run(["ss", "-Hlun"])).includes(":24602"));
  const annotations = { "wigglenet/public-key": keyOf(7), "wigglenet/next-key": keyOf(8) };
  await lab.publish({
    ...node.manifest,
    metadata: { name: "rotating", annotations },
    spec: { podCIDRs: ["10.244.77.0/24"] },
    status: { addresses: [] },
  });
  node.startAgent({ settings: { "health-bind-addr": HEALTH, "key-rotation": "manual" } });
  await until("the agent to be ready", async () => await readiness(node) === "ready\n200 ", {
    seen: () => node.diagnose(),
  });
  await node.says("what fails", ({ applied }) => "second" in applied.failing && !applied.isInSync);
  const { code, stderr } = await node.runAgent({ verb: "rotate-key" });
  assert.deepEqual([code, /^wigglenet: UDP port 24602 is somebody else's: /.test(stderr)], [1, true]);
  await other.kill();
  await node.inSync();
});
