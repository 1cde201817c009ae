import assert from "node:assert/strict";
import {
  desireOf,
  keyOf,
  nodeJson,
  type NodeWords,
  ordinaryNode,
  settingsOf,
} from "../../../test/cluster.ts";
import { type Address, parseAddress } from "../net/address.ts";
import { parseNode } from "../nodes/parse_node.ts";
import { parseSettings, type RawSettings } from "../settings/parse_settings.ts";
import { renderAll } from "../render/render_all.ts";
import { desire } from "./desire.ts";
import type { DesiredState } from "./desired_state.ts";
import { type HostFacts, NO_FACTS } from "./host_facts.ts";

const REQUIRE = { HOST_ENCRYPTION: "require" };
const [n1, n2] = [ordinaryNode(1), ordinaryNode(2)];

function peersOf({ table }: DesiredState): readonly string[] {
  return [...table.sets["host-peers-v4"], ...table.sets["host-peers-v6"]];
}

/** What n1 wants where some Nodes say that they take part. */
function desireTakingPart(
  nodes: readonly NodeWords[],
  part: readonly string[],
  settings: RawSettings,
): DesiredState {
  const parsed = nodes.map((words) => {
    const json = nodeJson(words) as { metadata: { name: string; annotations: Record<string, string> } };
    if (part.includes(json.metadata.name)) json.metadata.annotations["wigglenet/host-encryption"] = "require";
    return parseNode(json, "nodes.yaml");
  });
  return desire(settingsOf(settings), parsed, NO_FACTS)!;
}

Deno.test("Off by default: no rule, no set has members, no template is used", () => {
  const { hostRouting, table } = desireOf([n1, n2]);
  assert.equal(hostRouting, undefined);
  assert.ok(!table.templates.includes("host"));
  for (const name of ["host-peers-v4", "host-peers-v6", "host-own-v4", "host-own-v6"] as const) {
    assert.deepEqual(table.sets[name], []);
  }
});

Deno.test("The InternalIPs of the other Nodes are their addresses; ExternalIPs and annotations are not", () => {
  const desired = desireOf([n1, {
    ...n2,
    external: ["203.0.113.2", "10.9.1.2"],
    said: { nodeIps: ["192.0.2.2", "fd09::2"] },
  }], REQUIRE);
  assert.deepEqual(peersOf(desired), ["10.9.1.2/32", "fd09::2/128"]);
  assert.deepEqual(desired.table.sets["host-own-v4"], ["10.9.1.1/32"]);
  assert.ok(desired.unguarded.includes("hosts: addresses of n2 that are no InternalIPs of their status"));
});

Deno.test("Nobody's address is taken: not this node's, not another's, and a Node without a key is sent nothing in the clear", () => {
  const thief = { ...ordinaryNode(3), internal: ["10.9.1.1", "10.9.1.2", "10.9.1.3"] };
  const keyless = { name: "n4", day: 4, internal: ["10.9.1.4", "10.9.1.3"] };
  const desired = desireOf([n1, n2, thief, keyless], REQUIRE);
  assert.deepEqual(desired.table.sets["host-peers-v4"], ["10.9.1.2/32", "10.9.1.3/32", "10.9.1.4/32"]);
  const allowed = new Map(desired.peers.map(({ node, allowedIps }) => [node, allowedIps.split(",")]));
  assert.ok(allowed.get("n2")!.includes("10.9.1.2/32"));
  assert.ok(!allowed.get("n3")!.some((prefix) => prefix === "10.9.1.1/32" || prefix === "10.9.1.2/32"));
});

Deno.test("An older Node that claims a younger one's InternalIP by its status gets what is for it, and is told of", () => {
  const thief = { ...ordinaryNode(3), day: 1, internal: ["10.9.1.3", "10.9.1.2"] };
  const desired = desireOf([n1, n2, thief], REQUIRE);
  const allowed = new Map(desired.peers.map(({ node, allowedIps }) => [node, allowedIps.split(",")]));
  assert.ok(allowed.get("n3")!.includes("10.9.1.2/32"));
  assert.ok(!allowed.get("n2")!.includes("10.9.1.2/32"));
  assert.deepEqual(desired.table.sets["host-peers-v4"], ["10.9.1.3/32", "10.9.1.2/32"]);
  assert.deepEqual(desired.rejected.map(({ node, claim, reason }) => `${node}: ${claim}: ${reason}`), [
    "n2: address 10.9.1.2: is the address 10.9.1.2 of n3",
  ]);
});

Deno.test("No flow takes the short cut past the rules: it would leave beside the tunnel", () => {
  const eth0 = { name: "eth0", mtuBytes: 1500, addresses: [], prefixes: [], hasDefaultRoute: true };
  const fastpathWith = (settings: RawSettings) =>
    desireOf([n1, n2], { ENABLE_FLOWTABLE: "true", ...settings }, { interfaces: [eth0] });
  assert.ok(fastpathWith({}).fastpath !== undefined);
  const { fastpath, waiting } = fastpathWith(REQUIRE);
  assert.equal(fastpath, undefined);
  assert.deepEqual(waiting.filter(({ what }) => what === "flowtable").map(({ next }) => next), [
    "set ENABLE_FLOWTABLE=false",
  ]);
});

Deno.test("In a family that is routed natively other nodes come to this node's pod CIDRs in the clear, as ever", () => {
  const templatesWith = (settings: RawSettings) =>
    desireOf([n1, n2], { ...REQUIRE, ...settings }).table.templates;
  assert.deepEqual(templatesWith({}).slice(-2), ["host-pods-v4", "host-pods-v6"]);
  assert.deepEqual(templatesWith({ NATIVE_ROUTING_IPV4: "true" }).slice(-2), ["host", "host-pods-v6"]);
});

Deno.test("Whoever claims the API server's address by its status is not sent what the API server is asked", () => {
  const facts: Partial<HostFacts> = { apiAddress: parseAddress("192.0.2.7") as Address, apiPort: 8443 };
  const desired = desireOf([n1, { ...n2, internal: ["10.9.1.2", "192.0.2.7"] }], REQUIRE, facts);
  const { templates, defines } = desired.table;
  assert.deepEqual(templates.slice(-4), ["host-api-v4", "host", "host-pods-v4", "host-pods-v6"]);
  assert.deepEqual([defines.api, defines.api_port], ["192.0.2.7", "8443"]);
  const { nft } = renderAll(desired);
  const exemption = nft.indexOf("ip daddr $api tcp dport $api_port return");
  assert.ok(exemption > 0 && exemption < nft.indexOf("ct direction original tcp dport $exempt_tcp return"));
});

Deno.test("What is exempt is never less than what a node needs to come back, and more where a setting says so", () => {
  const { defines } = desireOf([n1, n2], { ...REQUIRE, HOST_ENCRYPTION_EXEMPT: "16443, 22,9345" }).table;
  assert.equal(defines.exempt_tcp, "{ 22, 53, 2379, 2380, 6443, 9345, 10250, 16443 }");
  assert.equal(defines.exempt_udp, "{ 53, 123 }");
});

Deno.test("One rule and two routes in each family, however many Nodes there are; none in a family that no Node has", () => {
  const rule = "rule pref 146 fwmark 0x1000/0x1000 lookup 146 protocol 146";
  const routes = [
    "route default dev wigglenet proto 146",
    "route unreachable default proto 146 metric 32760",
  ];
  const nodes = Array.from({ length: 50 }, (_, i) => ordinaryNode(i + 1));
  assert.deepEqual(desireOf(nodes, REQUIRE).hostRouting, { 4: [rule, ...routes], 6: [rule, ...routes] });
  const ipv4 = [n1, n2].map((node) => ({ ...node, internal: node.internal!.slice(0, 1) }));
  assert.deepEqual(desireOf(ipv4, REQUIRE).hostRouting, { 4: [rule, ...routes], 6: [] });
});

Deno.test("Who does not take part is named, and nothing is sent to him in the clear", () => {
  const nodes = [n1, n2, ordinaryNode(3)];
  const desired = desireTakingPart(nodes, ["n1", "n2"], REQUIRE);
  const told = desired.waiting.filter(({ what }) => what.startsWith("host encryption"));
  assert.deepEqual(told.map(({ what, isTrouble }) => [what, isTrouble]), [["host encryption with n3", true]]);
  assert.deepEqual(peersOf(desired), peersOf(desireTakingPart(nodes, ["n1", "n2", "n3"], REQUIRE)));
});

Deno.test("Where it is off, those that ask for it are named; where nobody has it, nothing is told", () => {
  const told = (part: readonly string[]) =>
    desireTakingPart([n1, n2], part, {}).waiting.map(({ what }) => what).filter((what) =>
      what.startsWith("host")
    );
  assert.deepEqual(told(["n2"]), ["host encryption with n2"]);
  assert.deepEqual(told([]), []);
});

Deno.test("With manifests in files this node's own must say it too, and no longer than it is so", () => {
  const told = (part: readonly string[], settings: RawSettings) =>
    desireTakingPart([n1], part, settings).waiting.filter(({ what }) =>
      what === "wigglenet/host-encryption of n1"
    )
      .map(({ next }) => next.split(" ")[0]);
  assert.deepEqual([told([], {}), told(["n1"], REQUIRE)], [[], []]);
  assert.deepEqual([told([], REQUIRE), told(["n1"], {})], [["put"], ["take"]]);
});

Deno.test("A Node without pod CIDRs is a peer too, for its addresses", () => {
  const { podCIDRs: _, ...bare } = n2;
  assert.deepEqual(desireOf([n1, bare]).peers, []);
  assert.deepEqual(desireOf([n1, bare], REQUIRE).peers.map(({ allowedIps }) => allowedIps), [
    "10.9.1.2/32,fd09::2/128",
  ]);
});

Deno.test("A strict rp_filter on the tunnel is told, or set where sysctls are managed", () => {
  const facts = { isTunnelStrict: true };
  const told = desireOf([n1, n2], REQUIRE, facts);
  assert.ok(
    told.waiting.some(({ what, next }) => what === "rp_filter of wigglenet" && next.startsWith("sysctl -w ")),
  );
  assert.deepEqual(told.sysctls, []);
  const managed = desireOf([n1, n2], { ...REQUIRE, MANAGE_SYSCTLS: "true" }, facts);
  assert.deepEqual(managed.sysctls, ["net/ipv4/conf/wigglenet/rp_filter=2"]);
  assert.ok(!managed.waiting.some(({ what }) => what === "rp_filter of wigglenet"));
});

Deno.test("It is refused without a tunnel", () => {
  const problems = (settings: RawSettings) => parseSettings({ NODE_NAME: "n1", ...REQUIRE, ...settings }, {});
  for (
    const settings of [{ FIREWALL_ONLY: "true" }, {
      NATIVE_ROUTING_IPV4: "true",
      NATIVE_ROUTING_IPV6: "true",
    }]
  ) {
    assert.match(String(problems(settings)), /HOST_ENCRYPTION .* there is no tunnel/);
  }
  assert.match(
    String(problems({ HOST_ENCRYPTION_EXEMPT: "22,x" })),
    /HOST_ENCRYPTION_EXEMPT .* accepted: a comma-separated/,
  );
  assert.ok("nodeName" in problems({ NATIVE_ROUTING_IPV6: "true" }));
});

Deno.test("A key of another Node does not keep it from being one of the nodes", () => {
  const twin = { ...n2, key: keyOf(1) };
  assert.deepEqual(peersOf(desireOf([n1, twin], REQUIRE, { publicKey: keyOf(1) })), [
    "10.9.1.2/32",
    "fd09::2/128",
  ]);
});
