// Declared interfaces in containers, on one node from files. blue is a named network namespace, red that of a process:
//
//   blue: pair-a 10.6.0.1 ────── pair-b 10.6.0.2 :red        way-b 10.5.0.2 :blue
//         vx 10.7.0.1     (over the pair)     vx 10.7.0.2        │
//         br0                                                 way-a 10.5.0.1, on the node

import assert from "node:assert/strict";
import { declared } from "../declared/walk_through.ts";
import type { Process } from "../lab/process.ts";
import { until } from "../lab/until.ts";
import { ContainedNode, CONTAINERS, netlink } from "../netns/contained_node.ts";

const scene = await ContainedNode.create();
const n1 = scene.node;
Deno.test.afterAll(async () => {
  await red.kill();
  await scene.lab.close();
});

const BLUE = { netns: { name: "blue" } };

function process(): Process {
  return n1.start(["unshare", "--net", "sleep", "infinity"]);
}

let red = process();

function pair(pid = red.pid): unknown {
  return netlink("pair-a", {
    type: "veth",
    container: BLUE,
    addresses: [{ ipcidr: "10.6.0.1/24" }, { ipcidr: "fd06::1/64" }],
    veth: {
      peer: {
        interfaceName: "pair-b",
        addresses: [{ ipcidr: "10.6.0.2/24" }, { ipcidr: "fd06::2/64" }],
        container: { netns: { pid } },
      },
    },
  });
}

function vxlan(i: 1 | 2, container: unknown): unknown {
  return declared("NetlinkInterface", `vx-${i}`, {
    node: "n1",
    interfaceName: "vx",
    type: "vxlan",
    container,
    vxlan: { vni: 7, dev: i === 1 ? "pair-a" : "pair-b", local: `10.6.0.${i}`, group: `10.6.0.${3 - i}` },
    addresses: [{ ipcidr: `10.7.0.${i}/24` }],
  });
}

const way = netlink("way-a", {
  type: "veth",
  addresses: [{ ipcidr: "10.5.0.1/24" }],
  veth: { peer: { interfaceName: "way-b", addresses: [{ ipcidr: "10.5.0.2/24" }], container: BLUE } },
});
const bridge = netlink("br0", { type: "bridge", container: BLUE, addresses: [{ ipcidr: "10.8.0.1/24" }] });

const inBlue = ["ip", "netns", "exec", "blue"];
const inRed = () => ["nsenter", `--net=/proc/${red.pid}/ns/net`, "--"];

async function stand(blue: string, ofRed: string, own: string): Promise<void> {
  await scene.has(inBlue, blue);
  await scene.has(inRed(), ofRed);
  await scene.has([], own);
}

Deno.test("An agent that is not told to puts nothing into containers, and says which setting that is", async () => {
  await n1.run(["ip", "netns", "add", "blue"]);
  await scene.write([pair(), bridge, way]);
  n1.startAgent();
  await scene.told(/NetlinkInterface br0: Rejected: .* puts nothing there \(DECLARED_CONTAINERS=false\)/);
  await stand("", "", "");
});

Deno.test("Pairs, a bridge and a VXLAN over a pair stand where they are said to, and their addresses answer", async () => {
  await scene.restart();
  await scene.write([pair(), bridge, way, vxlan(1, BLUE), vxlan(2, { netns: { pid: red.pid } })]);
  await stand("br0 pair-a vx way-b", "pair-b vx", "way-a");
  await scene.answers(inBlue, "10.6.0.2");
  await scene.answers(inBlue, "fd06::2");
  await scene.answers(inBlue, "10.7.0.2");
  await scene.answers([], "10.5.0.2");
});

Deno.test("status shows them where they live, and a pass that finds all of it changes nothing", async () => {
  await scene.told(/^ {2}br0 bridge up in netns\/blue, mtu 1500, 10\.8\.0\.1\/24 \(NetlinkInterface br0\)$/m);
  const { stdout } = await n1.runAgent({ verb: "status" });
  assert.doesNotMatch(stdout, /^ {2}! /m);
  const before = n1.agent!.tail();
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  assert.equal(n1.agent!.tail(), before);
});

Deno.test("What somebody deletes in a container is back", async () => {
  await n1.run([...inBlue, "ip", "link", "del", "br0"]);
  await n1.run([...inRed(), "ip", "link", "del", "pair-b"]);
  await stand("br0 pair-a vx way-b", "pair-b vx", "way-a");
  await scene.answers(inBlue, "10.7.0.2");
});

Deno.test("An interface of somebody else's in a container is told, and left as it is", async () => {
  await n1.run([...inBlue, "ip", "link", "add", "theirs", "type", "bridge"]);
  await scene.write([
    pair(),
    bridge,
    way,
    netlink("theirs", { type: "vxlan", container: BLUE, vxlan: { vni: 9 } }),
  ]);
  await scene.told(
    /NetlinkInterface theirs: Waiting: interface theirs in netns\/blue: .* somebody else has one/,
  );
  assert.match(await n1.run([...inBlue, "ip", "-d", "link", "show", "theirs"]), /bridge/);
  await stand("br0 pair-a way-b", "pair-b", "way-a");
});

Deno.test("A namespace that is made anew under its name is followed", async () => {
  await n1.run(["ip", "netns", "del", "blue"]);
  await scene.write([pair(), bridge, way]);
  await scene.told(/there is no \/run\/netns\/blue/);
  await n1.run(["ip", "netns", "add", "blue"]);
  await stand("br0 pair-a way-b", "pair-b", "way-a");
  await scene.answers(inBlue, "10.6.0.2");
});

Deno.test("One that lives on under another name, while its name is another's, loses what is declared", async () => {
  await n1.run(["ip", "netns", "add", "green"]);
  await n1.run([
    "sh",
    "-ec",
    "cd /run/netns; touch old; mount --bind blue old; umount blue; mount --bind green blue",
  ]);
  await stand("br0 pair-a way-b", "pair-b", "way-a");
  await until("nothing to be left in what was blue", async () => {
    return await scene.namesIn(["ip", "netns", "exec", "old"]) === "";
  }, { seen: () => n1.agent!.tail() });
});

Deno.test("The node's own network is nobody's container, by whichever of its processes it is named", async () => {
  const before = await scene.namesIn([]);
  await scene.write([
    pair(),
    way,
    bridge,
    netlink("own", { type: "bridge", container: { netns: { pid: n1.pid } } }),
  ]);
  await scene.told(/NetlinkInterface own: Waiting: .*process \d+ is in the host's own network namespace/);
  assert.equal(await scene.namesIn([]), before);
  await scene.write([
    pair(),
    way,
    bridge,
    netlink("own", { type: "bridge", container: { netns: { pid: 4_000_000 } } }),
  ]);
  await scene.told(/there is no process 4000000/);
});

Deno.test("Two objects that ask for one name of a namespace, by two of its names: the first has it", async () => {
  await n1.run(["sh", "-ec", "cd /run/netns; touch azure; mount --bind blue azure"]);
  const second = declared("NetlinkInterface", "second", {
    node: "n1",
    interfaceName: "br0",
    type: "bridge",
    container: { netns: { name: "azure" } },
    addresses: [{ ipcidr: "10.99.0.1/24" }],
  });
  await scene.write([pair(), bridge, way, second]);
  await scene.told(/NetlinkInterface second: Waiting: .*NetlinkInterface br0 has this name there/);
  assert.doesNotMatch(await n1.run([...inBlue, "ip", "address", "show", "br0"]), /10\.99/);
});

Deno.test("An agent that is killed leaves all standing, the next changes nothing; what goes meanwhile goes when it starts", async () => {
  await scene.write([pair(), bridge, way]);
  const before = await n1.run([...inBlue, "ip", "-o", "link", "show", "br0"]);
  await scene.restart();
  await scene.answers(inBlue, "10.6.0.2");
  assert.equal(
    (await n1.run([...inBlue, "ip", "-o", "link", "show", "br0"])).split(":")[0],
    before.split(":")[0],
  );
  await n1.agent!.kill("SIGKILL");
  await until("no process of it to be left in blue", async () => {
    return (await n1.run(["ip", "netns", "pids", "blue"])).trim() === "";
  });
  await scene.write([way]);
  n1.startAgent({ settings: CONTAINERS });
  await stand("way-b", "", "way-a");
});

Deno.test("What has lost its name to another while no agent ran loses what is declared, and the other one gets it", async () => {
  await scene.write([way, bridge]);
  await stand("br0 way-b", "", "way-a");
  await n1.agent!.kill("SIGKILL");
  const rename = "touch former; mount --bind blue former; umount blue; mount --bind other blue";
  await n1.run(["sh", "-ec", `ip netns add other; cd /run/netns; ${rename}`]);
  n1.startAgent({ settings: CONTAINERS });
  await stand("br0 way-b", "", "way-a");
  await scene.has(["ip", "netns", "exec", "former"], "");
});

Deno.test("A process whose id is given away anew is another one, and gets nothing", async () => {
  await scene.write([pair(), way]);
  await stand("pair-a way-b", "pair-b", "way-a");
  const pid = red.pid;
  await red.kill();
  await scene.told(new RegExp(`there is no process ${pid}`));
  await stand("way-b", "", "way-a");
  // The agent starts programs meanwhile: one of them may be given the id first.
  await until("the id to be given away anew", async () => {
    await n1.run(["sh", "-ec", `echo ${pid - 1} > /proc/sys/kernel/ns_last_pid`]);
    red = process();
    if (red.pid !== pid) await red.kill();
    return red.pid === pid;
  });
  await scene.told(new RegExp(`process ${pid} is another one than it was: its id was given away anew`));
  assert.equal(await scene.namesIn(inRed()), "");
});

Deno.test("cleanup that sees neither names of namespaces nor the node's processes says what stays, and forgets nothing", async () => {
  await red.kill();
  red = process();
  await scene.write([
    way,
    bridge,
    netlink("br-p", { type: "bridge", container: { netns: { pid: red.pid } } }),
  ]);
  await stand("br0 way-b", "br-p", "way-a");
  await n1.agent!.kill("SIGKILL");
  const hidden = "mount --rbind /run /mnt; mount -t tmpfs tmpfs /run; " +
    "for part in wigglenet lab; do " +
    "if [ -e /mnt/$part ]; then mkdir /run/$part; mount --rbind /mnt/$part /run/$part; fi; done; " +
    'umount -l /mnt; exec "$@"';
  const argv = n1.agentArgv({ verb: "cleanup" });
  const inOwn = ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "sh", "-ec", hidden, "sh"];
  const { code, stderr } = await n1.attempt([...inOwn, ...argv], { env: { NO_COLOR: "1" } });
  assert.equal(code, 1);
  assert.match(stderr, /Cannot look into netns\/blue: what was declared there stays/);
  assert.match(stderr, new RegExp(`Cannot look into pid/${red.pid}: `));
  // With its end on the node the other one has gone.
  await stand("br0", "br-p", "");
  n1.startAgent({ settings: CONTAINERS });
  await scene.write([way, bridge]);
  await stand("br0 way-b", "", "way-a");
});

Deno.test("cleanup removes what is in containers too, and nothing of anybody else's", async () => {
  await scene.write([way, bridge]);
  await stand("br0 way-b", "", "way-a");
  await n1.run([...inBlue, "ip", "link", "add", "theirs", "type", "bridge"]);
  // As root of a container may, who would keep what is there: ip prints this as it is, which is no JSON.
  await n1.run([...inBlue, "ip", "link", "set", "theirs", "alias", "a\u0001b"]);
  await n1.agent!.kill("SIGKILL");
  const { code, stdout, stderr } = await n1.runAgent({ verb: "cleanup" });
  assert.equal(code, 0, stderr);
  assert.match(stdout, /interface br0 in netns\/blue/);
  await stand("", "", "");
  await n1.run([...inBlue, "ip", "link", "show", "theirs"]);
});
