import assert from "node:assert/strict";
import { parsed } from "../../../../test/declared/parsed.ts";
import { standing } from "../../../../test/declared/standing.ts";
import { declared, type ObjectJson, WIREGUARD } from "../../../../test/declared/walk_through.ts";
import type { ObservedWireguard } from "../../observed/observed_state.ts";
import type { PublicKey } from "../../net/keys.ts";
import { describe } from "../../plan/describe.ts";
import type { DeclaredId, DeclaredObject } from "../declared_object.ts";
import { NO_INTERFACES, type ObservedInterfaces } from "../observed/observed_interfaces.ts";
import { parseDeclared } from "../parse_declared.ts";
import { wantInterfaces } from "../want/want_interfaces.ts";
import type { DeclaredPlan } from "./diff_declared.ts";
import { diffEverywhere, type FoundPlace, observedEverywhere } from "./diff_everywhere.ts";

const KEY = "wDBZu1y0MvkLcfFOcVDZ4kHnPX0LZ2tTWLdxHFw7aBY=" as PublicKey;
const MOMENT = {
  implementation: "kernel",
  keyFolder: "/keys",
  keys: new Map([["interface-lax1-wg1", KEY]]),
  resolved: new Map(),
  steadySeconds: 0,
} as const;
const HERE = { nodeName: "lax1", interfaceName: "wigglenet", ports: [], nowMs: 0, hasContainers: true };

function place(id: string, observed: ObservedInterfaces = NO_INTERFACES, namespace = id): FoundPlace {
  return { id, path: `/fd/${id}`, namespace, observed };
}

interface Scene {
  readonly host?: ObservedInterfaces;
  readonly places?: readonly FoundPlace[];
  readonly left?: readonly FoundPlace[];
  readonly spared?: readonly DeclaredId[];
  readonly implementation?: "kernel" | "userspace";
}

function planOf(objects: readonly ObjectJson[], scene: Scene): DeclaredPlan {
  const { host = NO_INTERFACES, places = [], left = [], spared = [], implementation = "kernel" } = scene;
  const read = objects.map(parsed);
  const { interfaces } = wantInterfaces(read, HERE);
  const containers = new Map(places.map((it) => [it.id, it]));
  return diffEverywhere({ interfaces, spared }, { host, containers, left }, { ...MOMENT, implementation });
}

function told(plan: DeclaredPlan): string[] {
  return describe({ ...plan, rejected: [] });
}

/** `[netns] program words`, batches line by line. */
function commands({ steps }: DeclaredPlan): string[] {
  return steps.flatMap(({ actions }) =>
    actions.flatMap((action) => {
      if (action.kind !== "run") return [action.kind];
      const [net, , program, ...rest] = action.program === "nsenter"
        ? action.args
        : ["", "", action.program, ...action.args];
      const where = net === "" ? "" : `[${net!.replace("--net=/fd/", "")}] `;
      return action.input?.trimEnd().split("\n").map((line) => `${where}${program} ${line}`) ??
        [`${where}${program} ${rest.join(" ")}`];
    })
  );
}

const BLUE = { netns: { name: "blue" } };
const RED = { docker: { name: "red" } };

function netlink(name: string, spec: Record<string, unknown>): ObjectJson {
  return declared("NetlinkInterface", name, { node: "lax1", interfaceName: name, ...spec });
}

const DUMMY = netlink("d0", { type: "dummy", container: BLUE });
const PAIR = netlink("a", {
  type: "veth",
  container: BLUE,
  veth: { peer: { interfaceName: "b", container: RED } },
});

Deno.test("A dummy of a container is made there, by its own ip", () => {
  const plan = planOf([DUMMY], { places: [place("netns/blue")] });
  assert.deepEqual(commands(plan), [
    "[netns/blue] ip link add dev d0 group 147 type dummy",
    "[netns/blue] ip link set dev d0 alias NetlinkInterface/d0",
    "[netns/blue] ip link set dev d0 up",
  ]);
  assert.deepEqual(plan.steps.map(({ part }) => part), ["declared netns/blue:d0", "declared netns/blue:d0"]);
});

Deno.test("WireGuard's interface is asked for from the host, where its socket stays, and configured where it is", () => {
  const object = { ...WIREGUARD, spec: { ...WIREGUARD.spec, container: BLUE } };
  const lines = commands(planOf([object], { places: [place("netns/blue")] }));
  assert.equal(lines[0], "ip link add dev wg1 netns /fd/netns/blue group 147 type wireguard");
  assert.ok(lines.slice(1).every((line) => line.startsWith("[netns/blue] ")), lines.join("\n"));
  assert.ok(
    lines.includes(
      "[netns/blue] wg set wg1 listen-port 51821 fwmark 0 private-key /keys/interface-lax1-wg1.key",
    ),
  );
});

Deno.test("One of another kind is removed there before", () => {
  const object = { ...WIREGUARD, spec: { ...WIREGUARD.spec, container: BLUE } };
  const [first, second] = commands(
    planOf([object], { places: [place("netns/blue", standing({ name: "wg1" }))] }),
  );
  assert.equal(first, "[netns/blue] ip link del dev wg1");
  assert.equal(second, "ip link add dev wg1 netns /fd/netns/blue group 147 type wireguard");
});

Deno.test("Without the kernel's WireGuard that is told, and what stands stays", () => {
  const object = { ...WIREGUARD, spec: { ...WIREGUARD.spec, container: BLUE } };
  const blue = place(
    "netns/blue",
    standing({ name: "wg1", kind: "wireguard", alias: "WireGuardInterface/lax1-wg1" }),
  );
  const plan = planOf([object], { places: [blue], implementation: "userspace" });
  assert.deepEqual(plan.steps, []);
  assert.match(told(plan)[0]!, /^… interface wg1 in network namespace blue: this kernel has no WireGuard/);
});

Deno.test("The ends of a pair are made in their two places by one message", () => {
  const places = [place("netns/blue"), place("docker/red")];
  assert.deepEqual(commands(planOf([PAIR], { places })), [
    "[netns/blue] ip link add dev a group 147 type veth peer name b group 147 netns /fd/docker/red",
    "[netns/blue] ip link set dev a alias NetlinkInterface/a",
    "[netns/blue] ip link set dev a up",
    "[docker/red] ip link set dev b alias NetlinkInterface/a",
    "[docker/red] ip link set dev b up",
  ]);
  const half = netlink("a", { type: "veth", veth: { peer: { interfaceName: "b", container: RED } } });
  assert.equal(
    commands(planOf([half], { places }))[0],
    "ip link add dev a group 147 type veth peer name b group 147 netns /fd/docker/red",
  );
});

Deno.test("A VXLAN over an end of it comes in the same pass", () => {
  const vxlan = netlink("v", { type: "vxlan", container: BLUE, vxlan: { vni: 1, dev: "a" } });
  const plan = planOf([PAIR, vxlan], { places: [place("netns/blue"), place("docker/red")] });
  assert.deepEqual(plan.waiting, []);
  const made = commands(plan).filter((line) => line.includes("link add"));
  assert.deepEqual(made.map((line) => line.split(" type ")[1]?.split(" ")[0]), ["veth", "vxlan"]);
});

Deno.test("What is deleted in a container may have gone by itself", () => {
  const plan = planOf([], { left: [place("docker/red", standing({ name: "old" }))] });
  assert.deepEqual(
    plan.steps.flatMap(({ actions }) => actions.map((it) => it.kind === "run" && it.mayBeGone)),
    [true],
  );
});

Deno.test("A pair with the host is asked for there, whichever end is the host's", () => {
  const far = netlink("a", { type: "veth", container: BLUE, veth: { peer: { interfaceName: "b" } } });
  assert.equal(
    commands(planOf([far], { places: [place("netns/blue")] }))[0],
    "ip link add dev b group 147 type veth peer name a group 147 netns /fd/netns/blue",
  );
});

Deno.test("Where the host has the name a WireGuard interface gets it behind its making, which old kernels would refuse", () => {
  const object = { ...WIREGUARD, spec: { ...WIREGUARD.spec, container: BLUE } };
  const host = standing({ name: "wg1", isOurs: false });
  const [made, renamed] = commands(planOf([object], { host, places: [place("netns/blue")] }));
  const [, interim] = /^ip link add dev (wgi[0-9a-f]{12}) netns \/fd\/netns\/blue group 147 type wireguard$/
    .exec(made!)!;
  assert.equal(renamed, `[netns/blue] ip link set dev ${interim} name wg1`);
});

Deno.test("What a container's root makes in our group goes by one program, so many a pass; no name of it is a command", () => {
  const many = Array.from({ length: 1_000 }, (_, i) => ({ name: `x${i}` }));
  const odd = ["a#b", "x'y", '"', "-4", "a\\"].map((name) => ({ name }));
  const { steps } = planOf([], { left: [place("docker/red", standing(...odd, ...many))] });
  assert.equal(steps.length, 1);
  const lines = commands({ steps, waiting: [] });
  assert.equal(lines.length, 64);
  assert.ok(lines.every((line) => /link del dev x\d+$/.test(line)), lines.join("\n"));
});

Deno.test("Who holds the port of one in another place lets it go before, so that two may swap theirs", () => {
  const wireguard = (name: string, port: number, container?: unknown) =>
    declared("WireGuardInterface", name, {
      node: "lax1",
      interfaceName: name,
      listenPort: port,
      ...(container !== undefined && { container }),
    });
  const served = (name: string, port: number) => ({
    ...standing({ name, kind: "wireguard", alias: `WireGuardInterface/${name}`, mtuBytes: 1420 }),
    serving: new Map([[name, {
      wireguard: {
        publicKey: "(none)",
        port,
        peers: new Map(),
        hasMark: false,
      } as unknown as ObservedWireguard,
      userspacePids: [],
    }]]),
  });
  const plan = planOf([wireguard("w0", 5001), wireguard("w1", 5000, BLUE)], {
    host: served("w0", 5000),
    places: [place("netns/blue", served("w1", 5001))],
  });
  assert.deepEqual(commands(plan).filter((line) => line.includes("listen-port 0")), [
    "wg set w0 listen-port 0",
    "[netns/blue] wg set w1 listen-port 0",
  ]);
});

const END = { kind: "veth", alias: "NetlinkInterface/a" };

Deno.test("Ends that face each other stand; of others both are made anew", () => {
  const blue = place("netns/blue", standing({ ...END, name: "a", index: 2, otherIndex: 3 }));
  const facing = place("docker/red", standing({ ...END, name: "b", index: 3, otherIndex: 2 }));
  assert.deepEqual(told(planOf([PAIR], { places: [blue, facing] })), []);
  const other = place("docker/red", standing({ ...END, name: "b", index: 3, otherIndex: 9 }));
  assert.deepEqual(commands(planOf([PAIR], { places: [blue, other] })).slice(0, 3), [
    "[netns/blue] ip link del dev a",
    "[docker/red] ip link del dev b",
    "[netns/blue] ip link add dev a group 147 type veth peer name b group 147 netns /fd/docker/red",
  ]);
});

Deno.test("A pair of which one place is not to be had waits, and what stands of it stays", () => {
  const read = PAIR;
  const blue = place("netns/blue", standing({ ...END, name: "a", index: 2, otherIndex: 3 }));
  const plan = planOf([read], { places: [blue] });
  assert.deepEqual(told(plan).map((line) => line.split(":")[0]), [
    "… interface a in network namespace blue",
    "… interface b in docker container red",
  ]);
});

Deno.test("Somebody else's end is told, and left", () => {
  const red = place("docker/red", standing({ name: "b", isOurs: false, kind: "veth" }));
  const plan = planOf([PAIR], { places: [place("netns/blue"), red] });
  assert.deepEqual(plan.steps, []);
  assert.match(told(plan)[0]!, /somebody else has one of that name \(veth\)/);
});

Deno.test("Two names of one namespace are one place: a pair is made within, a name is one object's", () => {
  const places = [place("netns/blue", NO_INTERFACES, "1:1"), place("docker/red", NO_INTERFACES, "1:1")];
  assert.equal(
    commands(planOf([PAIR], { places }))[0],
    "[netns/blue] ip link add dev a group 147 type veth peer name b group 147",
  );
  const second = { ...netlink("d1", { type: "bridge", container: RED }) };
  const same = { ...second, spec: { ...second.spec, interfaceName: "d0" } };
  const plan = planOf([DUMMY, same], { places });
  assert.match(
    told(plan).at(-1)!,
    /^… interface d0 in docker container red: NetlinkInterface d0 has this name there/,
  );
  assert.equal(commands(plan).filter((line) => line.includes("link add")).length, 1);
});

Deno.test("A name may stand on the host and in each container, a UDP port of WireGuard once", () => {
  const wireguard = (name: string, container?: unknown) =>
    declared("WireGuardInterface", name, {
      ...WIREGUARD.spec,
      ...(container !== undefined && { container }),
    });
  const read = [wireguard("x"), wireguard("y", BLUE)].map((json) =>
    parseDeclared("WireGuardInterface", json, "").object as DeclaredObject
  );
  const { interfaces, rejected } = wantInterfaces(read, HERE);
  assert.deepEqual(interfaces.map(({ owner }) => owner.name), ["x"]);
  assert.deepEqual(rejected.map(({ reason }) => reason), ["the port 51821 belongs to WireGuardInterface x"]);
  const bridges = [netlink("d0", { type: "bridge" }), { ...DUMMY, metadata: { name: "z" } }];
  assert.equal(planOf(bridges, { places: [place("netns/blue")] }).waiting.length, 0);
});

Deno.test("What a place has that no object asks for goes, from places that are left too, but for what is spared", () => {
  const old = { name: "old", alias: "NetlinkInterface/gone" };
  const scene = {
    left: [
      place(
        "docker/red",
        standing(old, { name: "eth0", isOurs: false }, { name: "d9", alias: "NetlinkInterface/k" }),
      ),
    ],
    spared: [{ kind: "NetlinkInterface", name: "k" }] as const,
  };
  assert.deepEqual(told(planOf([], scene)), ["- interface docker/red:old: dummy (no object asks for it)"]);
});

Deno.test("A namespace that one object leaves and another asks for is one place", () => {
  const red = place("docker/red", standing({ name: "old", alias: "NetlinkInterface/gone" }), "1:1");
  const blue = { ...red, id: "netns/blue" };
  const lines = told(planOf([DUMMY], { places: [blue], left: [red] }));
  assert.equal(lines.filter((line) => line.includes("old")).length, 1);
});

Deno.test("Reports know interfaces by place and name", () => {
  const containers = new Map([["netns/blue", place("netns/blue", standing({ name: "d0" }))]]);
  const seen = observedEverywhere({ host: standing({ name: "d0" }), containers, left: [] });
  assert.deepEqual([...seen.interfaces.keys()], ["d0", "netns/blue:d0"]);
});
