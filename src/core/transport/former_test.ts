import assert from "node:assert/strict";
import { desireOf, type NodeWords, ordinaryNode, settingsOf } from "../../../test/cluster.ts";
import { DIRECT, direct, ETH0, routesOf } from "../../../test/direct_nodes.ts";
import { hostOf } from "../../../test/host_state.ts";
import type { DesiredState } from "../desired/desired_state.ts";
import type { HostFacts } from "../desired/host_facts.ts";
import type { ObservedState } from "../observed/observed_state.ts";
import { describe, describeChange } from "../plan/describe.ts";
import { diff } from "../plan/diff.ts";
import type { RawSettings } from "../settings/parse_settings.ts";
import { renderTable } from "../render/render_table.ts";
import { formerTransports } from "./former.ts";

const HERE: Partial<HostFacts> = { interfaces: [ETH0] };
const FAR = { internal: ["198.51.100.3", "2001:db8:9::3"] };

function wish(nodes: readonly NodeWords[], environment: RawSettings, facts = HERE): DesiredState {
  return desireOf(nodes, environment, facts);
}

Deno.test("back in the tunnel: for as long as others may not have heard of it, what comes in the clear is taken, and nothing sent so", () => {
  const nodes = [ordinaryNode(1), direct(2), direct(3, FAR)];
  const plain = wish(nodes, {});
  for (
    const [transport, devices] of [
      ["direct", '{ "eth0" }'],
      ["vxlan", '{ "wigglenet-vx" }'],
      ["gre", '{ "wigglenet-gre" }'],
    ] as const
  ) {
    const late = wish(nodes, {}, { ...HERE, former: { 4: transport } });
    assert.deepEqual(late.routes, plain.routes);
    assert.deepEqual(late.peers, plain.peers);
    const { sets, templates, defines } = late.table;
    assert.equal(defines["clear_v4"], devices);
    const near = transport === "direct" ? ["10.244.2.0/24"] : ["10.244.2.0/24", "10.244.3.0/24"];
    assert.deepEqual([sets["clear-v4"], sets["near-v4"], sets["late-v4"]], [[], [], near]);
    assert.deepEqual(sets["late-v6"], []);
    const more = transport === "direct" ? [] : ["outer", transport, "unwrapped", "unwrapped-v4"];
    assert.deepEqual(
      templates.filter((name) => !plain.table.templates.includes(name)).sort(),
      ["late-v4", ...more].sort(),
    );
    assert.doesNotMatch(renderTable({ ...late.table, defines }), /oifname \$clear_v4/);
  }
});

Deno.test("what this host sent in the clear before is told by its routes, of families that go another way now, and may take it", () => {
  const routes = (...texts: string[]) => ({ 4: new Set(texts), 6: new Set<string>() });
  const found = (text: string, environment = {}) =>
    formerTransports(settingsOf(environment), { routes: routes(text), table: undefined });
  assert.deepEqual(found("10.244.2.0/24 via 10.9.1.2 dev eth0 onlink proto 146"), { 4: "direct" });
  const wrapped = "10.244.2.0/24 encap ip id 146 dst 10.9.1.2 dev wigglenet-vx proto 146";
  assert.deepEqual(found(wrapped), { 4: "vxlan" });
  assert.equal(found(wrapped, { TRANSPORT_IPV4: "vxlan" }), undefined);
  assert.deepEqual(found(wrapped.replace("-vx", "-gre")), { 4: "gre" });
  assert.deepEqual(found(wrapped, { TRANSPORT_IPV6: "vxlan" }), { 4: "vxlan" });
  assert.deepEqual(found(wrapped, { TRANSPORT_IPV6: "gre" }), { 4: "vxlan" }, "beside the other family's");
  assert.deepEqual(found(wrapped, { TRANSPORT_IPV4: "gre" }), { 4: "vxlan" });
  assert.equal(found("10.244.2.0/24 dev wigglenet proto 146"), undefined);
  assert.deepEqual(found(wrapped, { TRANSPORT_IPV4: "direct" }), { 4: "vxlan" });
  assert.deepEqual(
    found("10.244.2.0/24 via 10.9.1.2 dev eth0 onlink proto 146", { TRANSPORT_IPV4: "vxlan" }),
    {
      4: "direct",
    },
  );
  for (const TRANSPORT_IPV4 of ["ipsec", "ipsec-or-wireguard", "native", "vxlan"]) {
    assert.equal(found(wrapped, { TRANSPORT_IPV4 }), undefined, TRANSPORT_IPV4);
  }
});

Deno.test("the last node that changes from one way in the clear to another has no route by the former, and its table tells; one that starts anew has none", () => {
  const said = (i: number, name: string) => direct(i, { transport: `ipv4=${name},ipv6=wireguard` });
  const of = (name: string, environment: RawSettings = {}, others = name) => {
    const nodes = [said(1, name), said(2, others)];
    return hostOf(wish(nodes, { TRANSPORT_IPV4: name, ...environment }));
  };
  const found = (environment: RawSettings, host: ReturnType<typeof hostOf>) =>
    formerTransports(settingsOf(environment), host);
  assert.deepEqual(found({ TRANSPORT_IPV4: "vxlan" }, of("direct", {}, "vxlan")), { 4: "direct" });
  assert.deepEqual(found({ TRANSPORT_IPV4: "direct" }, of("vxlan", {}, "direct")), { 4: "vxlan" });
  assert.deepEqual(found({ TRANSPORT_IPV4: "gre" }, of("vxlan", {}, "gre")), { 4: "vxlan" });
  const { overlay: leftOverlay, ...host } = of("gre", {}, "direct");
  assert.deepEqual(found({ TRANSPORT_IPV4: "direct" }, { ...host, overlay: undefined, leftOverlay }), {
    4: "gre",
  });
  for (const name of ["direct", "vxlan", "gre", "direct-or-wireguard", "ipsec"]) {
    assert.equal(found({ TRANSPORT_IPV4: name }, of(name)), undefined, name);
    assert.equal(found({ TRANSPORT_IPV4: name }, of(name, {}, "wireguard")), undefined, name);
  }
  const split = { TRANSPORT_IPV4: "direct", TRANSPORT_IPV6: "vxlan" };
  assert.equal(found(split, of("direct", split)), undefined);
});

Deno.test("killed while others have not heard that it is back, a host accepts for as long again what it did, and nothing after that", () => {
  const nodes = [ordinaryNode(1), direct(2)];
  for (const transport of ["direct", "vxlan", "gre"] as const) {
    const host = hostOf(wish(nodes, {}, { ...HERE, former: { 4: transport } }));
    assert.deepEqual(formerTransports(settingsOf({}), host), { 4: transport });
    assert.equal(formerTransports(settingsOf(DIRECT), host), undefined);
  }
  assert.equal(formerTransports(settingsOf({}), hostOf(wish(nodes, {}))), undefined);
});

const FORMER = {
  direct: "via 10.9.1.3 dev eth0 onlink",
  vxlan: "encap ip id 146 src 10.9.1.1 dst 10.9.1.3 dev wigglenet-vx",
  gre: "encap ip id 146 src 10.9.1.1 dst 10.9.1.3 key dev wigglenet-gre",
} as const;

for (const [to, from] of [["vxlan", "direct"], ["direct", "vxlan"]] as const) {
  Deno.test(`from ${from} to ${to}: who takes the former alone is sent to by that for a while, beside a tunnel that stands; all may send by either`, () => {
    const both = (name: string) => `ipv4=${name},ipv6=${name}`;
    const nodes = [
      direct(1, { transport: both(to) }),
      direct(2, { transport: both(to) }),
      direct(3, {
        transport: both(from),
      }),
    ];
    const environment = { TRANSPORT_IPV4: to, TRANSPORT_IPV6: "wireguard" };
    const desired = wish(nodes, environment, { ...HERE, former: { 4: from } });
    const routesBy = (state: DesiredState) => routesOf(state).filter((text) => text.startsWith("10."));
    const [second] = routesBy(desired);
    assert.deepEqual(routesBy(desired), [second, `10.244.3.0/24 ${FORMER[from]} proto 146`]);
    assert.deepEqual(desired.peers.map(({ node }) => node), ["n2", "n3"], "the tunnel is made meanwhile");
    assert.equal(desired.overlay.link?.name, "wigglenet-vx");
    const { sets, defines } = desired.table;
    assert.equal(defines["clear_v4"], '{ "eth0", "wigglenet-vx" }');
    assert.deepEqual([sets["near-v4"], sets["late-v4"]], [["10.244.2.0/24", "10.244.3.0/24"], []]);
    assert.deepEqual(sets["outer-v4"], ["10.9.1.2/32", "10.9.1.3/32"]);
    assert.equal(desired.cni?.mtuBytes, 1420, "for the tunnel is next");
    const later = wish(nodes, environment);
    assert.deepEqual(routesBy(later), ["10.244.3.0/24 dev wigglenet proto 146", second]);
    assert.equal(later.overlay.link !== undefined, to === "vxlan");
  });
}

const said = (i: number, name: string) => direct(i, { transport: `ipv4=${name},ipv6=wireguard` });

/** What a node does, in its order, from one state to another. */
function linesBetween(
  before: DesiredState,
  after: DesiredState,
  host: Partial<ObservedState> = hostOf(before),
): string[] {
  // What somebody else has on the table is nobody's matter here.
  return describe(diff(after, { ...hostOf(before), ...host, reference: "others" }, 0)).filter((line) =>
    /^. (table|route 10|peer|interface)/.test(line)
  ).map((line) => line.replace(/ \(.*| inet.*| proto.*|: .*/g, ""));
}

for (const [to, from] of [["vxlan", "gre"], ["gre", "vxlan"]] as const) {
  Deno.test(`from ${from} to ${to}: both interfaces stand for a while, each with its rules; what is of the former one goes behind the tunnel's routes`, () => {
    const names = { vxlan: "wigglenet-vx", gre: "wigglenet-gre" };
    const [name, last] = [names[to], names[from]];
    const nodes = [said(1, to), said(2, to), said(3, from)];
    const changing = (former?: typeof from) =>
      wish(nodes, { TRANSPORT_IPV4: to }, {
        ...{ ...HERE, overlays: [name, last] },
        ...(former && { former: { 4: former } }),
      });
    const desired = changing(from);
    const [second, third] = routesOf(desired).filter((text) => text.startsWith("10."));
    assert.match(second!, new RegExp(`^10.244.2.0/24 encap .* dev ${name} `));
    assert.equal(third, `10.244.3.0/24 ${FORMER[from]} proto 146`);
    const { table: { sets, defines, templates }, overlay: { link, left } } = desired;
    assert.deepEqual([link?.name, left?.name, left?.link?.kind], [name, last, from]);
    assert.deepEqual(left?.link?.addresses, ["10.244.1.1/32"]);
    assert.equal(defines["overlay"], '{ "wigglenet-gre", "wigglenet-vx" }');
    assert.equal(defines["clear_v4"], '{ "wigglenet-gre", "wigglenet-vx" }');
    assert.deepEqual(templates.filter((it) => ["outer", "vxlan", "gre", "unwrapped"].includes(it)), [
      ...["outer", to, from, "unwrapped"],
    ]);
    assert.deepEqual(sets["outer-v4"], ["10.9.1.2/32", "10.9.1.3/32"]);
    assert.deepEqual(diff(desired, hostOf(desired), 0).steps, []);

    const before = wish([said(1, from), said(2, to), said(3, from)], { TRANSPORT_IPV4: from });
    const { overlay: leftOverlay, ...host } = hostOf(before);
    const begun = linesBetween(before, desired, { ...host, overlay: undefined, leftOverlay });
    assert.deepEqual(begun.filter((line) => line.startsWith("-") || line.includes(last)), []);
    const at = (lines: readonly string[], start: string) => {
      const found = lines.findIndex((line) => line.startsWith(start));
      assert.ok(found >= 0, `${start} in\n${lines.join("\n")}`);
      return found;
    };
    assert.ok(
      at(begun, "~ table") < at(begun, `+ interface ${name}`),
      "of what it unwraps the table decides",
    );
    assert.ok(at(begun, `+ interface ${name}`) < at(begun, "+ route 10.244.2.0/24 encap"));

    const ended = linesBetween(desired, changing());
    assert.ok(at(ended, "+ route 10.244.3.0/24 dev wigglenet") < at(ended, "~ table"), ended.join("\n"));
    assert.ok(at(ended, "~ table") < at(ended, `- interface ${last}`));
  });
}

Deno.test("from one way in the clear to another: what the rules are to know no more goes before them, once the tunnel stands", () => {
  const nodes = [said(1, "vxlan"), said(2, "vxlan"), said(3, "direct")];
  const of = (former?: "direct") =>
    wish(nodes, { TRANSPORT_IPV4: "vxlan" }, { ...HERE, ...(former && { former: { 4: former } }) });
  const lines = linesBetween(of("direct"), of());
  const at = (start: string) => lines.findIndex((line) => line.startsWith(start));
  assert.ok(at("+ route 10.244.3.0/24 dev wigglenet") >= 0, lines.join("\n"));
  assert.ok(at("+ route 10.244.3.0/24 dev wigglenet") < at("~ table"), lines.join("\n"));
});

Deno.test("by an interface that the rules do not know yet nobody is sent to before they do", () => {
  const nodes = [said(1, "vxlan"), said(2, "direct")];
  const before = wish(nodes, { TRANSPORT_IPV4: "vxlan" });
  const after = wish(nodes, { TRANSPORT_IPV4: "direct" }, { ...HERE, former: { 4: "vxlan" } });
  const lines = linesBetween(before, after);
  const at = (start: string) => lines.findIndex((line) => line.startsWith(start));
  assert.ok(at("~ table") >= 0 && at("~ table") < at("+ route 10.244.2.0/24 via"), lines.join("\n"));
});

Deno.test("where others go back, the tunnel has its peers before anything goes by it in place of a way in the clear", () => {
  const before = wish([said(1, "direct"), said(2, "direct")], {
    TRANSPORT_IPV4: "direct",
    TRANSPORT_IPV6: "native",
  });
  const after = wish([said(1, "direct"), said(2, "vxlan")], {
    TRANSPORT_IPV4: "direct",
    TRANSPORT_IPV6: "native",
  });
  assert.equal(before.link, undefined);
  const { steps } = diff(after, hostOf(before), 0);
  const stageOf = (line: RegExp) =>
    steps.find(({ changes }) => changes.some((change) => line.test(describeChange(change))))!.stage;
  assert.ok(stageOf(/^\+ route .* dev wigglenet /) > stageOf(/^\+ peer /));
});
