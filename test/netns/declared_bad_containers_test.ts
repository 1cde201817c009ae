// Containers that are gone, there twice, another's, the host's own, said by who lies: each is told by its reason, and nothing else changes,
// neither on the node nor in a namespace beside.

import assert from "node:assert/strict";
import { until } from "../lab/until.ts";
import { ContainedNode, CONTAINERS, netlink } from "./contained_node.ts";
import { inspectionOf, PlayedEngine } from "./played_engine.ts";

const scene = await ContainedNode.create();
const n1 = scene.node;
/** A process in a network of its own that no object has a right to. */
const stranger = n1.start(["unshare", "--net", "sleep", "infinity"]);
/** A parent that never asks how its child has ended, which is after the shell: that would ask. */
const parent = n1.start(["sh", "-c", "sleep 1 & echo $!; exec sleep infinity"]);
const undead = Number(await parent.line("stdout", /^\d+$/));
await until(
  "the child to have ended",
  async () => (await n1.run(["cat", `/proc/${undead}/stat`])).includes(") Z "),
);
Deno.test.afterAll(async () => {
  await Promise.all([stranger.kill(), parent.kill()]);
  await scene.lab.close();
});

const RESULTS = "/var/lib/cni/results";
const GOOD = { netns: { name: "good" } };
const OWN = [netlink("br-own", { type: "bridge" }), netlink("br-good", { type: "bridge", container: GOOD })];
const enter = (name: string) => ["ip", "netns", "exec", name];
const inStranger = ["nsenter", `--net=/proc/${stranger.pid}/ns/net`, "--"];

/** As libcni keeps an attachment of a pod. */
async function attach(pod: string, path: string): Promise<void> {
  const cniArgs = [["K8S_POD_NAMESPACE", "shop"], ["K8S_POD_NAME", pod]];
  const kept = JSON.stringify({ kind: "cniCacheV1", ifName: "eth0", cniArgs, netns: path });
  await n1.run(["tee", `${RESULTS}/${pod}-${path.replaceAll("/", "-")}`], { stdin: kept });
}

const pod = (name: string) => ({ pod: { namespace: "shop", name } });
const docker = (name: string) => ({ docker: { name } });

/** What docker says of each container. */
const SAID: Readonly<Record<string, unknown>> = {
  stopped: inspectionOf("stopped", 0, { State: { Running: false, Pid: 0 } }),
  hosts: inspectionOf("hosts", stranger.pid, { HostConfig: { NetworkMode: "host" } }),
  others: inspectionOf("others", stranger.pid),
  nodes: inspectionOf("nodes", n1.pid),
  init: inspectionOf("init", 1),
  text: inspectionOf("text", `${stranger.pid}`),
  ended: inspectionOf("ended", 4_000_000),
  idless: inspectionOf("idless", stranger.pid, { Id: "../.." }),
  "0123": inspectionOf("other", stranger.pid),
  nonsense: ["nonsense"],
};

const BAD: readonly (readonly [what: string, container: unknown, reason: RegExp])[] = [
  ["a namespace that is gone", { netns: { name: "gone" } }, /there is no \/run\/netns\/gone/],
  ["a file that is no namespace", { netns: { name: "plain" } }, /its network namespace cannot be entered/],
  ["a namespace of another kind", { netns: { name: "uts" } }, /its network namespace cannot be entered/],
  ["a name of the node's own", { netns: { name: "home" } }, /home is in the host's own network namespace/],
  ["a process that is gone", { netns: { pid: 4_000_000 } }, /there is no process 4000000/],
  [
    "a process that has ended, and is listed",
    { netns: { pid: undead } },
    new RegExp(`there is no /proc/${undead}/ns/net any more`),
  ],
  ["a process of the node", { netns: { pid: n1.pid } }, /is in the host's own network namespace/],
  ["a pod that is gone", pod("gone"), /no network namespace of pod shop\/gone is here/],
  ["a pod that is there twice", pod("twice"), /pod shop\/twice has 2 network namespaces at once/],
  ["a pod with the node's network", pod("home"), /pod shop\/home is in the host's own network namespace/],
  [
    "a pod that is said to be elsewhere",
    pod("odd"),
    /pod shop\/odd is said to be in ".*", which is not followed/,
  ],
  ["a container that does not run", docker("stopped"), /container stopped does not run/],
  ["a container with the host's network", docker("hosts"), /container hosts runs with the host's network/],
  [
    "a container that is another's process",
    docker("others"),
    /docker container others, and the kernel says that it is not/,
  ],
  [
    "a container that is the node's process",
    docker("nodes"),
    /docker container nodes, and the kernel says that it is not/,
  ],
  ["a container that is process 1", docker("init"), /container init cannot be true \(process 1\)/],
  ["a container whose process is a text", docker("text"), /container text cannot be true/],
  ["a container whose process has ended", docker("ended"), /there is no process 4000000/],
  ["a container whose id is a path", docker("idless"), /container idless cannot be true/],
  ["a container by the beginning of an id", docker("0123"), /there is no container 0123/],
  ["a container of which nonsense is said", docker("nonsense"), /there is no container nonsense/],
  ["a container of nobody's", { podman: { name: "any" } }, /podman[.]sock does not answer/],
];

/** All interfaces of the node and of what is beside, by their numbers. */
async function everything(): Promise<string> {
  const all = [[], inStranger, ...["good", "theirs", "twice-1", "twice-2"].map(enter)];
  return (await Promise.all(all.map((it) => n1.run([...it, "ip", "-br", "link"])))).join("--\n");
}

async function prepare(): Promise<void> {
  for (const name of ["good", "theirs", "twice-1", "twice-2"]) await n1.run(["ip", "netns", "add", name]);
  // Nobody has named it: what is in our group there is none of ours.
  for (const it of [enter("theirs"), inStranger]) {
    await n1.run([...it, "ip", "link", "add", "theirs", "group", "147", "type", "bridge"]);
    await n1.run([...it, "ip", "link", "set", "theirs", "alias", "NetlinkInterface/theirs"]);
  }
  const binds = `cd /run/netns; touch plain uts home; mount --bind /proc/${n1.pid}/ns/net home; ` +
    `mount --bind /proc/${n1.pid}/ns/uts uts; mkdir -p ${RESULTS}; mount -t tmpfs tmpfs ${RESULTS}`;
  await n1.run(["sh", "-ec", binds]);
  // Beside the runtime's files: who opens a pipe to read it waits for whoever writes.
  await n1.run(["sh", "-ec", `mkdir ${RESULTS}/folder; mkfifo ${RESULTS}/pipe`]);
  await attach("twice", "/var/run/netns/twice-1");
  await attach("twice", "/run/netns/twice-2");
  await attach("home", "/run/netns/home");
  await attach("odd", `/proc/${stranger.pid}/ns/net`);
}

Deno.test("Each bad container is told by its reason, and nothing changes beside", async () => {
  await prepare();
  await using _ = new PlayedEngine(n1, (name) => SAID[name] ?? []);
  await scene.write(OWN);
  n1.startAgent({ settings: CONTAINERS });
  await scene.has(enter("good"), "br-good");
  await n1.inSync();
  for (const own of ["br-own bridge up", "br-good bridge up"]) {
    await scene.told(new RegExp(`^ {2}${own}`, "m"));
  }
  const before = await everything();
  // Beside it stand those who look and go.
  const holder = await until("who holds good", async () => {
    const pids = (await n1.run(["ip", "netns", "pids", "good"])).trim();
    return /^\d+$/.test(pids) && pids;
  });
  const cases = [
    ...BAD,
    ["a process of the agent's", { netns: { pid: Number(holder) } }, /is this agent's own/] as const,
  ];
  const halves = netlink("half-a", {
    type: "veth",
    container: GOOD,
    veth: { peer: { interfaceName: "half-b", container: { netns: { name: "gone" } } } },
  });
  const objects = cases.map(([, container], i) => netlink(`bad-${i}`, { type: "bridge", container }));
  await scene.write([...OWN, halves, ...objects]);
  const untold = (said: string) =>
    cases.flatMap(([what, , reason], i) =>
      new RegExp(`NetlinkInterface bad-${i}: Waiting: .*${reason.source}`).test(said) ? [] : what
    );
  let said = "";
  await until("all of them to be told", async () => {
    said = await n1.statusText();
    return untold(said).length === 0;
  }, { deadlineMs: 20_000, seen: () => `not told: ${untold(said).join(", ")}\n${said}` });
  assert.match(said, /NetlinkInterface half-a: Waiting: /);
  assert.equal(await everything(), before);
});

Deno.test("A name that changes hands all the time leaves nothing behind, neither on the node nor in the namespace that is let go", async () => {
  for (const name of ["left", "right"]) await n1.run(["ip", "netns", "add", name]);
  const before = await n1.run(["ip", "-br", "link"]);
  const objects = ["f1", "f2", "f3"].map((name) =>
    netlink(name, { type: "bridge", container: { netns: { name: "flip" } } })
  );
  const across = netlink("f-a", {
    type: "veth",
    container: { netns: { name: "flip" } },
    veth: { peer: { interfaceName: "f-b", container: GOOD } },
  });
  for (let i = 0; i < 20; i++) {
    // Each writing is a pass; the name changes hands at another moment of it each time.
    await scene.write([...OWN, ...objects, across, netlink("turn", { type: "bridge", mtu: 1300 + i })]);
    const to = i % 2 === 0 ? "left" : "right";
    const turn = `cd /run/netns; sleep 0.0${i % 10}; umount flip 2>&1; touch flip; mount --bind ${to} flip`;
    await n1.run(["sh", "-c", turn]);
    const onNode = (await scene.namesIn([])).split(" ").filter((name) => !["br-own", "turn"].includes(name));
    assert.deepEqual(onNode, [], `turn ${i}`);
  }
  await scene.has(enter("right"), "f-a f1 f2 f3");
  await scene.has(enter("left"), "");
  await scene.has(enter("good"), "br-good f-b");
  await scene.write(OWN);
  for (const name of ["left", "right"]) await scene.has(enter(name), "");
  await scene.has(enter("good"), "br-good");
  await scene.has([], "br-own");
  assert.equal(await n1.run(["ip", "-br", "link"]), before);
});
