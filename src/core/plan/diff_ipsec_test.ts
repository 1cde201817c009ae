import assert from "node:assert/strict";
import { desireOf, interfaceOf, keyOf, type NodeWords } from "../../../test/cluster.ts";
import { EMPTY_HOST } from "../../../test/host_state.ts";
import type { DesiredState } from "../desired/desired_state.ts";
import type { ObservedIpsec } from "../observed/observed_state.ts";
import type { Nonce } from "../transport/ipsec/association.ts";
import { type ObservedAssociation, placeIn } from "../transport/ipsec/rollover.ts";
import { describe } from "./describe.ts";
import { diff } from "./diff.ts";
import { diffIpsec } from "./diff_ipsec.ts";

const ETH0 = interfaceOf("eth0", ["10.9.1.1/24", "fd09::1/64"]);
const ENVIRONMENT = { TRANSPORT_IPV4: "ipsec", TRANSPORT_IPV6: "ipsec" };
const NOTHING: ObservedIpsec = {
  link: undefined,
  associations: [],
  policies: new Map(),
  used: new Set(),
  retired: new Set(),
  patientSeconds: Infinity,
  wallSeconds: 1_000,
  unchecked: [],
};

const OTHER: ObservedAssociation = {
  spi: 300,
  source: "10.9.1.9",
  destination: "10.9.1.1",
  purpose: "data",
  packets: 3,
  addedSeconds: 1,
  usedSeconds: 2,
};

function node(n: number, more: Partial<NodeWords> = {}): NodeWords {
  return {
    name: `n${n}`,
    day: 1,
    key: keyOf(n),
    podCIDRs: [`10.244.${n}.0/24`, `fd00:10:244:${n}::/64`],
    internal: [`10.9.1.${n}`, `fd09::${n}`],
    transport: "ipv4=ipsec,ipv6=ipsec",
    ipsecNonce: nonceOf(n),
    ...more,
  };
}

function nonceOf(n: number): Nonce {
  return new Uint8Array(32).fill(n).toBase64() as Nonce;
}

function wish(nodes: readonly NodeWords[], environment: Record<string, string> = ENVIRONMENT): DesiredState {
  return desireOf(nodes, environment, { interfaces: [ETH0], publicKey: keyOf(1), ipsecNonce: nonceOf(1) });
}

function withIpsec(desired: DesiredState, ipsec: Partial<ObservedIpsec>) {
  return diffIpsec(desired, { ...EMPTY_HOST, ipsec: { ...NOTHING, ...ipsec } });
}

Deno.test("the first of two nodes gets an interface, policies of both families, and four associations", () => {
  const desired = wish([node(1), node(2)]);
  const { steps, greeted } = withIpsec(desired, {});
  const count = (kind: string) =>
    steps.flatMap(({ changes }) => changes).filter((change) => change.kind === kind).length;
  assert.deepEqual(["association", "policy", "address"].map(count), [4, 7, 2]);
  const [[exchange], [batch]] = [steps[0]!.actions, steps[1]!.actions];
  assert.match(
    batch!.kind === "run" ? batch!.input! : "",
    /^link add dev wigglenet-ipsec type xfrm if_id 146\n/,
  );
  assert.equal(exchange!.kind, "associate");
  assert.deepEqual(greeted, [{ address: "10.244.2.1" }]);
  assert.equal(desired.cni?.mtuBytes, 1426);
  assert.equal(desired.link, undefined, "all say ipsec: no tunnel");
  assert.deepEqual(desired.unguarded.filter((text) => text.includes("in the clear")), []);
});

Deno.test("no text of a plan, nor what is wanted, holds anything that a key could be made of but what all may know", () => {
  const desired = wish([node(1), node(2)]);
  const plan = diff(desired, { ...EMPTY_HOST, ipsec: NOTHING }, 1_000);
  assert.ok(
    describe(plan).some((line) => /association n2: data from 10\.9\.1\.1 to 10\.9\.1\.2, spi 0x/.test(line)),
  );
  const text = JSON.stringify(
    [plan, desired],
    (_, value) => typeof value === "bigint" ? String(value) : value,
  );
  assert.doesNotMatch(text, /aead|rfc4106/);
});

Deno.test("who says no nonce, no key or no address has no association, and the tunnel while he does not say ipsec", () => {
  const odd = [
    node(2, { ipsecNonce: "" }),
    node(3, { internal: [] }),
    node(4, { transport: "ipv4=wireguard,ipv6=wireguard", ipsecNonce: "" }),
  ];
  const desired = wish([node(1), ...odd]);
  assert.deepEqual(desired.ipsec.peers, []);
  assert.deepEqual(desired.peers.map((peer) => peer.node).includes("n4"), true);
  const told = desired.waiting.map(({ what, why }) => `${what}: ${why}`);
  assert.ok(
    told.some((text) =>
      /^IPv4 to n2, n3: no route: .*a key, wigglenet\/ipsec-nonce, an InternalIP/.test(text)
    ),
    told.join("\n"),
  );
});

Deno.test("exactly who is behind a NAT, and says no port for it, has no ESP: named with ipsec, by the tunnel with ipsec-or-wireguard", () => {
  const far = [
    node(3, { endpoint: "203.0.113.7:51820" }),
    node(4, { endpoint: "home.example.org" }),
    node(5, { internal: [], external: ["203.0.113.9"] }),
  ];
  const nodes = [node(1), node(2, { endpoint: "10.9.1.2:24601" }), ...far];
  const named = wish(nodes);
  assert.deepEqual(named.ipsec.peers.map((peer) => peer.node), ["n2"]);
  assert.equal(named.link, undefined, "no tunnel stands for them");
  assert.match(
    named.waiting.map(({ what, why }) => `${what}: ${why}`).join("\n"),
    /^IPv4 to n3, n4, n5: no route: .* and both no wigglenet\/endpoint beyond a NAT, or the same wigglenet\/ipsec-udp-port$/m,
  );
  const both = "ipsec-or-wireguard";
  const carried = wish(nodes, { TRANSPORT_IPV4: both, TRANSPORT_IPV6: both });
  assert.deepEqual(carried.ipsec.peers.map((peer) => peer.node), ["n2"]);
  const routesBy = (dev: string) =>
    carried.routes.flatMap(({ text, family }) => family === 4 && text.includes(` dev ${dev} `) ? [text] : []);
  assert.match(routesBy("wigglenet-ipsec").join(), /^10\.244\.2\.0\/24 [^,]*$/);
  assert.equal(routesBy("wigglenet").map((text) => text.split(" ")[0]).join(), "10.244.3.0/24,10.244.4.0/23");
  assert.deepEqual(
    wish([node(1, { endpoint: "203.0.113.7" }), node(2)]).ipsec.peers,
    [],
    "nor who is itself",
  );
});

Deno.test("an association that the kernel refuses holds up no route; without the interface there is none by it", () => {
  const plan = diff(wish([node(1), node(2)]), { ...EMPTY_HOST, ipsec: NOTHING }, 1_000);
  const routes = plan.steps.filter(({ part }) => part === "clear-v4" || part === "clear-v6");
  assert.deepEqual(routes.map(({ needs }) => needs), [["ipsec"], ["ipsec"]]);
  const stageOf = (part: string) => plan.steps.find((step) => step.part === part)!.stage;
  assert.ok(routes.every(({ stage }) => stage > stageOf("associations")));
});

Deno.test("what is left of IPsec goes: associations before policies, the interface behind both", () => {
  const desired = wish([node(1), node(2)], {});
  const link = { kind: "xfrm", ifId: 146, mtuBytes: 1426, isUp: true, addresses: new Set<string>() };
  const { steps } = withIpsec(desired, {
    link,
    associations: [{ ...OTHER, source: "10.9.1.2" }],
    policies: new Map([["src 10.244.2.0/24 dst 0.0.0.0/0 dir in if_id 146", "priority 200"]]),
  });
  const [first, second] = [...steps].sort((a, b) => a.stage - b.stage);
  assert.deepEqual([first!.part, second!.part, second!.needs], ["associations", "ipsec", ["associations"]]);
  assert.deepEqual(second!.actions.map((action) => action.kind === "run" && action.input), [
    "xfrm policy delete src 10.244.2.0/24 dst 0.0.0.0/0 dir in if_id 146\n",
    "link del dev wigglenet-ipsec\n",
  ]);
});

Deno.test("what two Nodes say is the older one's: no node has associations by another's address, nor by a key of small order", () => {
  const small = `AQ${"A".repeat(41)}=`;
  const thief = node(3, { day: 9, internal: ["10.9.1.2"] });
  const desired = wish([node(1), node(2), thief, node(4, { key: small })]);
  assert.deepEqual(desired.ipsec.peers.map((peer) => peer.node), ["n2"]);
  assert.equal(desired.ipsec.peers[0]!.pair.peer.address, "10.9.1.2");
});

Deno.test("an older Node that says this host's own key has no association, and costs no other peer one", () => {
  const desired = wish([node(1, { day: 9 }), node(2, { day: 9 }), node(3, { key: keyOf(1) })]);
  assert.deepEqual(desired.ipsec.peers.map((peer) => peer.node), ["n2"]);
});

Deno.test("what was installed once and is gone is not installed again: another nonce is drawn", () => {
  const desired = wish([node(1), node(2)]);
  const [first] = withIpsec(desired, {}).steps;
  const action = first!.actions[0]!;
  const used = new Set(action.kind === "associate" ? action.added.map(placeIn) : []);
  const { steps } = withIpsec(desired, { used });
  const kinds = steps.flatMap(({ actions }) => actions.map(({ kind }) => kind));
  assert.deepEqual(kinds.filter((kind) => kind !== "run"), ["drawNonce"]);
  const draw = steps.at(-1)!.actions[0]!;
  const { pair } = desired.ipsec.peers[0]!;
  assert.deepEqual(draw, { kind: "drawNonce", spent: pair.own.nonce, isObliged: false });
});

Deno.test("while some Nodes are not known nothing of theirs is taken away", () => {
  const desired = wish([node(1)]);
  const theirs = {
    associations: [OTHER],
    policies: new Map([["src 10.244.9.0/24 dst 0.0.0.0/0 dir in if_id 146", "priority 200"]]),
  };
  const removals = (wanted: DesiredState) =>
    withIpsec(wanted, theirs).steps.flatMap(({ changes }) => changes).filter(({ op }) => op === "-").length;
  assert.equal(removals(desired), 2);
  const spared = { peers: new Set<string>(), routes: new Set<string>(), members: new Set<string>() };
  assert.equal(removals({ ...desired, spared }), 0);
});

Deno.test("who only looks takes nothing away that the agent may keep, and draws nothing", () => {
  const desired = wish([node(1), node(2)]);
  const { nonce, ...looking } = desired.ipsec;
  assert.equal(nonce, nonceOf(1));
  const first = withIpsec(desired, {}).steps[0]!.actions[0]!;
  const used = new Set(first.kind === "associate" ? first.added.map(placeIn) : []);
  const parts = (ipsec: DesiredState["ipsec"]) =>
    withIpsec({ ...desired, ipsec }, { associations: [OTHER], used }).steps.map(({ part }) => part);
  assert.deepEqual(parts(desired.ipsec), ["associations", "ipsec", "ipsec-v4", "ipsec-v6", "nonce"]);
  assert.deepEqual(parts(looking), ["ipsec", "ipsec-v4", "ipsec-v6"]);
});

Deno.test("an interface of that name that is something else, or leads to others' policies, is left alone, and told", () => {
  const common = { mtuBytes: 1426, isUp: true, addresses: new Set<string>() };
  for (
    const [link, told] of [
      [{ kind: "dummy", ...common }, "dummy"],
      [{ kind: "xfrm", ifId: 7, ...common }, "xfrm of if_id 7"],
    ] as const
  ) {
    const desired = wish([node(1), node(2)]);
    const { steps, waiting } = withIpsec(desired, { link });
    assert.deepEqual(steps, []);
    assert.equal(waiting[0]!.why, `it exists with kind ${told}, wanted is xfrm of if_id 146`);
    const plan = diff(desired, { ...EMPTY_HOST, ipsec: { ...NOTHING, link } }, 1_000);
    assert.deepEqual(describe(plan).filter((line) => line.includes("dev wigglenet-ipsec")), []);
    assert.deepEqual(withIpsec(wish([node(1), node(2)], {}), { link }).steps, []);
  }
});

Deno.test("a sysctl by which all nodes speak for each other's pods is told as trouble, while IPsec is wanted", () => {
  const unchecked = ["net.ipv4.conf.all.disable_policy"];
  const [told] = withIpsec(wish([node(1), node(2)]), { unchecked }).waiting;
  assert.equal(told!.isTrouble, true);
  assert.match(told!.why, /^net\.ipv4\.conf\.all\.disable_policy is not 0/);
  assert.deepEqual(withIpsec(wish([node(1)], {}), { unchecked }).waiting, []);
});
