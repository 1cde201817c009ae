import assert from "node:assert/strict";
import { standing } from "../../../../test/declared/standing.ts";
import { type ObjectJson, PLAN, WIREGUARD } from "../../../../test/declared/walk_through.ts";
import type { Resolution } from "../../desired/host_facts.ts";
import { type Address, parseAddress } from "../../net/address.ts";
import type { PublicKey } from "../../net/keys.ts";
import { refused } from "../../net/refusal.ts";
import type { ObservedPeer } from "../../observed/observed_state.ts";
import { describe } from "../../plan/describe.ts";
import type { DeclaredObject } from "../declared_object.ts";
import type { KindName } from "../kinds/kinds.ts";
import type { ObservedInterfaces } from "../observed/observed_interfaces.ts";
import { parseDeclared } from "../parse_declared.ts";
import { reportOf } from "../status/report.ts";
import { wantInterfaces } from "../want/want_interfaces.ts";
import { type DeclaredMoment, diffDeclared } from "./diff_declared.ts";

const KEY = "wDBZu1y0MvkLcfFOcVDZ4kHnPX0LZ2tTWLdxHFw7aBY=" as PublicKey;
const NEXT = "Q0K7obhosJ0yfIX8D7s8fAfte/JX191c5+rKwKFAvHk=" as PublicKey;
const OTHER = "Ky5TSVYyYqfGMyFAu7rLMUrl7sJuAm3nIfqcZJwlQxI=";
const MOMENT: DeclaredMoment = {
  implementation: "kernel",
  keyFolder: "/k",
  keys: new Map([["interface-lax1-wg1", KEY], ["plan-plan1", KEY]]),
  resolved: new Map(),
  steadySeconds: 100,
};

/** What comes of one object: what is told, what wg is asked for, and the public key that others hear. */
function outcome(
  json: ObjectJson,
  observed: ObservedInterfaces,
  moment: DeclaredMoment,
): { told: string[]; commands: string[]; key: string | undefined } {
  const objects = [parseDeclared(json.kind as KindName, json, "").object as DeclaredObject];
  const wanted = wantInterfaces(objects, {
    nodeName: "lax1",
    interfaceName: "wigglenet",
    ports: [],
    nowMs: 0,
    secretsNamespace: "vpn",
  });
  const plan = diffDeclared({ interfaces: wanted.interfaces, spared: wanted.refused }, observed, moment);
  const actions = plan.steps.flatMap((step) => step.actions);
  const sight = { nodeName: "lax1", objects, unread: [], wanted, plan, failing: {}, observed, moment };
  return {
    told: describe({ ...plan, rejected: [] }),
    commands: actions.flatMap((it) => it.kind === "run" && it.program === "wg" ? it.args.join(" ") : []),
    key: reportOf(sight).interfaces[0]!.publicKey,
  };
}

interface Has {
  readonly name: string;
  readonly alias: string;
  readonly port: number;
  readonly address: string;
  readonly endpoint: string | undefined;
  /** On a trial that nobody has answered yet. */
  readonly preferred?: string;
}

/** A host on which the object's interface stands by KEY, with its one peer. */
function hostOf({ name, alias, port, address, endpoint, preferred }: Has): ObservedInterfaces {
  const peer: ObservedPeer = {
    publicKey: OTHER,
    endpoint,
    allowedIps: "0.0.0.0/0,::/0",
    handshakeSeconds: 0,
    aliveSeconds: -Infinity,
    receivedBytes: 0,
    sentBytes: 0,
    keepaliveSeconds: name === "wg1" ? 25 : 0,
    hasPresharedKey: false,
    isRoamed: false,
    isProven: true,
    silence: undefined,
    choice: preferred === undefined ? undefined : { preferred, sinceSeconds: 99, isAnswered: false },
  };
  const wireguard = { publicKey: KEY, port, hasMark: false, peers: new Map([[OTHER, peer]]) };
  return {
    ...standing({ name, alias, kind: "wireguard", mtuBytes: 1420, addresses: new Set([address]) }),
    serving: new Map([[name, { wireguard, userspacePids: [] }]]),
  };
}

const NAMED: ObjectJson = {
  ...WIREGUARD,
  spec: {
    ...WIREGUARD.spec,
    peers: [{ ...(WIREGUARD.spec.peers as object[])[0], endpoint: "gw.example.org:51821" }],
  },
};
const WG1 = {
  name: "wg1",
  alias: "WireGuardInterface/lax1-wg1",
  port: 51_821,
  address: "fe80::1771 peer fe80::a:1771/64",
};

function address(text: string): Address {
  const parsed = parseAddress(text);
  assert.ok(!refused(parsed));
  return parsed;
}

function resolving(resolution: Resolution): DeclaredMoment {
  return { ...MOMENT, resolved: new Map([["gw.example.org", resolution]]) };
}

Deno.test("A peer's name is followed: where it leads elsewhere the peer is sent there", () => {
  const first = resolving({ addresses: [address("10.9.1.2")], trouble: undefined });
  const second = resolving({ addresses: [address("10.9.1.7")], trouble: undefined });
  const at = hostOf({ ...WG1, endpoint: "10.9.1.2:51821", preferred: "10.9.1.2:51821" });
  assert.deepEqual(outcome(NAMED, at, first).told, []);
  assert.deepEqual(outcome(NAMED, at, second).commands, [`set wg1 peer ${OTHER} endpoint 10.9.1.7:51821`]);
});

Deno.test("A firewall mark, which root of a container may set for the node's routes, is taken off", () => {
  const at = hostOf({ ...WG1, endpoint: "10.9.1.2:51821", preferred: "10.9.1.2:51821" });
  const { wireguard } = at.serving.get("wg1")!;
  const marked = {
    ...at,
    serving: new Map([["wg1", { wireguard: { ...wireguard!, hasMark: true }, userspacePids: [] }]]),
  };
  const moment = resolving({ addresses: [address("10.9.1.2")], trouble: undefined });
  const [command = "", ...more] = outcome(NAMED, marked, moment).commands;
  assert.match(command, /^set wg1 listen-port 51821 fwmark 0/);
  assert.deepEqual(more, []);
});

const TROUBLES: readonly [string, DeclaredMoment, RegExp][] = [
  ["not resolved yet", MOMENT, /gw\.example\.org is not resolved yet; getent ahosts gw\.example\.org shows/],
  [
    "not known",
    resolving({ addresses: [], trouble: "ENOTFOUND" }),
    /gw\.example\.org cannot be resolved \(ENOTFOUND\); getent/,
  ],
  [
    "not known any more",
    resolving({ addresses: [address("10.9.1.2")], trouble: "ENOTFOUND" }),
    /cannot be resolved \(ENOTFOUND\); its last answer stays: 10\.9\.1\.2;/,
  ],
];

for (const [what, moment, reason] of TROUBLES) {
  Deno.test(`A peer's name that is ${what} is told, and changes nothing of the peer`, () => {
    const at = hostOf({ ...WG1, endpoint: "10.9.1.2:51821", preferred: "10.9.1.2:51821" });
    const { told, commands } = outcome(NAMED, at, moment);
    assert.equal(told.length, 1, told.join("\n"));
    assert.ok(told[0]!.startsWith(`… endpoint of peer ${OTHER} of wg1: `), told[0]);
    assert.match(told[0]!, reason);
    assert.deepEqual(commands, []);
  });
}

/** The walk-through's plan, which states lax1's key. */
function stating(publicKey: string, node: object = {}): ObjectJson {
  const [lax1, lax2] = PLAN.spec.nodes as object[];
  return { ...PLAN, spec: { ...PLAN.spec, nodes: [{ ...lax1, publicKey, ...node }, lax2] } };
}

function linkHost(json: ObjectJson, alias = "WireGuardNetworkPlan/plan1/lax2"): ObservedInterfaces {
  const name = "wg-lax1-lax2-0";
  const blank = hostOf({ ...WG1, name, alias, port: 0, endpoint: undefined });
  const lines = outcome(json, blank, MOMENT).told.join("\n");
  const port = Number(/listen port (\d+)/.exec(lines)![1]);
  const endpoint = /10\.9\.1\.2:\d+/.exec(lines)![0];
  const where = { address: "10.4.0.1 peer 10.4.0.2/32", endpoint, preferred: endpoint };
  return hostOf({ name, alias, port, ...where });
}

for (
  const [place, node, moment] of [
    ["/k/plan-plan1.key", {}, { ...MOMENT, keys: new Map([["plan-plan1", NEXT]]) }],
    ["Secret own", { privateKeyRef: { name: "own", key: "k" } }, {
      ...MOMENT,
      secrets: new Map([["own/k", { path: "/run/a.key", publicKey: NEXT, mark: "" }]]),
    }],
  ] as const
) {
  Deno.test(`A key that is replaced in ${place} is taken up when the plan says it, and not before`, () => {
    const before = stating(KEY, node);
    const host = linkHost(stating(KEY));
    const waiting = outcome(before, host, moment);
    assert.deepEqual(waiting.commands, []);
    assert.deepEqual(waiting.told, [
      `… key of wg-lax1-lax2-0: it has the key that WireGuardNetworkPlan plan1 says, and ${place} holds that of ${NEXT}; ` +
      `say ${NEXT} there: then it is taken up; or put the former key back`,
    ]);
    assert.equal(waiting.key, KEY, "the others must not hear of it before");
    const after = outcome(stating(NEXT, node), host, moment);
    assert.match(after.commands.join("\n"), /^set wg-lax1-lax2-0 listen-port \d+ fwmark 0 private-key \S+$/);
    assert.equal(after.key, NEXT);
  });
}

Deno.test("What another object has left is not kept, whatever the plan says of its key", () => {
  const host = linkHost(stating(KEY), "WireGuardNetworkPlan/former/lax2");
  const moment = { ...MOMENT, keys: new Map([["plan-plan1", NEXT]]) };
  assert.match(outcome(stating(KEY), host, moment).commands.join("\n"), /private-key/);
});
