import assert from "node:assert/strict";
import { desireOf, interfaceOf, keyOf, type NodeWords } from "../../../../test/cluster.ts";
import { EMPTY_HOST, hostOf } from "../../../../test/host_state.ts";
import type { DesiredState } from "../../desired/desired_state.ts";
import type { HostFacts } from "../../desired/host_facts.ts";
import { type Address, parseAddress } from "../../net/address.ts";
import type { ObservedState } from "../../observed/observed_state.ts";
import { parseSettings } from "../../settings/parse_settings.ts";
import { describe } from "../../plan/describe.ts";
import { diff } from "../../plan/diff.ts";

const ENDPOINT = "10.9.1.50:24601";
const RULES = [
  "rule pref 145 fwmark 0x1000/0x1000 ipproto udp lookup main protocol 146",
  "rule pref 146 fwmark 0x1000/0x1000 lookup 146 protocol 146",
];
/** From the public node to the one behind a NAT, from there to the public one. */
const [THERE, BACK] = [
  "route 192.168.5.2/32 encap ip id 146 src 10.9.1.1 dst 10.9.1.50 dev wigglenet-udp proto 146",
  "route 10.9.1.1/32 encap ip id 146 src 192.168.5.2 dst 10.9.1.1 dev wigglenet-udp proto 146",
];

function node(n: number, more: Partial<NodeWords> = {}): NodeWords {
  return {
    name: `n${n}`,
    day: n,
    key: keyOf(n),
    podCIDRs: [`10.244.${n}.0/24`],
    internal: [`10.9.1.${n}`],
    transport: "ipv4=ipsec,ipv6=ipsec",
    ipsecNonce: new Uint8Array(32).fill(n).toBase64(),
    ipsecUdpPort: "24606",
    ...more,
  };
}

const translated = (more: Partial<NodeWords> = {}) =>
  node(2, { internal: ["192.168.5.2"], endpoint: ENDPOINT, ...more });
const NODES = [node(1), translated(), node(3)];

interface Seen {
  readonly from?: 1 | 2;
  readonly environment?: Record<string, string>;
  readonly facts?: Partial<HostFacts>;
}

/** What n1, a public node, wants, or n2 behind its NAT. */
function wish(
  nodes: readonly NodeWords[],
  { from = 1, environment = {}, facts = {} }: Seen = {},
): DesiredState {
  const interfaces = [interfaceOf("eth0", [from === 1 ? "10.9.1.1/24" : "192.168.5.2/24"])];
  const transports = { TRANSPORT_IPV4: "ipsec", TRANSPORT_IPV6: "ipsec" };
  const settings = { NODE_NAME: `n${from}`, ...transports, ...environment };
  return desireOf(nodes, settings, { interfaces, publicKey: keyOf(from), ...facts });
}

const waitsOf = ({ waiting }: DesiredState) =>
  waiting.map(({ what, why, next }) => `${what}: ${why}; ${next}`);

function hostIn(desired: DesiredState, rest: Partial<ObservedState> = {}): ObservedState {
  const hostRouting = { 4: new Set(desired.hostRouting?.[4]), 6: new Set(desired.hostRouting?.[6]) };
  return { ...hostOf(desired), hostRouting, ...rest };
}

/** The lines of a plan that are not about associations, which these hosts do not have. */
const planOf = (desired: DesiredState, host: ObservedState) => describe(diff(desired, host, 0));

Deno.test("to who is behind a NAT ESP goes in UDP, and from there to all: both ends decide alike", () => {
  const [n1, n2] = [wish(NODES), wish(NODES, { from: 2 })];
  assert.deepEqual(n1.hostRouting, { 4: [...RULES, THERE], 6: [] });
  assert.deepEqual(n2.hostRouting, { 4: [...RULES, BACK, BACK.replaceAll("10.9.1.1", "10.9.1.3")], 6: [] });
  const pairOf = ({ ipsec: { peers } }: DesiredState, name: string) =>
    peers.find((peer) => peer.node === name)!.pair;
  const { own, peer } = pairOf(n1, "n2");
  assert.deepEqual([own.address, peer.address], ["10.9.1.1", "192.168.5.2"]);
  assert.deepEqual(pairOf(n2, "n1"), { own: peer, peer: own });
  assert.deepEqual(n1.clear?.map(({ node, inUdpTo }) => [node, inUdpTo]), [
    ["n2", "10.9.1.50:24606"],
    ["n3", undefined],
  ]);
  assert.deepEqual(waitsOf(n1), []);
});

Deno.test("of what comes out of the interface only ESP of such nodes, for this one's own address, is let in", () => {
  const { table: { sets, templates, defines }, overlay } = wish(NODES);
  assert.deepEqual([sets["outer-v4"], sets["outer-own-v4"]], [["192.168.5.2/32"], ["10.9.1.1/32"]]);
  assert.ok(
    templates.includes("ipsec-udp") && !templates.some((name) => /^(vxlan|unwrapped|outer)/.test(name)),
  );
  assert.deepEqual([defines.esp_overlay, defines.esp_mark], ['"wigglenet-udp"', "0x1000"]);
  // Masquerading keeps off the port, as off WireGuard's.
  assert.equal(defines.port, "{ 24601, 24602, 24606 }");
  assert.deepEqual([overlay.link?.port, overlay.link?.mtuBytes, overlay.link?.kind], [
    24_606,
    1_464,
    "vxlan",
  ]);
});

Deno.test("new pods get what fits, and without such a node all is as it was", () => {
  assert.equal(wish(NODES).cni?.mtuBytes, 1_410);
  const without = wish([node(1), node(3)]);
  assert.deepEqual([without.cni?.mtuBytes, without.hostRouting, without.overlay.link], [
    1_446,
    undefined,
    undefined,
  ]);
  assert.equal(without.table.templates.includes("ipsec-udp"), false);
  assert.equal(wish(NODES, { environment: { WIGGLENET_MTU: "1300" } }).podMtu?.bytes, 1_300);
});

const refusals: Readonly<
  Record<string, readonly [nodes: readonly NodeWords[], environment?: Record<string, string>]>
> = {
  "an agent of before there": [[node(1), translated({ ipsecUdpPort: undefined })]],
  "an agent that has not said it yet here": [[node(1, { ipsecUdpPort: undefined }), translated()]],
  "another port there": [[node(1), translated({ ipsecUdpPort: "24607" })]],
  "no port there that can be read": [[node(1), translated({ ipsecUdpPort: "0x7" })]],
  "no port here": [[node(1), translated()], { IPSEC_UDP_PORT: "0" }],
  "another interface that wraps here": [[node(1), translated()], { TRANSPORT_IPV6: "vxlan" }],
};
for (const [what, [nodes, environment = {}]] of Object.entries(refusals)) {
  Deno.test(`${what}: who is behind a NAT is named, or reached by the tunnel`, () => {
    const named = wish(nodes, { environment });
    assert.deepEqual([named.ipsec.peers, named.hostRouting], [[], undefined]);
    assert.match(waitsOf(named).join("\n"), /^IPv4 to n2: no route: .*the same wigglenet\/ipsec-udp-port;/m);
    const carried = wish(nodes, { environment: { TRANSPORT_IPV4: "ipsec-or-wireguard", ...environment } });
    assert.deepEqual(carried.peers.map((peer) => peer.node), ["n2"]);
  });
}

Deno.test("a name is followed to what it resolves to; until then its ESP goes nowhere, and that is told", () => {
  const nodes = [node(1), translated({ endpoint: "home.example.org:51820" })];
  const before = wish(nodes);
  assert.deepEqual([before.hostRouting, before.ipsec.peers.length], [undefined, 1]);
  assert.match(waitsOf(before).join("\n"), /^IPv4 to n2: home\.example\.org is not resolved yet;/m);
  assert.deepEqual(before.clear?.[0]?.inUdpTo, "nowhere yet");
  // What it is sent to unwrapped is dropped.
  assert.deepEqual(before.table.sets["outer-v4"], ["192.168.5.2/32"]);
  const resolved = (...texts: string[]) =>
    new Map([["home.example.org", {
      addresses: texts.map((text) => parseAddress(text) as Address),
      trouble: undefined,
    }]]);
  const after = wish(nodes, { facts: { resolved: resolved("10.9.1.50") } });
  assert.deepEqual(after.hostRouting?.[4].at(-1), THERE);
  const by6 = wish(nodes, { facts: { resolved: resolved("2001:db8::7") } });
  assert.equal(
    by6.hostRouting?.[4].at(-1),
    "route 192.168.5.2/32 encap ip6 id 146 dst 2001:db8::7 dev wigglenet-udp proto 146",
  );
  assert.deepEqual([by6.overlay.link?.mtuBytes, by6.cni?.mtuBytes], [1_444, 1_390]);
});

Deno.test("a kernel that makes no such interface is named where it is needed: the Node says no port, and both do without", () => {
  const facts = { isUdpLacking: true };
  const named = wish([node(1), translated()], { facts });
  assert.deepEqual([named.ipsec.peers, named.hostRouting], [[], undefined]);
  assert.match(waitsOf(named).join("\n"), /^ESP in UDP: this kernel has no vxlan: /m);
  assert.match(waitsOf(named).join("\n"), /take wigglenet\/ipsec-udp-port out of the manifest of n1$/m);
  assert.doesNotMatch(waitsOf(wish([node(1), node(3)], { facts })).join(), /vxlan/);
  const carried = wish([node(1), translated()], {
    facts,
    environment: { TRANSPORT_IPV4: "ipsec-or-wireguard" },
  });
  assert.deepEqual(carried.peers.map((peer) => peer.node), ["n2"]);
});

Deno.test("an endpoint within the pod network is sent nothing: it would be wrapped again and again", () => {
  for (const endpoint of ["10.244.2.9", "10.244.3.9:7"]) {
    const desired = wish([node(1), translated({ endpoint }), node(3)]);
    assert.equal(desired.hostRouting, undefined);
    assert.match(
      waitsOf(desired).join("\n"),
      /^IPv4 to n2: nothing can be sent to its wigglenet\/endpoint 10\.244\./m,
    );
  }
});

Deno.test("an endpoint that is this host's own address is sent nothing, and named", () => {
  const desired = wish([node(1), translated({ endpoint: "10.9.1.1" })]);
  assert.equal(desired.hostRouting, undefined);
  assert.match(
    waitsOf(desired).join("\n"),
    /^IPv4 to n2: nothing can be sent to its wigglenet\/endpoint 10\.9\.1\.1;/m,
  );
});

Deno.test("who says only a port that nobody asks for is asked to say his own where some Node is behind a NAT, in files alone", () => {
  const put = /put wigglenet\/ipsec-udp-port: "24606" into the manifest of n1/;
  const untold = { ipsecUdpPort: undefined };
  assert.match(waitsOf(wish([node(1, untold), translated()])).join(), put);
  assert.doesNotMatch(waitsOf(wish([node(1, untold), node(3)])).join(), put);
  assert.doesNotMatch(
    waitsOf(wish([node(1, untold), translated()], { facts: { isPublished: true } })).join(),
    put,
  );
});

Deno.test("a strict rp_filter is told, or loosened with MANAGE_SYSCTLS, where ESP goes in UDP and nowhere else", () => {
  const facts = { isUdpStrict: true };
  assert.match(
    waitsOf(wish(NODES, { facts })).join("\n"),
    /sysctl -w net\/ipv4\/conf\/wigglenet-udp\/rp_filter=2$/m,
  );
  assert.deepEqual(wish(NODES, { facts }).sysctls, []);
  const managed = wish(NODES, { facts, environment: { MANAGE_SYSCTLS: "true" } });
  assert.deepEqual(managed.sysctls, ["net/ipv4/conf/wigglenet-udp/rp_filter=2"]);
  assert.doesNotMatch(waitsOf(managed).join(), /rp_filter/);
  assert.doesNotMatch(waitsOf(wish([node(1), node(3)], { facts })).join(), /rp_filter/);
});

Deno.test("what drifts is mended: a rule, a route, one that leads elsewhere; with the interface its routes come again", () => {
  const desired = wish(NODES);
  const rest = planOf(desired, hostIn(desired));
  const news = (host: ObservedState) =>
    planOf(desired, host).filter((line) => !rest.includes(line)).map((line) => line.replace(/ \(.*/, ""));
  const having = (...texts: string[]) =>
    hostIn(desired, { hostRouting: { 4: new Set(texts), 6: new Set() } });
  const route = THERE.slice("route ".length);
  assert.deepEqual(news(having(...RULES)), [`+ route IPv4: ${route} table 146`]);
  assert.deepEqual(news(having(RULES[1]!, THERE)), [`+ rule IPv4: ${RULES[0]!.slice("rule ".length)}`]);
  const elsewhere = THERE.replace("dst 10.9.1.50", "dst 10.9.1.99");
  assert.deepEqual(news(having(...RULES, elsewhere)), [`+ route IPv4: ${route} table 146`]);
  const gone = news(hostIn(desired, { overlay: undefined }));
  assert.ok(gone.includes("+ interface wigglenet-udp: vxlan, UDP port 24606"));
  assert.ok(gone.includes(`+ route IPv4: ${route} table 146`));
});

Deno.test("when the last such node leaves, and when IPsec does, all of it goes", () => {
  const before = hostIn(wish(NODES));
  const facts = { overlays: ["wigglenet-udp"] };
  for (const environment of [{}, { TRANSPORT_IPV4: "wireguard", TRANSPORT_IPV6: "wireguard" }]) {
    const after = wish([node(1), node(3)], { environment, facts });
    const { overlay: _, ...host } = before;
    const lines = planOf(after, { ...host, leftOverlay: before.overlay }).join("\n");
    for (const text of [...RULES, THERE]) {
      const [kind, ...words] = text.split(" ");
      assert.ok(lines.includes(`- ${kind} IPv4: ${words.join(" ")}`), `${text} in\n${lines}`);
    }
    assert.match(lines, /^- interface wigglenet-udp: vxlan/m);
  }
});

Deno.test("an interface of that name that is somebody else's is left alone, and named; no route leads there", () => {
  const desired = wish(NODES);
  const overlay = { kind: "dummy", mtuBytes: 1_500, isUp: true, addresses: new Set<string>() };
  const { steps, waiting } = diff(desired, { ...EMPTY_HOST, overlay }, 0);
  assert.match(waiting.map(({ what, why }) => `${what}: ${why}`).join("\n"), /wigglenet-udp.*kind dummy/);
  const inputs = steps.flatMap(({ actions }) =>
    actions.flatMap((it) => it.kind === "run" ? it.input ?? "" : "")
  );
  assert.equal(inputs.filter((text) => text.includes("dev wigglenet-udp")).length, 0);
});

Deno.test("a port of somebody else's keeps the agent from starting, where IPsec is wanted", () => {
  const problemsOf = (port: string, transport = "ipsec") => {
    const settings = parseSettings({ NODE_NAME: "n1", TRANSPORT_IPV4: transport, IPSEC_UDP_PORT: port }, {});
    return "nodeName" in settings ? [] : settings;
  };
  for (
    const [port, whose] of [["24605", "that of greetings"], ["24601", "WireGuard's"], [
      "24602",
      "WireGuard's",
    ]] as const
  ) {
    assert.match(
      problemsOf(port).join(),
      new RegExp(`^IPSEC_UDP_PORT \\(--ipsec-udp-port\\) is ${port}, which is ${whose}`),
    );
    assert.deepEqual(problemsOf(port, "direct"), []);
  }
  assert.match(problemsOf("65536").join(), /^IPSEC_UDP_PORT .*; accepted: a port, 1 to 65535, or 0$/);
  assert.deepEqual(problemsOf("0"), []);
});

Deno.test("who leaves IPsec goes on by UDP with those that say it, and all of it goes when that is over", () => {
  const before = wish(NODES);
  const { overlay: udp, ...host } = hostIn(before);
  // As it is read by the names that are asked for.
  const of = (name: string | undefined) => name === "wigglenet-udp" ? udp : undefined;
  const linesTo = (to: DesiredState) =>
    planOf(to, { ...host, overlay: of(to.overlay.name), leftOverlay: of(to.overlay.left?.name) })
      .filter((line) => /^[-~] .*(?:-udp|(?:proto|protocol|table) 146)/.test(line));
  for (const transport of ["wireguard", "direct", "vxlan", "gre"]) {
    const environment = { TRANSPORT_IPV4: transport, TRANSPORT_IPV6: transport };
    const facts = { former: { 4: "ipsec", 6: "ipsec" }, overlays: ["wigglenet-udp"] } as const;
    const during = wish(NODES, { environment, facts });
    const outer = new Set(before.table.sets["outer-v4"]);
    assert.deepEqual(outer.difference(new Set(during.table.sets["outer-v4"])), new Set());
    assert.ok(during.table.templates.includes("ipsec-udp"));
    assert.deepEqual([during.hostRouting, linesTo(during)], [before.hostRouting, []], transport);
    const lines = linesTo(wish(NODES, { environment, facts: { overlays: facts.overlays } }));
    assert.equal(lines.filter((line) => /^- (?:interface|rule)/.test(line)).length, 3, lines.join("\n"));
  }
});
