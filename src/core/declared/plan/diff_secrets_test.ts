import assert from "node:assert/strict";
import { WIREGUARD } from "../../../../test/declared/walk_through.ts";
import type { PublicKey } from "../../net/keys.ts";
import { describe } from "../../plan/describe.ts";
import type { DeclaredObject } from "../declared_object.ts";
import { NO_INTERFACES, type ObservedInterfaces } from "../observed/observed_interfaces.ts";
import { parseDeclared } from "../parse_declared.ts";
import { reportOf } from "../status/report.ts";
import type { KnownSecrets } from "../want/secrets.ts";
import { wantInterfaces } from "../want/want_interfaces.ts";
import { type DeclaredPlan, diffDeclared } from "./diff_declared.ts";

const KEY = "wDBZu1y0MvkLcfFOcVDZ4kHnPX0LZ2tTWLdxHFw7aBY=" as PublicKey;
const MOMENT = {
  implementation: "kernel",
  keyFolder: "/etc/wigglenet/declared",
  keys: new Map(),
  resolved: new Map(),
  steadySeconds: 0,
} as const;
const HERE = { nodeName: "lax1", interfaceName: "wigglenet", ports: [], nowMs: 0 };

function told(plan: DeclaredPlan): string[] {
  return describe({ ...plan, rejected: [] });
}

function commands({ steps }: DeclaredPlan): string[] {
  return steps.flatMap(({ actions }) =>
    actions.flatMap((action) => action.kind === "run" ? `${action.program} ${action.args.join(" ")}` : [])
  );
}

const SECRET_KEY = "Q0K7obhosJ0yfIX8D7s8fAfte/JX191c5+rKwKFAvHk=" as PublicKey;
const OF_SECRETS = {
  ...WIREGUARD,
  spec: {
    ...WIREGUARD.spec,
    addresses: [],
    privateKeySecretRef: { name: "own", key: "private" },
    peers: [{
      ...(WIREGUARD.spec.peers as object[])[0],
      presharedKeySecretRef: { name: "shared", key: "psk" },
    }],
  },
};
const READ: KnownSecrets = new Map([
  ["own/private", { path: "/run/a.key", publicKey: SECRET_KEY, mark: "a" }],
  ["shared/psk", { path: "/run/b.key", publicKey: KEY, mark: "b" }],
]);

function withSecrets(
  secrets: KnownSecrets,
  observed: ObservedInterfaces,
  spec: Readonly<Record<string, unknown>> = {},
): DeclaredPlan {
  const object = { ...OF_SECRETS, spec: { ...OF_SECRETS.spec, ...spec } };
  const { interfaces, refused } = wantInterfaces([
    parseDeclared("WireGuardInterface", object, "").object as DeclaredObject,
  ], { ...HERE, secretsNamespace: "vpn" });
  return diffDeclared({ interfaces, spared: refused }, observed, { ...MOMENT, secrets });
}

/** The public key that the interface's report has. */
function toldKey(secrets: KnownSecrets, observed: ObservedInterfaces): string | undefined {
  const objects = [parseDeclared("WireGuardInterface", OF_SECRETS, "").object as DeclaredObject];
  const wanted = wantInterfaces(objects, { ...HERE, secretsNamespace: "vpn" });
  const moment = { ...MOMENT, secrets };
  const plan = diffDeclared({ interfaces: wanted.interfaces, spared: [] }, observed, moment);
  const sight = { nodeName: "lax1", objects, unread: [], wanted, plan, failing: {}, observed, moment };
  return reportOf(sight).interfaces[0]!.publicKey;
}

const OTHER = "Ky5TSVYyYqfGMyFAu7rLMUrl7sJuAm3nIfqcZJwlQxI=";

function served(preshared: ReadonlyMap<string, string>): ObservedInterfaces {
  const alias = "WireGuardInterface/lax1-wg1";
  const peer = {
    publicKey: OTHER,
    endpoint: "10.9.1.2:51821",
    allowedIps: "0.0.0.0/0,::/0",
    handshakeSeconds: 0,
    aliveSeconds: -Infinity,
    receivedBytes: 0,
    sentBytes: 0,
    keepaliveSeconds: 25,
    hasPresharedKey: true,
    isRoamed: false,
    isProven: true,
    silence: undefined,
    choice: undefined,
  };
  const wireguard = { publicKey: SECRET_KEY, port: 51_821, hasMark: false, peers: new Map([[OTHER, peer]]) };
  const wg1 = {
    name: "wg1",
    isOurs: true,
    kind: "wireguard",
    alias,
    mtuBytes: 1420,
    isUp: true,
    master: undefined,
    other: undefined,
    words: undefined,
    addresses: new Set<string>(),
    given: new Set<string>(),
  };
  return {
    interfaces: new Map([["wg1", wg1]]),
    unread: new Map(),
    serving: new Map([["wg1", { wireguard, preshared, userspacePids: [] }]]),
  };
}

Deno.test("Keys of Secrets are set from their files, and the preshared one where the peer has another", () => {
  const made = commands(withSecrets(READ, NO_INTERFACES)).join("\n");
  assert.match(made, /private-key \/run\/a\.key/);
  const [keyed, allowed] = [
    made.indexOf(`wg set wg1 peer ${OTHER} preshared-key /run/b.key`),
    made.indexOf("allowed-ips"),
  ];
  assert.ok(keyed >= 0 && keyed < allowed, made);
  assert.deepEqual(commands(withSecrets(READ, served(new Map([[OTHER, "other"]])))), [
    `wg set wg1 peer ${OTHER} preshared-key /run/b.key`,
  ]);
  assert.deepEqual(told(withSecrets(READ, served(new Map([[OTHER, "b"]])))), []);
});

Deno.test("A Secret that is missing or of wrong shape is told, and what stands stays as it is", () => {
  const none = new Map([
    ...READ,
    ["shared/psk", { reason: "there is none of that name in namespace vpn" }] as const,
  ]);
  const kept = withSecrets(none, served(new Map([[OTHER, "b"]])));
  assert.deepEqual(commands(kept), []);
  assert.match(
    told(kept)[0]!,
    /^… Secret shared for wg1: there is none of that name in namespace vpn; mend it/,
  );
  const fresh = withSecrets(none, NO_INTERFACES);
  assert.ok(!told(fresh).some((line) => line.startsWith("+ peer")), told(fresh).join("\n"));
  const keyless = withSecrets(new Map(), NO_INTERFACES);
  assert.deepEqual(commands(keyless).filter((line) => line.startsWith("wg")), []);
  assert.deepEqual(commands(withSecrets(new Map(), served(new Map([[OTHER, "b"]])))), []);
  assert.match(told(keyless).at(-1)!, /^… Secret own for wg1: it was not read yet/);
});

Deno.test("Without its Secrets an interface that stands lets nobody in any longer who is taken out, or by more than is said", () => {
  const standing = served(new Map([[OTHER, "b"]]));
  const none: KnownSecrets = new Map([["own/private", { reason: "gone" }], ["shared/psk", {
    reason: "gone",
  }]]);
  assert.deepEqual(commands(withSecrets(none, standing, { peers: [] })), [`wg set wg1 peer ${OTHER} remove`]);
  const narrow = [{ ...OF_SECRETS.spec.peers[0], allowedIPs: ["10.1.0.0/16"] }];
  const [line, ...others] = commands(withSecrets(none, standing, { peers: narrow }))
    .filter((it) => it !== "greet");
  assert.match(line!, new RegExp(`^wg set wg1 peer ${RegExp.escape(OTHER)} allowed-ips 10[.]1[.]0[.]0/16`));
  assert.deepEqual(others, []);
});

Deno.test("Without its Secret an interface that another object has left lets nobody in by that one's key, and tells it nobody", () => {
  const standing = served(new Map([[OTHER, "b"]]));
  const [wg1] = standing.interfaces.values();
  const none: KnownSecrets = new Map([["own/private", { reason: "gone" }]]);
  const other = {
    ...standing,
    interfaces: new Map([["wg1", { ...wg1!, alias: "WireGuardInterface/former" }]]),
  };
  const plan = withSecrets(none, other);
  assert.deepEqual(commands(plan), [
    `wg set wg1 private-key /dev/null peer ${OTHER} remove`,
    "ip -force -batch",
  ]);
  // Fails the one, so does the other: by the alias a later pass would take the key for its own.
  assert.equal(plan.steps[0]!.part, plan.steps[1]!.part);
  assert.ok(plan.steps[0]!.stage < plan.steps[1]!.stage);
  assert.equal(toldKey(none, other), undefined);
  const { wireguard } = standing.serving.get("wg1")!;
  const blank = { ...wireguard!, publicKey: "(none)", peers: new Map() };
  const serving = new Map([["wg1", { wireguard: blank, userspacePids: [] }]]);
  assert.deepEqual(commands(withSecrets(none, { ...standing, serving })), []);
});

Deno.test("Of a key that cannot be had any more a node tells what its interface has: the others would cut the link", () => {
  const gone = new Map([["own/private", { reason: "gone" }]]);
  assert.equal(toldKey(gone, served(new Map())), SECRET_KEY);
  assert.equal(toldKey(gone, NO_INTERFACES), undefined);
});
