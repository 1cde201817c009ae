import assert from "node:assert/strict";
import { desireOf, interfaceOf, keyOf, ordinaryNode, settingsOf } from "../../../../test/cluster.ts";
import { routesOf } from "../../../../test/direct_nodes.ts";
import { hostOf } from "../../../../test/host_state.ts";
import type { DesiredState } from "../../desired/desired_state.ts";
import type { HostFacts } from "../../desired/host_facts.ts";
import type { ObservedIpsec, ObservedState } from "../../observed/observed_state.ts";
import { describe } from "../../plan/describe.ts";
import { diff } from "../../plan/diff.ts";
import type { RawSettings } from "../../settings/parse_settings.ts";
import { formerTransports } from "../former.ts";

const HERE: Partial<HostFacts> = {
  interfaces: [interfaceOf("eth0", ["10.9.1.1/24", "fd09::1/64"], { hasDefaultRoute: true })],
  hasIpsec: true,
};
const IPSEC = { TRANSPORT_IPV4: "ipsec", TRANSPORT_IPV6: "ipsec" };
const DIRECT = { TRANSPORT_IPV4: "direct", TRANSPORT_IPV6: "direct" };
const FORMER = { 4: "ipsec", 6: "ipsec" } as const;
const WRAPPED = ["10.244.2.0/24", "10.244.3.0/24"].map((pods) => `${pods} dev wigglenet-ipsec proto 146`);

/** Of three nodes that say `ipsec`, or something else. */
function wish(
  environment: RawSettings,
  former?: HostFacts["former"],
  words: readonly string[] = [],
): DesiredState {
  const nodes = [1, 2, 3].map((i) => {
    const name = words[i - 1] ?? "ipsec";
    return { ...ordinaryNode(i), transport: `ipv4=${name},ipv6=${name}`, ipsecNonce: keyOf(i) };
  });
  return desireOf(nodes, environment, { ...HERE, ...(former && { former }) });
}

/** A host of IPsec, with an association. */
function standing(environment: RawSettings, ipsec: Partial<ObservedIpsec> = {}): ObservedState {
  const host = hostOf(wish(environment));
  const association = {
    ...{ spi: 300, source: "10.9.1.2", destination: "10.9.1.1", purpose: "data" } as const,
    ...{ packets: 3, addedSeconds: 1, usedSeconds: 2 },
  };
  const policies = new Map([["src 10.244.1.0/24 dst 10.244.2.0/24 dir out if_id 146", "priority 9"]]);
  return { ...host, ipsec: { ...host.ipsec!, associations: [association], policies, ...ipsec } };
}

const v4Routes = (state: DesiredState) => routesOf(state).filter((text) => text.startsWith("10."));

function linesTo(desired: DesiredState, host: ObservedState): string[] {
  return describe(diff(desired, { ...host, reference: "others" }, 0)).filter((line) => !line.startsWith("…"));
}

for (const [what, environment] of [["in the tunnel", {}], ["in the clear", DIRECT]] as const) {
  Deno.test(`who is ${what} again goes on by IPsec with those that say it, and touches nothing of it while the tunnel is made`, () => {
    const desired = wish(environment, FORMER);
    assert.deepEqual(v4Routes(desired), WRAPPED);
    assert.deepEqual(desired.peers.map(({ node }) => node), ["n2", "n3"]);
    assert.deepEqual([desired.ipsec.isLeft, desired.ipsec.link, desired.ipsec.peers], [true, undefined, []]);
    const { sets, defines, templates } = desired.table;
    assert.ok(defines["clear_v4"]!.includes('"wigglenet-ipsec"') && templates.includes("clear-v4"));
    assert.equal(defines["clear_v4"]!.includes('"eth0"'), environment === DIRECT, "no Node's word adds one");
    assert.deepEqual(sets["near-v4"].filter((text) => text.startsWith("10.244")), [
      "10.244.2.0/24",
      "10.244.3.0/24",
    ]);
    const lines = linesTo(desired, standing(IPSEC));
    assert.deepEqual(lines.filter((line) => /^- |association|policy|ipsec/.test(line)), [], lines.join("\n"));
  });

  Deno.test(`${what} some seconds later all of IPsec goes, behind the tunnel's routes`, () => {
    const before = hostOf(wish(environment, FORMER));
    const { ipsec } = standing(IPSEC);
    const lines = linesTo(wish(environment), { ...before, ipsec });
    const at = (start: string) => {
      const found = lines.findIndex((line) => line.startsWith(start));
      assert.ok(found >= 0, `${start} in\n${lines.join("\n")}`);
      return found;
    };
    const tunnel = at("+ route 10.244.2.0/23 dev wigglenet ");
    for (const text of WRAPPED) assert.ok(at(`- route ${text}`) > tunnel);
    assert.ok(at("~ table") > at(`- route ${WRAPPED[1]}`));
    for (const what of ["association", "policy", "interface"]) {
      assert.ok(at(`- ${what}`) > at("~ table"), what);
    }
  });
}

Deno.test("who says another transport is not sent to by IPsec, and may have sent so", () => {
  const desired = wish({}, FORMER, ["ipsec", "wireguard"]);
  assert.deepEqual(v4Routes(desired), ["10.244.2.0/24 dev wigglenet proto 146", WRAPPED[1]]);
  assert.ok(desired.table.sets["near-v4"].includes("10.244.2.0/24"));
});

Deno.test("where the interface is gone, or is somebody else's, no route leads there", () => {
  const desired = wish({}, FORMER);
  const { routes: _, ...host } = standing(IPSEC);
  const bare = { ...host, routes: { 4: new Set<string>(), 6: new Set<string>() } };
  const link = { ...host.ipsec!.link!, kind: "dummy" };
  for (const ipsec of [undefined, { ...host.ipsec!, link: undefined }, { ...host.ipsec!, link }]) {
    const lines = linesTo(desired, { ...bare, ipsec });
    assert.deepEqual(lines.filter((line) => line.includes("dev wigglenet-ipsec")), []);
  }
});

Deno.test("that a host comes from IPsec its routes tell, or the table for the last one of a cluster; not where what stands may not go on", () => {
  const found = (environment: RawSettings, host: ObservedState) =>
    formerTransports(settingsOf(environment), host);
  assert.deepEqual(found({}, standing(IPSEC)), FORMER);
  assert.deepEqual(found(DIRECT, standing(IPSEC)), FORMER);
  assert.equal(found(IPSEC, standing(IPSEC)), undefined);
  assert.deepEqual(
    found({ TRANSPORT_IPV6: "ipsec" }, standing(IPSEC)),
    undefined,
    "the other family's agent goes on",
  );
  const { routes: _, ...last } = standing(IPSEC);
  const routes = { 4: new Set(["10.244.2.0/23 dev wigglenet proto 146"]), 6: new Set<string>() };
  assert.deepEqual(found({}, { ...last, routes }), FORMER);
  assert.equal(
    found({ HOST_ENCRYPTION: "require" }, standing(IPSEC)),
    undefined,
    "its rule would lead ESP astray",
  );
  const [full] = standing(IPSEC).ipsec!.associations;
  assert.equal(found({}, standing(IPSEC, { associations: [{ ...full!, packets: 2 ** 30 }] })), undefined);
  const { link } = standing(IPSEC).ipsec!;
  assert.equal(found({}, standing(IPSEC, { link: { ...link!, ifId: 7 } })), undefined);
});

Deno.test("who comes from the tunnel to IPsec sends by the tunnel until the others have his nonce, and has associations with them meanwhile", () => {
  const before = hostOf(wish({}, undefined, ["wireguard", "ipsec", "wireguard"]));
  assert.deepEqual(formerTransports(settingsOf(IPSEC), before), { 4: "wireguard", 6: "wireguard" });
  const held = wish(IPSEC, { 4: "wireguard", 6: "wireguard" });
  assert.deepEqual(v4Routes(held), ["10.244.2.0/23 dev wigglenet proto 146"]);
  assert.deepEqual(held.peers.map(({ node }) => node), ["n2", "n3"]);
  assert.deepEqual(held.ipsec.peers.map(({ node }) => node), ["n2", "n3"]);
  assert.deepEqual(held.table.sets["near-v4"], ["10.244.2.0/24", "10.244.3.0/24"]);
  assert.deepEqual(v4Routes(wish(IPSEC)), WRAPPED);
});
