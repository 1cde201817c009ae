// What an agent may do who puts interfaces into containers, as its manifests say it: with their capabilities and no others, and the
// host's /run read-only, everything that each of them is for is done, and of what it is not for the reason is told.

import { file, podsOf, type PodSpec } from "../deploy/manifests.ts";
import type { Process } from "../lab/process.ts";
import { ContainedNode, CONTAINERS, netlink } from "./contained_node.ts";
import { ENGINE_ID, inspectionOf, PlayedEngine } from "./played_engine.ts";

const scene = await ContainedNode.create();
const n1 = scene.node;
const [red, green] = [0, 1].map(() => n1.start(["unshare", "--net", "sleep", "infinity"])) as [
  Process,
  Process,
];
const inNetworkOf = ({ pid }: Process) => ["nsenter", `--net=/proc/${pid}/ns/net`, "--"];
const CGROUP = `/run/cgroup/${ENGINE_ID}`;
Deno.test.afterAll(async () => {
  await Promise.all([red.kill(), green.kill()]);
  await n1.attempt(["sh", "-c", `rmdir ${CGROUP}; umount /run/cgroup`]);
  await scene.lab.close();
});

/** The agent of a manifest: a container's mounts of /run and its capabilities. */
function startAs(variant: string): void {
  const [{ containers }] = podsOf(file(`${variant}/kustomization.yaml`)) as [PodSpec];
  const { add } = containers![0]!.securityContext!["capabilities"] as { readonly add: readonly string[] };
  const bounding = `--bounding-set=-all,${add.map((name) => `+${name.toLowerCase()}`).join(",")}`;
  const mounts =
    "mkdir -p /run/wigglenet; mount --bind /run/wigglenet /run/wigglenet; mount -o remount,ro,bind /run";
  const argv = n1.agentArgv();
  n1.startAgent({
    settings: { ...CONTAINERS, "wireguard-go": "awaited" },
    argv: [
      ...["unshare", "--mount", "--propagation=slave", "sh", "-ec", `${mounts}; exec "$@"`, "sh"],
      ...["setpriv", bounding, "--inh-caps=-all", "--no-new-privs", "--"],
      ...argv.slice(0, argv.lastIndexOf("run")),
    ],
  });
}

const bridge = (name: string, container: unknown) => netlink(name, { type: "bridge", container });
const OBJECTS = [
  bridge("br-n", { netns: { name: "blue" } }),
  bridge("br-p", { netns: { pid: red.pid } }),
  bridge("br-d", { docker: { name: "agent1" } }),
];

Deno.test("declared-containers: what has a name, made before or after, and no process of the node's", async () => {
  // As systemd has it: what is mounted later comes by propagation.
  await n1.run([
    "sh",
    "-ec",
    `mount --make-shared /run; mkdir /run/cgroup; mount -t cgroup2 cgroup2 /run/cgroup; mkdir ${CGROUP}`,
  ]);
  await n1.run(["tee", `${CGROUP}/cgroup.procs`], { stdin: `${green.pid}` });
  await using _ = new PlayedEngine(n1, () => inspectionOf("agent1", green.pid));
  await scene.write(OBJECTS);
  startAs("declared-containers");
  await scene.told(/there is no \/run\/netns\/blue/);
  await n1.run(["ip", "netns", "add", "blue"]);
  await scene.has(["ip", "netns", "exec", "blue"], "br-n");
  for (const { pid } of [red, green]) {
    await scene.told(new RegExp(`/proc/${pid}/ns/net cannot be looked at; the agent needs CAP_SYS_PTRACE`));
  }
});

Deno.test("declared-engines: processes and docker's containers as well", async () => {
  await using _ = new PlayedEngine(n1, () => inspectionOf("agent1", green.pid));
  await n1.agent!.kill();
  startAs("declared-engines");
  await scene.has(inNetworkOf(red), "br-p");
  await scene.has(inNetworkOf(green), "br-d");
  await scene.has(["ip", "netns", "exec", "blue"], "br-n");
  await scene.write([netlink("br-own", { type: "bridge" })]);
  for (const it of [inNetworkOf(red), inNetworkOf(green), ["ip", "netns", "exec", "blue"]]) {
    await scene.has(it, "");
  }
});
