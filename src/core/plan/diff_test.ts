import assert from "node:assert/strict";
import { desireOf, keyOf, type NodeWords, ordinaryNode } from "../../../test/cluster.ts";
import { EMPTY_HOST, hostOf } from "../../../test/host_state.ts";
import type { ObservedState } from "../observed/observed_state.ts";
import { describe } from "./describe.ts";
import { diff } from "./diff.ts";
import type { Action, Plan } from "./plan.ts";

const TWO = [1, 2].map(ordinaryNode);
const DESIRED = desireOf(TWO);
const SYNCED = hostOf(DESIRED);

/** The plan of a host that is in sync but for this. */
function planFor(difference: Partial<ObservedState>, desired = DESIRED): Plan {
  return diff(desired, { ...hostOf(desired), ...difference }, 1000);
}

function commandsOf(plan: Plan): string[] {
  return plan.steps.flatMap(({ actions }) => actions).map(textOf);
}

function textOf(action: Action): string {
  switch (action.kind) {
    case "run":
      return `${action.program} ${action.args.join(" ")}${
        action.input === undefined ? "" : `\n${action.input}`
      }`;
    case "removeFiles":
      return `remove ${action.paths.join(", ")}`;
    case "writeFile":
      return `write ${action.path} for ${action.linkFrom}`;
    case "end":
      return `end ${action.pid}`;
    case "serve":
      return "serve";
    case "moveKey":
      return `move key: ${action.move}`;
    case "greet":
      return `greet ${action.peers.length}`;
    case "associate":
      return `associate ${action.added.length}, ${action.removed.length}`;
    case "drawNonce":
      return "draw a nonce";
  }
}

Deno.test("A host in sync needs nothing", () => {
  assert.deepEqual(planFor({}), { steps: [], waiting: [], rejected: [] });
});

Deno.test("From an empty host the guard comes first, then the link, peers and routes, and the CNI file last", () => {
  const kinds = diff(DESIRED, EMPTY_HOST, 0).steps.flatMap(({ changes }) => changes.map(({ kind }) => kind));
  const order = kinds.filter((kind, i) => kind !== kinds[i - 1]).join(" ");
  assert.equal(order, "table element route interface address interface peer route cni");
});

interface Difference {
  readonly what: string;
  readonly observed: Partial<ObservedState>;
  readonly lines: readonly string[];
  readonly commands: readonly string[];
}

const [table, link, wireguard] = [SYNCED.table!, SYNCED.link!, SYNCED.wireguard!];
const withMembers = (...members: string[]) => ({
  table: { ...table, sets: new Map(table.sets).set("pod-cidrs-v4", new Set(members)) },
});
const templates = DESIRED.table.templates.join(" ");
const IPV4 = [...SYNCED.routes[4]];
const routes4 = (...texts: string[]) => ({ routes: { ...SYNCED.routes, 4: new Set(texts) } });

const differences: readonly Difference[] = [
  {
    what: "a missing member",
    observed: withMembers("10.244.1.0/24"),
    lines: ["+ element pod-cidrs-v4: 10.244.2.0/24 (missing)"],
    commands: [
      "nft -f\nadd set inet wigglenet pod-cidrs-v4 { typeof ip saddr; flags interval; elements = { 10.244.2.0/24 }; }\n",
    ],
  },
  {
    what: "a foreign member beside a missing one",
    observed: withMembers("10.244.1.0/24", "10.50.0.0/24", "10.6.0.1/32"),
    lines: [
      "+ element pod-cidrs-v4: 10.244.2.0/24 (missing)",
      "- element pod-cidrs-v4: 10.50.0.0/24 (not wanted)",
      "- element pod-cidrs-v4: 10.6.0.1/32 (not wanted)",
    ],
    commands: [
      "nft -f\ndelete element inet wigglenet pod-cidrs-v4 { 10.50.0.0/24, 10.6.0.1/32 }\n" +
      "add set inet wigglenet pod-cidrs-v4 { typeof ip saddr; flags interval; elements = { 10.244.2.0/24 }; }\n",
    ],
  },
  {
    what: "an address too many",
    observed: { link: { ...link, addresses: new Set([...link.addresses, "10.99.0.1/32"]) } },
    lines: ["- address wigglenet: 10.99.0.1/32 (not wanted)"],
    commands: ["ip -batch\naddress del 10.99.0.1/32 dev wigglenet\n"],
  },
  {
    what: "no address and another MTU",
    observed: { link: { ...link, addresses: new Set(["10.244.1.1/32"]), mtuBytes: 1400 } },
    lines: [
      "~ interface wigglenet: mtu 1420, up (it is up with mtu 1400; an underlay of 1500, less 80)",
      "+ address wigglenet: fd00:10:244:1::1/128 (missing)",
    ],
    commands: [
      "ip -batch\nlink set dev wigglenet mtu 1420 up\n",
      "ip -batch\naddress replace fd00:10:244:1::1/128 dev wigglenet\n",
    ],
  },
  {
    what: "an interface that is down",
    observed: { link: { ...link, isUp: false } },
    lines: ["~ interface wigglenet: mtu 1420, up (it is down with mtu 1420)"],
    commands: ["ip -batch\nlink set dev wigglenet mtu 1420 up\n"],
  },
  {
    what: "another port",
    observed: { wireguard: { ...wireguard, port: 1 } },
    lines: ["~ interface wigglenet: listen port 24601, key of /etc/wigglenet/private.key (it listens on 1)"],
    commands: ["wg set wigglenet listen-port 24601 fwmark 0 private-key /etc/wigglenet/private.key"],
  },
  {
    what: "a firewall mark",
    observed: { wireguard: { ...wireguard, hasMark: true } },
    lines: [
      "~ interface wigglenet: listen port 24601, key of /etc/wigglenet/private.key (it has a firewall mark)",
    ],
    commands: ["wg set wigglenet listen-port 24601 fwmark 0 private-key /etc/wigglenet/private.key"],
  },
  {
    what: "a missing route and a foreign one of ours",
    observed: routes4(...IPV4.slice(1), "10.66.0.0/16 via 10.9.1.254 dev eth0 proto 146"),
    lines: [
      "+ route 10.244.2.0/24 dev wigglenet proto 146 (missing)",
      "- route 10.66.0.0/16 via 10.9.1.254 dev eth0 proto 146 (not wanted)",
    ],
    commands: [
      "ip -batch\nroute replace 10.244.2.0/24 dev wigglenet proto 146\n",
      "ip -4 -force -batch\nroute flush dev eth0 proto 146\n",
    ],
  },
  {
    what: "a route over another interface, which is replaced and therefore not deleted",
    observed: routes4(...IPV4.slice(1), "10.244.2.0/24 dev wg-old proto 146"),
    lines: ["+ route 10.244.2.0/24 dev wigglenet proto 146 (missing)"],
    commands: ["ip -batch\nroute replace 10.244.2.0/24 dev wigglenet proto 146\n"],
  },
  {
    what: "a route of another metric, which stands beside ours and goes",
    observed: routes4(...IPV4, "10.244.2.0/24 dev wigglenet proto 146 metric 5"),
    lines: ["- route 10.244.2.0/24 dev wigglenet proto 146 metric 5 (not wanted)"],
    commands: ["ip -4 -force -batch\nroute del 10.244.2.0/24 dev wigglenet proto 146 metric 5\n"],
  },
];

for (const { what, observed, lines, commands } of differences) {
  Deno.test(`The plan for ${what}: ${lines.join("; ")}`, () => {
    const plan = planFor(observed);
    assert.deepEqual(describe(plan), lines);
    assert.deepEqual(commandsOf(plan), commands);
  });
}

const replacements: readonly [what: string, table: ObservedState["table"], reason: string][] = [
  ["rules that nobody can read", { ...table, structure: "x" }, "its rules differ"],
  ["a dormant table", { ...table, hasFlags: true }, "it is dormant"],
  [
    "a range",
    withMembers(`{"range":["10.80.0.1","10.80.0.5"]}`).table,
    "a set has members that are not prefixes",
  ],
  [
    "a member with a comment that looks like a prefix",
    withMembers(`{"elem":{"val":{"prefix":{"addr":"10.70.0.0","len":24}},"comment":"a/b"}}`).table,
    "a set has members that are not prefixes",
  ],
];

for (const [what, state, reason] of replacements) {
  Deno.test(`The table is replaced as a whole for ${what}`, () => {
    const plan = planFor({ table: state });
    assert.equal(plan.steps.length, 1);
    assert.deepEqual(describe(plan), [
      `~ table inet wigglenet: ${templates} (${reason})`,
      `+ element pod-cidrs-v4: 10.244.1.0/24, 10.244.2.0/24 (${reason})`,
      `+ element pod-cidrs-v6: fd00:10:244:1::/64, fd00:10:244:2::/64 (${reason})`,
      `+ element local-pod-cidrs-v4: 10.244.1.0/24 (${reason})`,
      `+ element local-pod-cidrs-v6: fd00:10:244:1::/64 (${reason})`,
    ]);
    assert.match(commandsOf(plan)[0]!, /^nft -f\ntable inet wigglenet\ndelete table inet wigglenet\n/);
  });
}

Deno.test("A structure that nft refuses is loaded again and again, with the error shown, never taken for right", () => {
  assert.match(describe(planFor({ reference: undefined }))[0]!, /its rules differ/);
});

const CNI = "/etc/cni/net.d/10-wigglenet.conflist";
const cni = SYNCED.cni;
const files: readonly [what: string, cni: ObservedState["cni"], op: string, reason: string][] = [
  ["no file", EMPTY_HOST.cni, "+", "missing"],
  ["a link to nowhere", { ...cni, text: undefined }, "+", "missing"],
  ["another content", { ...cni, text: "{}" }, "~", "its content differs"],
  [
    "a plain file, which would outlive a boot",
    { ...cni, linkTarget: undefined },
    "~",
    "it is no link into /run",
  ],
  ["a link elsewhere", { ...cni, linkTarget: "/tmp/x" }, "~", "it is no link into /run"],
];

for (const [what, state, op, reason] of files) {
  Deno.test(`The CNI file is written for ${what}, once the table stands`, () => {
    const plan = planFor({ cni: state });
    assert.deepEqual(describe(plan), [
      `${op} cni ${CNI}: fd00:10:244:1::/64, 10.244.1.0/24, mtu 1420 (${reason})`,
    ]);
    assert.deepEqual(commandsOf(plan), [
      `write /run/wigglenet/cni-etc-cni-net.d-10-wigglenet.conflist for ${CNI}`,
    ]);
    assert.deepEqual(plan.steps[0]!.needs, ["table"]);
  });
}

Deno.test("Without a pod CIDR no CNI file is written, our own goes, and anybody else's stays", () => {
  const desired = desireOf([{ ...ordinaryNode(1), podCIDRs: undefined }]);
  for (const state of [EMPTY_HOST.cni, { ...cni, linkTarget: undefined }, { ...cni, linkTarget: "/tmp/x" }]) {
    assert.deepEqual(planFor({ cni: state }, desired).steps, []);
  }
  const [step] = planFor({ cni }, desired).steps;
  assert.deepEqual(step!.actions.map(textOf), [`remove ${CNI}, ${cni.linkTarget}`]);
});

Deno.test("The MTU of a network that nobody knows is not called undefined", () => {
  const native = desireOf(TWO, { NATIVE_ROUTING_IPV4: "1", NATIVE_ROUTING_IPV6: "1" });
  assert.match(describe(planFor({ cni: EMPTY_HOST.cni }, native))[0]!, /, mtu unknown \(missing\)$/);
});

/** The order in which describe names kinds, when one cluster becomes another one. */
function changesBetween(before: readonly NodeWords[], after: readonly NodeWords[]): string[] {
  return describe(diff(desireOf(after), hostOf(desireOf(before)), 1000));
}

Deno.test("When a node joins, it is guarded before it is routed", () => {
  assert.deepEqual(changesBetween([ordinaryNode(1)], TWO), [
    "+ element pod-cidrs-v4: 10.244.2.0/24 (missing)",
    "+ element pod-cidrs-v6: fd00:10:244:2::/64 (missing)",
    "+ route unreachable 10.244.2.0/24 proto 146 metric 32760 (missing)",
    "+ route unreachable fd00:10:244:2::/64 proto 146 metric 32760 (missing)",
    `+ peer n2: ${
      keyOf(2)
    } at 10.9.1.2:24601 for 10.9.1.2/32,10.244.2.0/24,fd00:10:244:2::/64,fd09::2/128 (missing)`,
    "+ route 10.244.2.0/24 dev wigglenet proto 146 (missing)",
    "+ route fd00:10:244:2::/64 dev wigglenet proto 146 (missing)",
  ]);
});

Deno.test("When a node leaves, its guard goes in the stage of its routes and its peer, none waits for another", () => {
  assert.deepEqual(changesBetween(TWO, [ordinaryNode(1)]), [
    "- element pod-cidrs-v4: 10.244.2.0/24 (not wanted)",
    "- element pod-cidrs-v6: fd00:10:244:2::/64 (not wanted)",
    `- peer ${keyOf(2)} (not wanted)`,
    "- route unreachable 10.244.2.0/24 proto 146 metric 32760 (not wanted)",
    "- route 10.244.2.0/24 dev wigglenet proto 146 (not wanted)",
    "- route unreachable fd00:10:244:2::/64 proto 146 metric 32760 (not wanted)",
    "- route fd00:10:244:2::/64 dev wigglenet proto 146 (not wanted)",
  ]);
});

Deno.test("When a wide route becomes a narrow one, nothing unreachable stands before it: no packet is lost", () => {
  const routes = (before: readonly NodeWords[], after: readonly NodeWords[]) =>
    changesBetween(before, after).filter((line) => /^. route .*10\.244/.test(line)).map((line) =>
      line.replace(/ proto.*| \(.*/, "")
    );
  const [wide, narrow] = [
    [ordinaryNode(1), ordinaryNode(2), ordinaryNode(3)],
    [ordinaryNode(1), ordinaryNode(2)],
  ];
  assert.deepEqual(routes(wide, narrow), [
    "+ route 10.244.2.0/24 dev wigglenet",
    "+ route unreachable 10.244.2.0/24",
    "- route unreachable 10.244.2.0/23",
    "- route 10.244.2.0/23 dev wigglenet",
  ]);
  assert.deepEqual(routes(narrow, wide), [
    "+ route unreachable 10.244.2.0/23",
    "+ route 10.244.2.0/23 dev wigglenet",
    "- route unreachable 10.244.2.0/24",
    "- route 10.244.2.0/24 dev wigglenet",
  ]);
});

Deno.test("What is waiting stands behind the changes", () => {
  const plan = planFor({}, desireOf([ordinaryNode(1), { ...ordinaryNode(2), podCIDRs: [] }]));
  assert.deepEqual(describe(plan), ["… peer n2: no pod CIDR; look at Node n2"]);
});
