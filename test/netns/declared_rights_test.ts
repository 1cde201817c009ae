// What an agent may do who puts interfaces into containers, as its manifests say it: with their capabilities and no others, and of the
// host's /run what they mount, everything that each of them is for is done, and of what it is not for the reason is told.

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

/** Variants, and those that they stand on. */
const LAYERS: Readonly<Record<string, readonly string[]>> = {
  "declared-containers": ["base/daemonset", "declared-containers/kustomization"],
  "declared-engines": [
    "base/daemonset",
    "declared-containers/kustomization",
    "declared-engines/kustomization",
  ],
};

/** A /run as an image has it, and in it the mounts of a container: of host's folders that kubelet makes where they are missing. */
function mountsOf(pods: readonly PodSpec[]): string {
  const paths = new Map(
    pods.flatMap(({ volumes = [] }) => volumes).map((it) => [it.name, it.hostPath!.path]),
  );
  const mounts = pods.flatMap(({ containers }) => containers![0]!.volumeMounts ?? [])
    .filter(({ mountPath }) => mountPath.startsWith("/run/"))
    .map(({ name, mountPath, readOnly }) => {
      const from = `/mnt${paths.get(name!)!.slice("/run".length)}`;
      const bound = `mkdir -p ${from} ${mountPath}; mount --rbind ${from} ${mountPath}`;
      return readOnly ? `${bound}; mount -o remount,ro,bind ${mountPath}` : bound;
    });
  // Files of the laboratory are in the node's /run.
  const own = "if [ -e /mnt/lab ]; then mkdir /run/lab; mount --rbind /mnt/lab /run/lab; fi";
  // Of the account's token, behind what is shorter: as runtimes do.
  const token = "mkdir -p /run/secrets/kubernetes.io/serviceaccount";
  const end = [token, "mount -o remount,ro,bind /run", "umount -l /mnt"];
  return ["mount --rbind /run /mnt", "mount -t tmpfs tmpfs /run", ...mounts, own, ...end].join("\n");
}

/** The agent of a manifest: a container's mounts of /run and its capabilities. */
function startAs(variant: string): void {
  const pods = LAYERS[variant]!.map((layer) => podsOf(file(`${layer}.yaml`))[0]!);
  const { add } = pods.at(-1)!.containers![0]!.securityContext!["capabilities"] as {
    readonly add: readonly string[];
  };
  const bounding = `--bounding-set=-all,${add.map((name) => `+${name.toLowerCase()}`).join(",")}`;
  const mounts = mountsOf(pods);
  // A container has process ids of its own, where its pod does not have the node's.
  const pids = pods.some(({ hostPID }) => hostPID) ? [] : ["--pid", "--fork", "--kill-child", "--mount-proc"];
  const argv = n1.agentArgv();
  n1.startAgent({
    settings: { ...CONTAINERS, "wireguard-go": "awaited" },
    argv: [
      ...["unshare", "--mount", "--propagation=slave", ...pids, "sh", "-ec", `${mounts}; exec "$@"`, "sh"],
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
  await scene.told(/br-p: Waiting: .*this agent sees no processes but its own; give it hostPID/);
  await scene.told(/docker[.]sock does not answer: No such file .*in a cluster that takes declared-engines/);
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
