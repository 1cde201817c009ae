import assert from "node:assert/strict";
import { desireOf, ordinaryNode } from "../../../test/cluster.ts";
import { EMPTY_HOST, hostOf } from "../../../test/host_state.ts";
import type { DesiredState } from "../desired/desired_state.ts";
import type { ObservedState } from "../observed/observed_state.ts";
import { describe } from "../plan/describe.ts";
import { diff } from "../plan/diff.ts";
import { parseSettings } from "../settings/parse_settings.ts";
import type { BridgeFacts } from "./desire_bridge.ts";
import { bridgeInterface } from "./names.ts";
import { bridgeIn, type ObservedBridge, parseBridgeLink } from "./observed_bridge.ts";

function desired(isBridged: boolean, bridge?: BridgeFacts): DesiredState {
  return desireOf([1, 2].map(ordinaryNode), { CNI_BRIDGE: String(isBridged) }, bridge && { bridge });
}

const [ON, OFF] = [desired(true), desired(false)];
const LINK: ObservedBridge["link"] = {
  kind: "bridge",
  mtuBytes: 1420,
  isUp: true,
  addresses: new Set(ON.bridge!.addresses),
  hardwareAddress: "02:77:69:67:67:01",
};
const RULES = { hasFlags: false, structure: "rules" };
const SYNCED: ObservedBridge = { link: LINK, table: RULES, reference: "rules" };
const host = (bridge: ObservedBridge | undefined): ObservedState => ({ ...hostOf(ON), bridge });
const linesOf = (wanted: DesiredState, bridge: ObservedBridge | undefined) =>
  describe(diff(wanted, host(bridge), 1000)).filter((line) => /bridge|wigglenet-br|veth/.test(line));

Deno.test("A host in sync has nothing to do", () => {
  assert.deepEqual(linesOf(ON, SYNCED), []);
});

Deno.test("Without CNI_BRIDGE nobody wants a bridge, and nobody is told of one", () => {
  assert.equal(OFF.bridge, undefined);
  assert.equal(OFF.unguarded.some((text) => text.includes("CNI_BRIDGE")), false);
  assert.equal(ON.unguarded.some((text) => text.includes("CNI_BRIDGE")), true);
});

const MISSING = { link: undefined, table: undefined, reference: undefined };
const TABLE = "bridge wigglenet: pods on wigglenet-br reach nobody but this node";
const INTERFACE = "wigglenet-br: bridge 02:77:69:67:67:01, up";
const cases: readonly (readonly [string, ObservedBridge, readonly string[]])[] = [
  ["missing", MISSING, [
    `+ table ${TABLE} (missing)`,
    `+ interface ${INTERFACE} (missing)`,
    "+ address wigglenet-br: 10.244.1.1/24 (missing)",
    "+ address wigglenet-br: fd00:10:244:1::1/64 (missing)",
  ]],
  ["without rules", { ...SYNCED, table: undefined }, [`+ table ${TABLE} (missing)`]],
  ["with other rules", { ...SYNCED, reference: "other" }, [`~ table ${TABLE} (its rules differ)`]],
  ["dormant", { ...SYNCED, table: { ...RULES, hasFlags: true } }, [`~ table ${TABLE} (it is dormant)`]],
  ["down", { ...SYNCED, link: { ...LINK, isUp: false } }, [
    `~ interface ${INTERFACE} (it is down with the address 02:77:69:67:67:01)`,
  ]],
  ["of another MAC", { ...SYNCED, link: { ...LINK, hardwareAddress: "02:00:00:00:00:01" } }, [
    `~ interface ${INTERFACE} (it is up with the address 02:00:00:00:00:01)`,
  ]],
  ["with another address", {
    ...SYNCED,
    link: { ...LINK, addresses: new Set(["10.244.1.1/24", "10.244.9.1/24"]) },
  }, [
    "+ address wigglenet-br: fd00:10:244:1::1/64 (missing)",
    "- address wigglenet-br: 10.244.9.1/24 (not wanted)",
  ]],
];

for (const [what, observed, lines] of cases) {
  Deno.test(`A bridge that is ${what} becomes what is wanted`, () =>
    assert.deepEqual(linesOf(ON, observed), lines));
}

Deno.test("Rules stand before the bridge, the bridge before its addresses, all before the CNI file", () => {
  const { steps } = diff(ON, EMPTY_HOST, 1000);
  const parts = steps.map(({ part }) => part).filter((part) => part === "bridge" || part === "cni");
  assert.deepEqual(parts, ["bridge", "bridge", "bridge", "cni"]);
  assert.equal(steps.find(({ part }) => part === "bridge")!.changes[0]!.kind, "table");
  assert.deepEqual(steps.find(({ part }) => part === "cni")!.needs, ["table", "bridge"]);
});

Deno.test("Something else of its name is left alone, and no pod is sent there", () => {
  const plan = diff(ON, { ...EMPTY_HOST, bridge: { ...SYNCED, link: { ...LINK, kind: "vxlan" } } }, 1000);
  assert.match(plan.waiting.map(({ why }) => why).join(), /it exists with kind vxlan, wanted is bridge/);
  assert.equal(plan.steps.some(({ part }) => part === "bridge" || part === "cni"), false);
});

const port = (name: string, isAttached: boolean, isKnown: boolean) => ({ name, isAttached, isKnown });

Deno.test("Ports are marked, and those that hang on nothing hang there again", () => {
  const ports = [port("veth2", true, false), port("veth1", false, true), port("veth3", true, true)];
  const wanted = desired(true, { isStanding: true, ports });
  assert.deepEqual(linesOf(wanted, SYNCED), [
    "~ interface veth1: port of wigglenet-br (it hangs on nothing)",
    "~ interface veth2: group 148 (it is a port of wigglenet-br)",
  ]);
  const [action] = diff(wanted, host(SYNCED), 1000).steps.find(({ part }) => part === "ports")!.actions;
  assert.ok(action?.kind === "run");
  assert.equal(
    action.input,
    "link set dev veth1 master wigglenet-br\nlink set dev veth1 type bridge_slave hairpin on\nlink set dev veth2 group 148\n",
  );
});

Deno.test("Without CNI_BRIDGE it stays, and is repaired, while pods hang there; it goes with the last one", () => {
  const held = desired(false, { isStanding: true, ports: [port("veth1", true, true)] });
  assert.deepEqual(linesOf(held, { ...SYNCED, table: undefined }), [`+ table ${TABLE} (missing)`]);
  assert.equal(held.cni!.bridge, undefined);
  const empty = desired(false, { isStanding: true, ports: [] });
  assert.deepEqual(linesOf(empty, SYNCED), [
    "- table bridge wigglenet (no pod hangs on a bridge)",
    "- interface wigglenet-br: bridge (no pod hangs on a bridge)",
  ]);
  assert.deepEqual(linesOf(empty, MISSING), []);
  assert.deepEqual(linesOf(empty, { ...MISSING, link: { ...LINK, kind: "dummy" } }), []);
});

Deno.test("The CNI file attaches by the bridge plugin, as a gateway and with hairpin, by the same IPAM", () => {
  const text = (state: DesiredState) => {
    const action = diff(state, EMPTY_HOST, 1000).steps.find(({ part }) => part === "cni")!.actions[0]!;
    assert.ok(action.kind === "writeFile");
    return JSON.parse(action.text).plugins[0];
  };
  const { type, bridge, isGateway, hairpinMode, ...rest } = text(ON);
  assert.deepEqual({ type, bridge, isGateway, hairpinMode }, {
    type: "bridge",
    bridge: "wigglenet-br",
    isGateway: true,
    hairpinMode: true,
  });
  const { type: ptp, ...same } = text(OFF);
  assert.equal(ptp, "ptp");
  assert.deepEqual(rest, same);
});

Deno.test("With FIREWALL_ONLY it is refused: no pod is attached by a file of ours", () => {
  const problems = parseSettings({ CNI_BRIDGE: "true", FIREWALL_ONLY: "true" }, {});
  assert.ok(Array.isArray(problems));
  assert.match(problems.join(), /CNI_BRIDGE .* with FIREWALL_ONLY/);
});

const names: readonly (readonly [string, string])[] = [
  ["wigglenet", "wigglenet-br"],
  ["abcdefghijklmno", "abcdefghijkl-br"],
  ["abcdefghijkl-br", "abcdefghijk-br2"],
];
for (const [name, bridge] of names) {
  Deno.test(`Beside ${name} the bridge is ${bridge}`, () => assert.equal(bridgeInterface(name), bridge));
}

Deno.test("Links tell of the bridge, its ports, and ports that it has lost; another bridge's are its own", () => {
  assert.equal(bridgeIn([{ ifname: "eth0", group: "default" }], "wigglenet"), undefined);
  const links = [
    { ifname: "wigglenet-br", group: "default" },
    { ifname: "veth1", master: "wigglenet-br", group: "default" },
    { ifname: "veth2", group: "148" },
    { ifname: "veth3", master: "br0", group: "148" },
    { ifname: "veth4", master: "br0", group: "default" },
  ];
  assert.deepEqual(bridgeIn(links, "wigglenet"), {
    isStanding: true,
    ports: [port("veth1", true, false), port("veth2", false, true)],
  });
});

Deno.test("What ip tells of the interface is read with its MAC", () => {
  const json = `[{"ifname":"wigglenet-br","mtu":1420,"flags":["BROADCAST","UP"],"address":"02:77:69:67:67:01",
    "linkinfo":{"info_kind":"bridge"},"addr_info":[{"scope":"global","local":"10.244.1.1","prefixlen":24},
    {"scope":"link","local":"fe80::1","prefixlen":64}]}]`;
  assert.deepEqual(parseBridgeLink(json), { ...LINK, addresses: new Set(["10.244.1.1/24"]) });
  assert.equal(parseBridgeLink("[{}]"), undefined);
});
