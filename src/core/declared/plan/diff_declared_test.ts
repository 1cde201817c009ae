import assert from "node:assert/strict";
import { parsed } from "../../../../test/declared/parsed.ts";
import { standing } from "../../../../test/declared/standing.ts";
import { BRIDGE, DUMMY, type ObjectJson, PLAN, VETH, VXLAN } from "../../../../test/declared/walk_through.ts";
import type { PublicKey } from "../../net/keys.ts";
import { describe } from "../../plan/describe.ts";
import {
  NO_INTERFACES,
  type ObservedInterface,
  type ObservedInterfaces,
} from "../observed/observed_interfaces.ts";
import { wantInterfaces } from "../want/want_interfaces.ts";
import { type DeclaredPlan, diffDeclared } from "./diff_declared.ts";

const KEY = "wDBZu1y0MvkLcfFOcVDZ4kHnPX0LZ2tTWLdxHFw7aBY=" as PublicKey;
const MOMENT = {
  implementation: "kernel",
  keyFolder: "/etc/wigglenet/declared",
  keys: new Map([["plan-plan1", KEY]]),
  resolved: new Map(),
  steadySeconds: 0,
} as const;
const HERE = { nodeName: "lax1", interfaceName: "wigglenet", ports: [], nowMs: 0 };

function planOf(objects: readonly ObjectJson[], observed: ObservedInterfaces): DeclaredPlan {
  const read = objects.map(parsed);
  const { interfaces, refused } = wantInterfaces(read, HERE);
  return diffDeclared({ interfaces, spared: refused }, observed, MOMENT);
}

function told(plan: DeclaredPlan): string[] {
  return describe({ ...plan, rejected: [] });
}

function commands({ steps }: DeclaredPlan): string[] {
  return steps.flatMap(({ actions }) =>
    actions.flatMap((action) => {
      if (action.kind !== "run") return [action.kind];
      return action.input?.trimEnd().split("\n").map((line) => `ip ${line}`) ??
        [`${action.program} ${action.args.join(" ")}`];
    })
  );
}

const DUMMY_AS_WANTED = {
  name: "dummy1",
  alias: "NetlinkInterface/dummy",
  mtuBytes: 1300,
  addresses: new Set(["10.7.0.1/24", "fe80::7/64"]),
};

Deno.test("A plan's link is made with our group, comes up, and gets key, port, peer and address", () => {
  const plan = planOf([PLAN], NO_INTERFACES);
  const port = /listen port (\d+)/.exec(told(plan).join("\n"))?.[1];
  assert.deepEqual(commands(plan), [
    "ip link add dev wg-lax1-lax2-0 group 147 type wireguard",
    "ip link set dev wg-lax1-lax2-0 alias WireGuardNetworkPlan/plan1/lax2",
    "ip link set dev wg-lax1-lax2-0 mtu 1420",
    "ip link set dev wg-lax1-lax2-0 up",
    `wg set wg-lax1-lax2-0 listen-port ${port} fwmark 0 private-key /etc/wigglenet/declared/plan-plan1.key`,
    "wg set wg-lax1-lax2-0 peer Ky5TSVYyYqfGMyFAu7rLMUrl7sJuAm3nIfqcZJwlQxI= " +
    `endpoint 10.9.1.2:${endpointPort(plan)} allowed-ips 0.0.0.0/0,::/0 persistent-keepalive 25 ` +
    "peer Ky5TSVYyYqfGMyFAu7rLMUrl7sJuAm3nIfqcZJwlQxI= persistent-keepalive off",
    "greet",
    "ip address add 10.4.0.1 peer 10.4.0.2/32 dev wg-lax1-lax2-0",
  ]);
});

function endpointPort(plan: DeclaredPlan): string | undefined {
  return /10\.9\.1\.2:(\d+)/.exec(told(plan).join("\n"))?.[1];
}

Deno.test("Dummy, bridge, VXLAN and pair are made in an order in which each finds what it stands on", () => {
  assert.deepEqual(
    commands(planOf([PLAN, BRIDGE, DUMMY, VETH, VXLAN], NO_INTERFACES)).filter((it) => / add dev/.test(it)),
    [
      "ip link add dev wg-lax1-lax2-0 group 147 type wireguard",
      "ip link add dev br1 group 147 type bridge",
      "ip link add dev dummy1 group 147 type dummy",
      "ip link add dev veth1-a group 147 type veth peer name veth1-b group 147",
      "ip link add dev vxlan1 group 147 type vxlan id 100 dev wg-lax1-lax2-0 local 10.4.0.1 remote 10.4.0.2 " +
      "dstport 4789 learning",
    ],
  );
});

Deno.test("What is as it is wanted asks for nothing", () => {
  assert.deepEqual(told(planOf([DUMMY], standing(DUMMY_AS_WANTED))), []);
});

const DRIFTED: readonly [string, Partial<ObservedInterface>, string[]][] = [
  ["another MTU", { mtuBytes: 9000 }, ["~ interface dummy1: mtu 1300 (its mtu is 9000)"]],
  ["down", { isUp: false }, ["~ interface dummy1: up (it is down)"]],
  [
    "no alias",
    { alias: "" },
    ["~ interface dummy1: alias NetlinkInterface/dummy (it has no alias)"],
  ],
  [
    "an address more and one less",
    { addresses: new Set(["10.7.0.2/24", "fe80::7/64"]) },
    ["- address dummy1: 10.7.0.2/24 (not wanted)", "+ address dummy1: 10.7.0.1/24 (missing)"],
  ],
  [
    "another kind",
    { kind: "bridge", addresses: new Set(["10.7.0.9/24"]) },
    [
      "~ interface dummy1: dummy (it is of kind bridge)",
      "~ interface dummy1: alias NetlinkInterface/dummy, mtu 1300, up (new)",
      "+ address dummy1: 10.7.0.1/24 (missing)",
      "+ address dummy1: fe80::7/64 (missing)",
    ],
  ],
];

for (const [what, has, changes] of DRIFTED) {
  Deno.test(`An interface of ours with ${what} is mended`, () => {
    assert.deepEqual(told(planOf([DUMMY], standing({ ...DUMMY_AS_WANTED, ...has }))), changes);
  });
}

Deno.test("An interface of ours that no object asks for goes; one in another group never does", () => {
  const observed = standing({ name: "old" }, { name: "eth0", isOurs: false, kind: "physical" });
  assert.deepEqual(told(planOf([], observed)), ["- interface old: dummy (no object asks for it)"]);
});

Deno.test("A pair that no object asks for is deleted once", () => {
  const observed = standing(
    { name: "a", kind: "veth", other: "b" },
    { name: "b", kind: "veth", other: "a" },
  );
  assert.deepEqual(commands(planOf([], observed)), ["ip link del dev a"]);
});

Deno.test("A wanted name in another group is told and left, and so is the pair whose other end has it", () => {
  const observed = standing({ name: "dummy1", isOurs: false }, { name: "veth1-b", isOurs: false });
  const lines = told(planOf([DUMMY, VETH], observed));
  assert.deepEqual(lines.map((line) => line.split(";")[0]), [
    "… interface dummy1: NetlinkInterface dummy asks for dummy1, and somebody else has one of that name (dummy)",
    "… interface veth1-a: NetlinkInterface veth asks for veth1-b, and somebody else has one of that name (dummy)",
    "… interface veth1-b: NetlinkInterface veth asks for veth1-b, and somebody else has one of that name (dummy)",
  ]);
});

Deno.test("What an object has that is refused stays as it is", () => {
  const refused = { ...DUMMY, spec: { ...DUMMY.spec, container: { docker: { name: "a" } } } };
  assert.deepEqual(told(planOf([refused], standing(DUMMY_AS_WANTED))), []);
});

Deno.test("A VXLAN on an interface that is not there, and that nobody makes, waits", () => {
  assert.deepEqual(told(planOf([VXLAN], NO_INTERFACES)), [
    "… interface vxlan1: NetlinkInterface vxlan-lax1 puts it on wg-lax1-lax2-0, which is not there; " +
    "make wg-lax1-lax2-0, or say another dev",
  ]);
});

Deno.test("A member is taken in, but out of nobody else's bridge; who is no member any more is let go", () => {
  const bridge = {
    name: "br1",
    kind: "bridge",
    alias: "NetlinkInterface/bridge",
    addresses: new Set(["10.8.0.1/24"]),
  };
  const member = { name: "dummy1", isOurs: false };
  assert.deepEqual(
    told(planOf([BRIDGE], standing(bridge, member, { name: "x", master: "br1" }))).filter((it) =>
      it.includes("member")
    ),
    ["+ member br1: dummy1 (missing)", "- member br1: x (not wanted)"],
  );
  const foreign = standing(bridge, { ...member, master: "docker0" }, { name: "docker0", isOurs: false });
  assert.match(told(planOf([BRIDGE], foreign))[0]!, /^… member dummy1 of br1: it is a member of docker0/);
});

Deno.test("A peer whose key nobody has said is waited for, and the interface stands without it", () => {
  const nodes = (PLAN.spec.nodes as Record<string, unknown>[]).map(({ publicKey: _, ...node }) => node);
  const lines = told(planOf([{ ...PLAN, spec: { ...PLAN.spec, nodes } }], NO_INTERFACES));
  assert.equal(lines.filter((line) => line.includes("peer lax2")).length, 1);
  assert.match(lines.at(-1)!, /^… peer lax2 of wg-lax1-lax2-0: nobody has said its public key yet/);
});

Deno.test("A peer with this host's own key is left out and told: WireGuard takes none, and says nothing", () => {
  const nodes = (PLAN.spec.nodes as Record<string, unknown>[]).map((node) => ({ ...node, publicKey: KEY }));
  const lines = told(planOf([{ ...PLAN, spec: { ...PLAN.spec, nodes } }], NO_INTERFACES));
  assert.ok(!lines.some((line) => line.startsWith("+ peer")), lines.join("\n"));
  assert.match(lines.at(-1)!, /^… peer lax2 of wg-lax1-lax2-0: it is said to have this host's own key/);
});

Deno.test("A key that is another than the plan says is told", () => {
  const [lax1, lax2] = PLAN.spec.nodes as Record<string, unknown>[];
  const nodes = [{ ...lax1, publicKey: "Q0K7obhosJ0yfIX8D7s8fAfte/JX191c5+rKwKFAvHk=" }, lax2];
  const lines = told(planOf([{ ...PLAN, spec: { ...PLAN.spec, nodes } }], NO_INTERFACES));
  assert.match(lines.at(-1)!, /^… key of wg-lax1-lax2-0: WireGuardNetworkPlan plan1 says Q0K7/);
});

Deno.test("Without a key that can be read wg is asked for nothing", () => {
  const plan = planOf([{ ...PLAN, metadata: { name: "plan2" } }], NO_INTERFACES);
  assert.deepEqual(commands(plan).filter((line) => line.startsWith("wg")), []);
  assert.match(
    told(plan).at(-1)!,
    /^… key of wg-lax1-lax2-0: \S+plan-plan2.key cannot be read, or is no key/,
  );
});

Deno.test("What an object has that cannot be taken up is nobody else's", () => {
  const spoiled = { ...DUMMY, spec: { ...DUMMY.spec, container: { docker: { name: "a" } } } };
  const other = { ...DUMMY, metadata: { name: "other" }, spec: { ...DUMMY.spec, mtu: 1400 } };
  assert.deepEqual(told(planOf([spoiled, other], standing(DUMMY_AS_WANTED))), [
    "… interface dummy1: dummy1 is kept as it is for NetlinkInterface dummy, which is not taken up as it says now; " +
    "mend NetlinkInterface dummy, or delete it",
  ]);
});

Deno.test("Of two new VXLANs of which one stands on the other that one waits for a pass", () => {
  const over = {
    ...VXLAN,
    metadata: { name: "over" },
    spec: {
      ...VXLAN.spec,
      interfaceName: "over",
      addresses: [],
      vxlan: { vni: 2, dev: "vxlan1", port: 4790 },
    },
  };
  const lines = told(planOf([PLAN, VXLAN, over], NO_INTERFACES));
  assert.match(lines.join("\n"), /\+ interface vxlan1/);
  assert.match(lines.at(-1)!, /^… interface over: NetlinkInterface over puts it on vxlan1/);
});

Deno.test("An address that the kernel has given already is not asked for again", () => {
  const has = { ...DUMMY_AS_WANTED, addresses: new Set(["10.7.0.1/24"]), given: new Set(["fe80::7/64"]) };
  assert.deepEqual(told(planOf([DUMMY], standing(has))), []);
});
