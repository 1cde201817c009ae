// Three machines with a systemd of their own get the package, and are a mesh: Debian 13 and 12, nft 1.1 and 1.0.6. Whatever is
// done to one of them, packets of pairs that have no part in it are not lost: not one.
//
//   n1-pod ═══ n2-pod     100 packets a second in each direction, IPv4 and IPv6
//        ╚═ n3-pod ═╝

import assert from "node:assert/strict";
import { HAS_KERNEL_WIREGUARD } from "../lab/kernel.ts";
import { Lab } from "../lab/lab.ts";
import { manifestOf } from "../lab/manifest.ts";
import { Traffic } from "../lab/traffic.ts";
import { PATIENCE, until } from "../lab/until.ts";
import { losing } from "../netns/losses.ts";
import { differences } from "../netns/state.ts";
import { BootedNode } from "./booted_node.ts";
import { FOLDER, shareManifests, startTimes } from "./mesh.ts";
import { NEXT_PACKAGE, PACKAGE } from "./packages.ts";
import { footprintOf } from "./footprint.ts";

const UNITS = ["wigglenet.service", "wigglenet-wireguard-go@wigglenet.service", "wigglenet-guard.service"];
const lab = await Lab.create({ nodes: 0 });
const nodes = await Promise.all((["trixie", "bookworm", "trixie"] as const).map((suite, i) => {
  return BootedNode.boot({ lab, manifest: manifestOf(i + 1), suite });
}));
const [n1, n2, n3] = nodes as [BootedNode, BootedNode, BootedNode];
Deno.test.afterAll(async () => {
  await Promise.all(nodes.map((node) => node.close()));
  await lab.close();
});

let before = "";
let pods: Awaited<ReturnType<BootedNode["addPod"]>>[] = [];
let traffic: Traffic;

Deno.test("installed, a node waits for its prefixes, and says so; with everybody's manifests it is a mesh", async () => {
  before = await footprintOf(n2);
  const said = await Promise.all(nodes.map((node) => node.install(PACKAGE)));
  for (const text of said) assert.match(text, /give it its podCIDRs, and copy it to/);
  for (const node of nodes) await node.says(/has no pod CIDR; set spec\.podCIDRs/);
  await shareManifests(nodes);
  for (const node of nodes) await node.says(/^in sync, 2 peers$/);
  pods = await Promise.all(nodes.map((node) => node.addPod()));
  for (const node of nodes) {
    const [link] = JSON.parse(await node.run(["ip", "-j", "-d", "link", "show", "dev", "wigglenet"]));
    assert.equal(link.linkinfo.info_kind, HAS_KERNEL_WIREGUARD ? "wireguard" : "tun");
    const unit = "wigglenet-wireguard-go@wigglenet";
    assert.equal(await node.property(unit, "ActiveState"), HAS_KERNEL_WIREGUARD ? "inactive" : "active");
  }
  traffic = await Traffic.start(new Map(nodes.map((node, i) => [node.name, pods[i]!])));
  for (const node of nodes) {
    assert.equal(await node.property("wigglenet", "ActiveState"), "active");
    assert.equal(await node.property("wigglenet", "CapabilityBoundingSet"), "cap_net_admin");
    assert.equal((await node.run(["sysctl", "-n", "net.ipv4.ip_forward"])).trim(), "1");
    const { stdout, stderr } = await node.attempt(["systemd-analyze", "verify", "--man=no", ...UNITS]);
    assert.deepEqual((stdout + stderr).split("\n").filter((line) => line.includes("wigglenet")), []);
  }
});

Deno.test("stopped, killed, restarted: nothing is lost, and systemd starts a killed one again", async (t) => {
  await losing(traffic)(t, {}, async () => {
    await n1.run(["systemctl", "stop", "wigglenet"]);
    await n2.run(["kill", "-KILL", await n2.property("wigglenet", "MainPID")]);
    await n3.run(["systemctl", "restart", "wigglenet"], { deadlineMs: 120_000 });
    await traffic.flowing();
    await n1.run(["systemctl", "start", "wigglenet"], { deadlineMs: 120_000 });
    await until("systemd to start it again", async () => await n2.property("wigglenet", "NRestarts") === "1");
    for (const node of nodes) await node.says(/^in sync, 2 peers$/);
  });
});

Deno.test("a sync empties a node's folder, the next breaks off behind the first file, the last brings all: nothing is lost", async (t) => {
  const rsync = (...argv: string[]) => n1.run(["rsync", "-r", ...argv, `${FOLDER}/`]);
  await n1.run(["cp", "-r", FOLDER, "/srv/nodes"]);
  await n1.run(["mkdir", "/srv/nothing"]);
  await losing(traffic)(t, {}, async () => {
    await rsync("--delete", "/srv/nothing/");
    await n1.says(/no Node named n1 among 0/);
    await rsync("/srv/nodes/n1.yaml");
    await n1.says(/it was emptied, and is filled again: 2 that are not back yet stay/);
    await traffic.flowing();
    await rsync("/srv/nodes/");
    await n1.says(/^in sync, 2 peers$/);
  });
});

Deno.test("systemd-networkd, started and restarted, leaves interface and routes alone", async (t) => {
  const routes = async () => (await n1.run(["ip", "route"])) + (await n1.run(["ip", "-6", "route"]));
  await n1.write(
    "/etc/systemd/network/90-all.network",
    "[Match]\nName=*\n\n[Network]\nKeepConfiguration=yes\n",
  );
  await losing(traffic)(t, {}, async () => {
    await n1.run(["systemctl", "stop", "wigglenet"]);
    const standing = await routes();
    for (let i = 0; i < 2; i++) await n1.run(["systemctl", "restart", "systemd-networkd"]);
    assert.match(await n1.run(["networkctl", "list", "--no-pager"]), /wigglenet .*unmanaged/);
    assert.equal(differences(standing, await routes()), "");
    await n1.run(["systemctl", "start", "wigglenet"], { deadlineMs: 120_000 });
  });
  await n1.run(["systemctl", "stop", "systemd-networkd.socket", "systemd-networkd"]);
});

Deno.test("NetworkManager, started and restarted, leaves interface and routes alone", async (t) => {
  const routes = async () => (await n1.run(["ip", "route"])) + (await n1.run(["ip", "-6", "route"]));
  await losing(traffic)(t, {}, async () => {
    await n1.run(["systemctl", "stop", "wigglenet"]);
    const standing = await routes();
    for (let i = 0; i < 2; i++) {
      await n1.run(["systemctl", "restart", "NetworkManager"], { deadlineMs: 60_000 });
      await until("NetworkManager to know the interface, and to manage another", async () => {
        const devices = await n1.run(["nmcli", "-t", "-f", "DEVICE,STATE", "device"]);
        return /^wigglenet:unmanaged$/m.test(devices) && /^eth0:(?!unmanaged$)/m.test(devices);
      }, { seen: () => n1.run(["nmcli", "device"]) });
      assert.equal(differences(standing, await routes()), "");
    }
    await n1.run(["systemctl", "start", "wigglenet"], { deadlineMs: 120_000 });
  });
  await n1.run(["systemctl", "stop", "NetworkManager"]);
});

Deno.test("the next release, with another table, and this one again: nothing is lost", async (t) => {
  // A package takes half a minute to unpack where the machine is emulated.
  const updated = PATIENCE > 1 ? [n1] : nodes;
  await losing(traffic)(t, {}, async () => {
    await Promise.all(updated.map((node) => node.install(NEXT_PACKAGE)));
    for (const node of updated) await node.says(/^in sync, 2 peers$/);
    for (const node of updated) assert.match(await node.run(["nft", "list", "ruleset"]), /set prefixes-v4/);
    await traffic.flowing();
    await Promise.all(updated.map((node) => node.install(PACKAGE)));
    for (const node of updated) await node.says(/^in sync, 2 peers$/);
  });
  for (const node of updated) assert.doesNotMatch(await node.run(["nft", "list", "ruleset"]), /prefixes-v/);
});

Deno.test("a node boots: no pod network until its table stands, then its pods are back; the others lose nothing", async (t) => {
  await losing(traffic)(t, { victim: "n3", outageMs: 20_000 }, async () => {
    await n3.run(["systemctl", "add-wants", "--quiet", "multi-user.target", "network-online.target"]);
    await n3.powerOff();
    const path = "/etc/cni/net.d/10-wigglenet.conflist";
    assert.match(await Deno.readLink(`${n3.root}${path}`), /^\/run\//);
    // As a backup that was played back: without the guard a container runtime would take it.
    await Deno.remove(`${n3.root}${path}`);
    await n3.write(path, '{"name": "of its last life"}');
    await n3.powerOn();
    await until("the guard to have done its work", () => {
      return Deno.readLink(`${n3.root}${path}`).then((target) => target.startsWith("/run/"), () => false);
    }, { seen: () => n3.diagnose() });
    pods[2] = await n3.addPod();
    const [guarded, started] = await Promise.all([
      n3.property("wigglenet-guard", "ActiveEnterTimestampMonotonic"),
      n3.property("wigglenet", "ExecMainStartTimestampMonotonic"),
    ]);
    assert.ok(Number(guarded) > 0 && Number(guarded) <= Number(started), `${guarded} ${started}`);
    assert.match(await n3.run(["nft", "list", "table", "inet", "wigglenet"]), /chain guard/);
    await traffic.restart("n3", pods[2]!);
    await n3.says(/^in sync, 2 peers$/);
  });
  const { bootMs, onlineMs, agentMs, runtimeMs } = await startTimes(n3);
  await t.step(
    `systemd ${bootMs} ms, the agent ${agentMs} ms until it is ready (${onlineMs} ms behind network-online), ` +
      `\`wigglenet version\` ${runtimeMs} ms`,
    () => assert.ok(agentMs <= runtimeMs + 3_000 * PATIENCE),
  );
});

Deno.test("removed, the machine is as it was but for key, manifests and settings; purged, those are gone too", async () => {
  await pods[1]!.remove();
  await n2.run(["dpkg", "--remove", "wigglenet"], { deadlineMs: 120_000 });
  const kept = differences(before, await footprintOf(n2)).split("\n");
  assert.deepEqual(kept.filter((line) => !/^$| \/etc\/wigglenet\b| \.\/wigglenet\//.test(line)), []);
  await n2.run(["test", "-s", "/etc/wigglenet/private.key"]);
  await n2.run(["dpkg", "--purge", "wigglenet"], { deadlineMs: 120_000 });
  assert.equal(differences(before, await footprintOf(n2)), "");
});
