import assert from "node:assert/strict";
import { desireOf, keyOf, ordinaryNode } from "../../../test/cluster.ts";
import { EMPTY_HOST, hostOf } from "../../../test/host_state.ts";
import type { DesiredState } from "../desired/desired_state.ts";
import type { ObservedState } from "../observed/observed_state.ts";
import { describe } from "./describe.ts";
import { diff } from "./diff.ts";
import type { Plan } from "./plan.ts";

const ALONE = [ordinaryNode(1)];
const KERNEL = desireOf(ALONE, {}, { publicKey: keyOf(1) });
const USERSPACE = desireOf(ALONE, {}, { publicKey: keyOf(1), wireguard: "userspace" });

function linkPlan(
  desired: DesiredState,
  difference: Partial<ObservedState>,
): { lines: string[]; actions: string[] } {
  const plan = diff(desired, { ...hostOf(desired), ...difference }, 1000);
  const steps = plan.steps.filter(({ part }) => part === "link" || part.startsWith("addresses"));
  return { lines: describe({ ...plan, steps, waiting: [] }), actions: actionsOf({ ...plan, steps }) };
}

function actionsOf({ steps }: Plan): string[] {
  return steps.flatMap(({ stage, actions }) =>
    actions.map((action) => {
      if (action.kind === "run" && action.args.join() === "-batch") {
        return `${stage} ip ${action.input!.trim().replaceAll("\n", "; ")}`;
      }
      if (action.kind === "run") return `${stage} ${action.program} ${action.args.join(" ")}`;
      return action.kind === "end" ? `${stage} end ${action.pid}` : `${stage} ${action.kind}`;
    })
  );
}

const CONFIGURE = "3.5 wg set wigglenet listen-port 24601 fwmark 0 private-key /etc/wigglenet/private.key";
const UP = "3 ip link set dev wigglenet mtu 1420 up";
const ADDRESSES = [
  "3 ip address replace 10.244.1.1/32 dev wigglenet",
  "3 ip address replace fd00:10:244:1::1/128 dev wigglenet",
];

Deno.test("A kernel interface is made, configured and addressed", () => {
  assert.deepEqual(linkPlan(KERNEL, { link: undefined, wireguard: undefined }), {
    lines: [
      "+ interface wigglenet: wireguard (missing)",
      "~ interface wigglenet: mtu 1420, up (new)",
      "+ address wigglenet: 10.244.1.1/32 (missing)",
      "+ address wigglenet: fd00:10:244:1::1/128 (missing)",
      "~ interface wigglenet: listen port 24601, key of /etc/wigglenet/private.key (not configured)",
    ],
    actions: ["0 ip link add dev wigglenet type wireguard", UP, ...ADDRESSES, CONFIGURE],
  });
});

Deno.test("A user-space interface is a TUN device first, which outlives the process that serves it", () => {
  assert.deepEqual(linkPlan(USERSPACE, { link: undefined, wireguard: undefined }), {
    lines: [
      "+ interface wigglenet: tun (missing)",
      "+ process wigglenet: wireguard-go -f wigglenet (not running)",
      "~ interface wigglenet: mtu 1420, up (new)",
      "+ address wigglenet: 10.244.1.1/32 (missing)",
      "+ address wigglenet: fd00:10:244:1::1/128 (missing)",
      "~ interface wigglenet: listen port 24601, key of /etc/wigglenet/private.key (not configured)",
    ],
    actions: [
      "0 ip tuntap add dev wigglenet mode tun",
      "2 serve",
      UP,
      ...ADDRESSES,
      CONFIGURE,
    ],
  });
});

Deno.test("A dead wireguard-go is started anew on the interface that stayed, which keeps its addresses", () => {
  assert.deepEqual(linkPlan(USERSPACE, { wireguard: undefined }), {
    lines: [
      "+ process wigglenet: wireguard-go -f wigglenet (not running)",
      "~ interface wigglenet: mtu 1420, up (new)",
      "~ interface wigglenet: listen port 24601, key of /etc/wigglenet/private.key (not configured)",
    ],
    actions: ["2 serve", UP, CONFIGURE],
  });
});

Deno.test("A wireguard-go that answers nobody is ended before a new one starts", () => {
  assert.deepEqual(linkPlan(USERSPACE, { wireguard: undefined, userspacePids: [7, 8] }).actions.slice(0, 3), [
    ...["2 end 7", "2 end 8", "2 serve"],
  ]);
});

Deno.test("A wireguard-go whose interface is gone is ended before the interface is made anew", () => {
  const gone = { link: undefined, wireguard: undefined, userspacePids: [7] };
  assert.deepEqual(linkPlan(USERSPACE, gone).actions.slice(0, 3), [
    ...["1 end 7", "1 ip tuntap add dev wigglenet mode tun", "2 serve"],
  ]);
});

Deno.test("A wireguard-go of an interface that is gone still answers: what it says is not believed", () => {
  const stale = { link: undefined };
  assert.deepEqual(linkPlan(USERSPACE, stale).actions.slice(1, 3), ["2 serve", UP]);
});

Deno.test("A wrong key is set right, and an unknown one is left alone", () => {
  const wireguard = { ...hostOf(KERNEL).wireguard!, publicKey: keyOf(9) };
  assert.deepEqual(linkPlan(KERNEL, { wireguard }).lines, [
    "~ interface wigglenet: listen port 24601, key of /etc/wigglenet/private.key (its key differs)",
  ]);
  assert.deepEqual(linkPlan(desireOf(ALONE), { wireguard }).lines, []);
});

Deno.test("A key that our Node still says is kept when the file has another one, whatever else is set right", () => {
  const desired = desireOf(ALONE, {}, { publicKey: keyOf(9) });
  const wireguard = hostOf(KERNEL).wireguard!;
  assert.deepEqual(linkPlan(desired, { wireguard }).actions, []);
  assert.deepEqual(linkPlan(desired, { wireguard: { ...wireguard, port: 1 } }).actions, [
    "3.5 wg set wigglenet listen-port 24601 fwmark 0",
  ]);
  const { waiting } = diff(desired, { ...hostOf(desired), wireguard }, 1000);
  const kept = waiting.find(({ what }) => what === "key of wigglenet")!;
  assert.match(
    kept.why,
    new RegExp(`Node n1 says, /etc/wigglenet/private.key holds that of ${keyOf(9).replace("+", "\\+")}`),
  );
  assert.equal(kept.isBlocking, undefined);
});

Deno.test("A key file that was replaced is taken up once our Node says so, and by an interface that is made anew", () => {
  const published = desireOf([{ ...ordinaryNode(1), key: keyOf(9) }], {}, { publicKey: keyOf(9) });
  assert.deepEqual(linkPlan(published, { wireguard: hostOf(KERNEL).wireguard }).actions, [CONFIGURE]);
  const unpublished = desireOf(ALONE, {}, { publicKey: keyOf(9) });
  assert.equal(linkPlan(unpublished, { link: undefined, wireguard: undefined }).actions.at(-1), CONFIGURE);
});

for (const [desired, kind, wanted] of [[KERNEL, "tun", "wireguard"], [USERSPACE, "bridge", "tun"]] as const) {
  Deno.test(`An interface of our name and of kind ${kind} is not touched, nor anything that needs it`, () => {
    const host = { ...EMPTY_HOST, link: { ...hostOf(KERNEL).link!, kind } };
    const plan = diff(desired, host, 1000);
    assert.deepEqual([...new Set(plan.steps.map(({ part }) => part))], ["table", "cni"]);
    assert.deepEqual(describe(plan).slice(-1), [
      `… interface wigglenet: it exists with kind ${kind}, wanted is ${wanted}; ` +
      "remove it (ip link del wigglenet) or choose another WIGGLENET_IFACE_NAME",
    ]);
  });
}

const FIREWALL = desireOf(ALONE, { FIREWALL_ONLY: "1" });

Deno.test("When no family is tunnelled any more, the routes go, then the interface with its process", () => {
  const before = { ...hostOf(USERSPACE), userspacePids: [7] };
  const plan = diff(FIREWALL, { ...before, reference: before.reference }, 1000);
  const lines = describe({ ...plan, steps: plan.steps.filter(({ part }) => part !== "table") });
  assert.deepEqual(lines, [
    "- cni /etc/cni/net.d/10-wigglenet.conflist (the node has no pod network of ours)",
    "- route unreachable 10.244.1.0/24 proto 146 metric 32760 (not wanted)",
    "- route unreachable fd00:10:244:1::/64 proto 146 metric 32760 (not wanted)",
    "- interface wigglenet: tun (no family is tunnelled)",
  ]);
  const stages = plan.steps.map(({ part, stage }) => [part, stage] as const);
  const stageOf = (part: string) => Math.max(...stages.filter(([p]) => p === part).map(([, stage]) => stage));
  assert.ok(stageOf("routes") < stageOf("link"), "routes that vanish with the interface cannot be deleted");
  assert.deepEqual(actionsOf(plan).slice(-2).map((text) => text.slice(2)), [
    "ip link del dev wigglenet",
    "end 7",
  ]);
});

Deno.test("An interface of our name that no tunnel left behind is not ours to remove", () => {
  const host = { ...hostOf(FIREWALL), link: { ...hostOf(KERNEL).link!, kind: "bridge" } };
  assert.deepEqual(diff(FIREWALL, host, 1000).steps, []);
});

const OLD_PEER = {
  endpoint: "192.0.2.7:4000",
  handshakeSeconds: 990,
  aliveSeconds: 990,
  isRoamed: true,
  isProven: true,
};

/** Two nodes; the interface is of the other kind, and n2 speaks from where its Node does not say. */
function otherKind(implementation: "kernel" | "userspace") {
  const nodes = [1, 2].map(ordinaryNode);
  const desired = desireOf(nodes, {}, { publicKey: keyOf(1), wireguard: implementation });
  const has = hostOf(desired);
  const peers = new Map([...has.wireguard!.peers].map(([key, peer]) => [key, { ...peer, ...OLD_PEER }]));
  const kind = implementation === "kernel" ? "tun" : "wireguard";
  const wireguard = { ...has.wireguard!, peers };
  return { desired, has: { ...has, link: { ...has.link!, kind }, wireguard, userspacePids: [77] } };
}

for (const implementation of ["kernel", "userspace"] as const) {
  Deno.test(`WIREGUARD_MODE has changed to ${implementation}: our interface is made anew, peers stay where they are`, () => {
    const { desired, has } = otherKind(implementation);
    const plan = diff(desired, has, 1000);
    assert.deepEqual(plan.waiting.filter(({ isBlocking }) => isBlocking), []);
    const lines = describe(plan);
    const [from, to] = implementation === "kernel" ? ["tun", "wireguard"] : ["wireguard", "tun"];
    assert.ok(lines.includes(`~ interface wigglenet: ${to} (it is of kind ${from})`), lines.join("\n"));
    assert.ok(lines.some((line) => line.startsWith(`+ peer n2: ${keyOf(2)} at 192.0.2.7:4000 for `)));
    // Its routes go with it, the unreachable ones stay and guard.
    const routes = lines.filter((line) => line.includes(" route "));
    assert.equal(routes.length, 2);
    assert.ok(
      routes.every((line) => line.startsWith("+") && line.includes("dev wigglenet")),
      routes.join("\n"),
    );
    const [first, second, third] = actionsOf(plan);
    assert.deepEqual([first, second], ["1 ip link del dev wigglenet", "1 end 77"]);
    assert.match(third!, implementation === "kernel" ? /type wireguard$/ : /tuntap add/);
  });
}

const NOTHING_OF_OURS = { routes: { 4: new Set<string>(), 6: new Set<string>() }, userspacePids: [] };
const TUN = { kind: "tun", mtuBytes: 1500, isUp: true, addresses: new Set<string>() };
const FOREIGN = { publicKey: keyOf(9), port: 1, hasMark: false, peers: new Map() };
const owners: readonly [what: string, desired: DesiredState, has: Partial<ObservedState>, isOurs: boolean][] =
  [
    ["a tun device that somebody else uses", KERNEL, { link: TUN, wireguard: undefined }, false],
    ["a tun device that is down and served by nobody", KERNEL, {
      link: { ...TUN, isUp: false },
      wireguard: undefined,
    }, true],
    ["a wireguard interface with another key", USERSPACE, {
      link: { ...TUN, kind: "wireguard" },
      wireguard: FOREIGN,
    }, false],
    ["a wireguard interface with our key", USERSPACE, {
      link: { ...TUN, kind: "wireguard" },
      wireguard: { ...FOREIGN, publicKey: keyOf(1) },
    }, true],
    ["a bridge", KERNEL, { link: { ...TUN, kind: "bridge", isUp: false }, wireguard: undefined }, false],
  ];

for (const [what, desired, has, isOurs] of owners) {
  Deno.test(`${what} of our name is ${isOurs ? "" : "not "}ours to make anew`, () => {
    const { steps, waiting } = diff(desired, { ...hostOf(desired), ...NOTHING_OF_OURS, ...has }, 1000);
    assert.equal(waiting.some(({ isBlocking }) => isBlocking), !isOurs);
    assert.equal(steps.some(({ part }) => part === "link"), isOurs);
  });
}

Deno.test("Beside a file that was never read an interface of the other kind keeps the peers that may be wanted there", () => {
  const { desired, has } = otherKind("kernel");
  const spared = {
    peers: new Set<string>([keyOf(9)]),
    routes: new Set<string>(),
    members: new Set<string>(),
  };
  const { steps, waiting } = diff({ ...desired, spared }, has, 1000);
  assert.deepEqual(steps, []);
  assert.match(waiting.find(({ isBlocking }) => isBlocking)!.why, /a file was never read$/);
});

const AWAITED = desireOf([1, 2].map(ordinaryNode), { WIREGUARD_GO: "awaited" }, {
  publicKey: keyOf(1),
  wireguard: "userspace",
});

Deno.test("A wireguard-go that is awaited is not started: the device is made, all is guarded, nothing else is tried", () => {
  const plan = diff(AWAITED, EMPTY_HOST, 1000);
  assert.deepEqual(actionsOf(plan).map((action) => action.slice(2)), [
    "nft -f",
    "ip route replace unreachable 10.244.1.0/24 proto 146 metric 32760; " +
    "route replace unreachable 10.244.2.0/24 proto 146 metric 32760",
    "ip route replace unreachable fd00:10:244:1::/64 proto 146 metric 32760; " +
    "route replace unreachable fd00:10:244:2::/64 proto 146 metric 32760",
    "ip tuntap add dev wigglenet mode tun",
    "writeFile",
  ]);
  const [waiting] = plan.waiting.filter(({ isBlocking }) => isBlocking);
  assert.match(waiting!.why, /no wireguard-go serves it/);
});

Deno.test("While the awaited wireguard-go is gone routes into its device stay: what they carry is held, not leaked", () => {
  const gone = { ...hostOf(AWAITED), wireguard: undefined };
  assert.deepEqual(diff(AWAITED, gone, 1000).steps, []);
  assert.equal(diff(AWAITED, gone, 1000).waiting.some(({ isBlocking }) => isBlocking), true);
});

Deno.test("Once it serves, the interface is set up as any other", () => {
  const wireguard = { ...hostOf(AWAITED).wireguard!, publicKey: "(none)", port: 0, peers: new Map() };
  const plan = diff(AWAITED, { ...hostOf(AWAITED), wireguard }, 1000);
  assert.equal(plan.waiting.some(({ isBlocking }) => isBlocking), false);
  assert.ok(actionsOf(plan).includes(CONFIGURE));
  assert.ok(actionsOf(plan).includes("4 greet"));
});
