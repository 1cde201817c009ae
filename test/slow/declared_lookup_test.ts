// Where containers are said to be by what a runtime keeps of pods, processes that wander, and what becomes of who holds a namespace.

import assert from "node:assert/strict";
import { until } from "../lab/until.ts";
import { ContainedNode, CONTAINERS, netlink } from "../netns/contained_node.ts";

const scene = await ContainedNode.create();
const n1 = scene.node;
Deno.test.afterAll(() => scene.lab.close());
n1.startAgent({ settings: CONTAINERS });

const RESULTS = "/var/lib/cni/results";

/** As libcni keeps the attachment of a pod's sandbox. */
async function attach(sandbox: string): Promise<void> {
  const kept = {
    kind: "cniCacheV1",
    containerId: sandbox,
    ifName: "eth0",
    networkName: "wigglenet",
    cniArgs: [["IgnoreUnknown", "1"], ["K8S_POD_NAMESPACE", "shop"], ["K8S_POD_NAME", "web-0"]],
    result: {
      cniVersion: "0.3.1",
      interfaces: [{ name: "veth7" }, { name: "eth0", sandbox: `/var/run/netns/${sandbox}` }],
    },
  };
  await n1.run(["ip", "netns", "add", sandbox]);
  await n1.run(["tee", `${RESULTS}/wigglenet-${sandbox}-eth0`], { stdin: JSON.stringify(kept) });
}

const ofPod = netlink("br-pod", {
  type: "bridge",
  container: { pod: { namespace: "shop", name: "web-0" } },
  addresses: [{ ipcidr: "10.8.0.1/24" }],
});

const inSandbox = (name: string) => ["ip", "netns", "exec", name];

Deno.test("A pod is found by what its runtime keeps of it, and followed when it gets a new sandbox", async () => {
  await n1.run(["sh", "-ec", `mkdir -p ${RESULTS}; mount -t tmpfs tmpfs ${RESULTS}`]);
  await scene.write([ofPod]);
  await scene.told(/NetlinkInterface br-pod: .*no network namespace of pod shop\/web-0 is here/);
  await attach("cni-1");
  await scene.has(inSandbox("cni-1"), "br-pod");
  await n1.run(["ip", "netns", "del", "cni-1"]);
  await attach("cni-2");
  await scene.has(inSandbox("cni-2"), "br-pod");
});

Deno.test("A pod that has two namespaces at once gets nothing in either, until one is gone", async () => {
  await attach("cni-3");
  await scene.told(/pod shop\/web-0 has 2 network namespaces at once/);
  for (const sandbox of ["cni-2", "cni-3"]) {
    assert.equal(await scene.namesIn(inSandbox(sandbox)), "", sandbox);
  }
  await n1.run(["ip", "netns", "del", "cni-2"]);
  await scene.has(inSandbox("cni-3"), "br-pod");
});

Deno.test("A process that goes into a network namespace of its own making is not followed", async () => {
  const script = "until [ -e /run/go ]; do sleep 0.1; done; exec unshare --net sleep infinity";
  const rover = n1.start(["unshare", "--net", "sh", "-c", script]);
  const inRover = ["nsenter", `--net=/proc/${rover.pid}/ns/net`, "--"];
  await scene.write([netlink("br-r", { type: "bridge", container: { netns: { pid: rover.pid } } })]);
  await scene.has(inRover, "br-r");
  await n1.run(["touch", "/run/go"]);
  await scene.told(new RegExp(`process ${rover.pid} has gone into another network namespace than it had`));
  await scene.has(inRover, "");
  await rover.kill();
});

Deno.test("Who holds a namespace may be killed: nothing changes, and another one holds it", async () => {
  await n1.run(["ip", "netns", "add", "kept"]);
  await scene.write([netlink("br-k", { type: "bridge", container: { netns: { name: "kept" } } })]);
  const inKept = ["ip", "netns", "exec", "kept"];
  await scene.has(inKept, "br-k");
  // Beside it stand those who look and go.
  const cats =
    'for p in $(ip netns pids kept); do [ "$(cat /proc/$p/comm 2>&1)" = cat ] && echo $p; done; true';
  const holders = async () => (await n1.run(["sh", "-c", cats])).trim();
  const [before, link] = [await holders(), await n1.run([...inKept, "ip", "-o", "link", "show", "br-k"])];
  await n1.run(["kill", "-9", before]);
  await until("another holder", async () => ![before, ""].includes(await holders()), {
    seen: () => n1.agent!.tail(),
  });
  assert.equal(await n1.run([...inKept, "ip", "-o", "link", "show", "br-k"]), link);
  assert.equal(await scene.namesIn([]), "");
});

Deno.test("Root of a container that fills our group there with hundreds costs the others nothing, and loses them", async () => {
  const inKept = ["ip", "netns", "exec", "kept"];
  const bridge = netlink("br-k", { type: "bridge", container: { netns: { name: "kept" } } });
  await scene.write([bridge, netlink("br-own", { type: "bridge" })]);
  await scene.has([], "br-own");
  const lines = Array.from({ length: 300 }, (_, i) => `link add x${i} group 147 type bridge\n`);
  await n1.run([...inKept, "ip", "-batch", "-"], { stdin: lines.join("") });
  await n1.run([...inKept, "ip", "link", "add", "dev", "a#b", "group", "147", "type", "bridge"]);
  await n1.run(["ip", "link", "del", "br-own"]);
  await scene.has([], "br-own");
  await scene.has(inKept, "a#b br-k");
  await scene.write([netlink("br-own", { type: "bridge" })]);
  await scene.has([], "br-own");
});

Deno.test("An agent that may not enter namespaces says what it needs, and does the rest", async () => {
  await n1.agent!.kill("SIGKILL");
  const argv = ["setpriv", "--bounding-set", "-sys_admin", "--", ...n1.agentArgv()];
  const verb = argv.lastIndexOf("run");
  n1.startAgent({ argv: argv.slice(0, verb), settings: CONTAINERS });
  await n1.run(["ip", "netns", "add", "blue"]);
  const inBlue = netlink("br-b", { type: "bridge", container: { netns: { name: "blue" } } });
  await scene.write([inBlue, netlink("br-own", { type: "bridge" })]);
  await scene.told(/NetlinkInterface br-b: .*cannot be entered: .*the agent needs CAP_SYS_ADMIN/);
  await scene.has([], "br-own");
});

Deno.test("An agent that is told no more to reach into containers says what it leaves there", async () => {
  const inKept = ["ip", "netns", "exec", "kept"];
  const bridge = netlink("br-k", { type: "bridge", container: { netns: { name: "kept" } } });
  await scene.write([bridge]);
  await scene.restart();
  await scene.has(inKept, "a#b br-k");
  await n1.agent!.kill("SIGKILL");
  n1.startAgent();
  await until(
    "it to say so",
    () => /declared in containers \(netns\/kept\) stays as it is/.test(n1.agent!.tail()),
    {
      seen: () => n1.agent!.tail(),
    },
  );
  assert.equal(await scene.namesIn(inKept), "a#b br-k");
});
