import assert from "node:assert/strict";
import { parsed } from "../../../../test/declared/parsed.ts";
import { standing } from "../../../../test/declared/standing.ts";
import {
  BRIDGE,
  declared,
  DUMMY,
  type ObjectJson,
  VETH,
  VXLAN,
} from "../../../../test/declared/walk_through.ts";
import type { PublicKey } from "../../net/keys.ts";
import { describe } from "../../plan/describe.ts";
import type { ObservedInterface, ObservedInterfaces } from "../observed/observed_interfaces.ts";
import { wantInterfaces } from "../want/want_interfaces.ts";
import { ALL_TENANTS } from "../want/wanted_interface.ts";
import { type DeclaredMoment, diffDeclared } from "./diff_declared.ts";

const KEY = "wDBZu1y0MvkLcfFOcVDZ4kHnPX0LZ2tTWLdxHFw7aBY=" as PublicKey;
const MOMENT: DeclaredMoment = {
  implementation: "kernel",
  keyFolder: "/k",
  keys: new Map([["interface-a", KEY], ["interface-b", KEY]]),
  resolved: new Map(),
  steadySeconds: 0,
};

interface Standing {
  readonly links?: readonly (Partial<ObservedInterface> & { name: string })[];
  readonly ports?: Readonly<Record<string, number>>;
}

function hostOf({ links = [], ports = {} }: Standing): ObservedInterfaces {
  const serving = Object.entries(ports).map(([name, port]) => {
    const wireguard = { publicKey: KEY, port, hasMark: false, peers: new Map() };
    return [name, { wireguard, userspacePids: [] }] as const;
  });
  return { ...standing(...links), serving: new Map(serving) };
}

function told(objects: readonly ObjectJson[], found: Standing, moment = MOMENT): string[] {
  const read = objects.map(parsed);
  const { interfaces, refused } = wantInterfaces(read, {
    nodeName: "lax1",
    interfaceName: "wigglenet",
    ports: [],
    nowMs: 0,
  });
  const plan = diffDeclared({ interfaces, spared: refused }, hostOf(found), moment);
  return describe({ ...plan, rejected: [] });
}

function wireguard(name: string, listenPort: number): ObjectJson {
  return declared("WireGuardInterface", name, {
    node: "lax1",
    interfaceName: `wg-${name}`,
    listenPort,
    peers: [],
  });
}

function wireguardLink(name: string): Partial<ObservedInterface> & { name: string } {
  return { name: `wg-${name}`, kind: "wireguard", alias: `WireGuardInterface/${name}`, mtuBytes: 1420 };
}

Deno.test("Two interfaces that change their ports leave them first: neither waits for the other", () => {
  const swapped = [wireguard("a", 5002), wireguard("b", 5001)];
  const found = { links: ["a", "b"].map(wireguardLink), ports: { "wg-a": 5001, "wg-b": 5002 } };
  assert.deepEqual(told(swapped, found), [
    "~ interface wg-a: any listen port (5001 is to be that of wg-b)",
    "~ interface wg-b: any listen port (5002 is to be that of wg-a)",
    "~ interface wg-a: listen port 5002, key of /k/interface-a.key (it listens on 5001)",
    "~ interface wg-b: listen port 5001, key of /k/interface-b.key (it listens on 5002)",
  ]);
  assert.deepEqual(told([wireguard("a", 5001), wireguard("b", 5002)], found), []);
});

Deno.test("The other end of a pair that is made anew goes with it, and is not deleted once more", () => {
  const links = [
    { name: "veth1-a", kind: "veth", other: "foo", alias: "NetlinkInterface/veth" },
    { name: "foo", kind: "veth", other: "veth1-a", alias: "NetlinkInterface/veth" },
  ];
  const lines = told([VETH], { links });
  assert.ok(
    lines.some((line) => line.startsWith("~ interface veth1-a: veth with veth1-b")),
    lines.join("\n"),
  );
  assert.deepEqual(lines.filter((line) => line.startsWith("-")), []);
});

Deno.test("A member that waits for what it stands on is taken in once it is there", () => {
  const bridge = { ...BRIDGE, spec: { ...BRIDGE.spec, bridge: { slaves: ["vxlan1"] } } };
  const lines = told([bridge, VXLAN], {});
  assert.deepEqual(lines.filter((line) => line.includes("vxlan1")), [
    "… interface vxlan1: NetlinkInterface vxlan-lax1 puts it on wg-lax1-lax2-0, which is not there; make wg-lax1-lax2-0, or say another dev",
  ]);
});

Deno.test("What is in a group of our number and is no kind of ours, or hardware, stays", () => {
  const links = [
    { name: "theirs", alias: "a tap of somebody" },
    { name: "eth1", kind: "physical" },
    { name: "ours", alias: "NetlinkInterface/gone" },
    { name: "unnamed" },
  ];
  assert.deepEqual(told([], { links }), [
    "- interface ours: dummy (no object asks for it)",
    "- interface unnamed: dummy (no object asks for it)",
  ]);
});

Deno.test("An interface by which this host speaks is no member, and what somebody else has put into a bridge stays", () => {
  const bridge = { ...BRIDGE, spec: { ...BRIDGE.spec, addresses: [], bridge: { slaves: ["eth0"] } } };
  const links = [
    { name: "br1", kind: "bridge", alias: "NetlinkInterface/bridge" },
    { name: "tap0", isOurs: false, kind: "tun", master: "br1" },
  ];
  const eth0 = { name: "eth0", isOurs: false, kind: "physical" };
  assert.deepEqual(told([bridge], { links: [...links, { ...eth0, addresses: new Set(["192.0.2.1/24"]) }] }), [
    "… member eth0 of br1: it has addresses of this host (192.0.2.1/24), which a bridge would silence; move them to br1, or take it out of the object's slaves",
  ]);
  assert.deepEqual(told([bridge], { links: [...links, eth0] }), ["+ member br1: eth0 (missing)"]);
});

Deno.test("With WIREGUARD_GO=awaited nobody starts wireguard-go, and it is told which to run", () => {
  const moment = { ...MOMENT, implementation: "userspace", server: "awaited" } as const;
  const lines = told([wireguard("a", 5001)], {}, moment);
  assert.match(
    lines.at(-1)!,
    /^… interface wg-a: .*WIREGUARD_GO=awaited\); run wireguard-go -f wg-a; with systemd: systemctl enable --now wigglenet-wireguard-go@wg-a$/,
  );
  assert.ok(!lines.some((line) => line.startsWith("+ process")), lines.join("\n"));
});

const TUN = { name: "wg-a", isOurs: false, kind: "tun" };

Deno.test("A blank TUN device of the name becomes ours: it is as a killed agent, or the unit of wireguard-go, leaves it", () => {
  const moment = { ...MOMENT, implementation: "userspace" } as const;
  const taken = ["~ interface wg-a: group 147 (a TUN device that nobody uses)"];
  const kept = { links: [{ ...TUN, blankTun: "kept" as const }] };
  const held = { links: [{ ...TUN, blankTun: "held" as const }] };
  assert.deepEqual(told([wireguard("a", 5001)], kept, moment), taken);
  assert.deepEqual(told([wireguard("a", 5001)], held, { ...moment, server: "awaited" }), taken);
  for (const [found, how] of [[held, moment], [{ links: [TUN] }, moment], [kept, MOMENT]] as const) {
    assert.match(told([wireguard("a", 5001)], found, how)[0]!, /^… interface wg-a: .*somebody else has one/);
  }
});

Deno.test("A wireguard-go that is awaited is ended by nobody here: its device goes, and who runs it sees to it", () => {
  const link = { ...wireguardLink("a"), kind: "tun" };
  const observed = hostOf({ links: [link] });
  const serving = new Map([["wg-a", { wireguard: undefined, userspacePids: [7] }]]);
  const actionsOf = (server: "awaited" | "started") =>
    diffDeclared({ interfaces: [], spared: [] }, { ...observed, serving }, { ...MOMENT, server }).steps
      .flatMap(({ actions }) => actions.map(({ kind }) => kind));
  assert.deepEqual(actionsOf("awaited"), ["run"]);
  assert.deepEqual(actionsOf("started"), ["run", "end"]);
});

Deno.test("An interface of hardware is not to be removed: another name is to be said", () => {
  const eth0 = { name: "eth0", isOurs: false, kind: "physical" };
  const claim = declared("NetlinkInterface", "a", { node: "lax1", interfaceName: "eth0", type: "dummy" });
  assert.deepEqual(told([claim], { links: [eth0] }), [
    "… interface eth0: NetlinkInterface a asks for eth0, and somebody else has one of that name (physical); say another name",
  ]);
});

const OVER = declared("NetlinkInterface", "over", {
  node: "lax1",
  interfaceName: "over",
  type: "vxlan",
  mtu: 1451,
  vxlan: { vni: 1, dev: "eth0", local: "192.0.2.1" },
});

Deno.test("A VXLAN that is to carry longer packets than its device has room for waits, and is told how much there is", () => {
  const links = [{ name: "eth0", isOurs: false, kind: "physical", mtuBytes: 1500 }];
  assert.deepEqual(told([OVER], { links }), [
    "… interface over: its MTU is 1451, and a VXLAN on eth0 has room for 1450; say an mtu of at most 1450, or give eth0 more",
  ]);
  assert.match(told([OVER], { links: [{ ...links[0]!, mtuBytes: 1501 }] })[0]!, /^\+ interface over/);
  const six = { ...OVER, spec: { ...OVER.spec, vxlan: { vni: 1, dev: "eth0", local: "fd00::1" } } };
  assert.match(told([six], { links })[0]!, /has room for 1430;/);
});

Deno.test("What namespaces have stays while nobody knows their objects, and is in the way of who asks for its name", () => {
  const { interfaces } = wantInterfaces([parsed(DUMMY)], {
    nodeName: "lax1",
    interfaceName: "wigglenet",
    ports: [],
    nowMs: 0,
  });
  const found = standing(
    { name: "ta-d", alias: "PodNetlinkInterface/team-a/d" },
    { name: interfaces[0]!.name, alias: "PodNetlinkInterface/team-a/d0" },
    { name: "old", alias: "NetlinkInterface/gone" },
  );
  const { steps, waiting } = diffDeclared({ interfaces, spared: ALL_TENANTS }, found, MOMENT);
  assert.deepEqual(steps.flatMap(({ changes }) => changes.map(({ target }) => target)), ["old"]);
  assert.match(waiting.map(({ why }) => why).join(), /^\S+ is kept as it is for somebody else$/);
});
