// Keys of declared interfaces that stand in Secrets of one namespace: private ones of both ends, and one that they share.
//
//   n1 wgs 10.6.0.1 ══ 10.6.0.2 wgs n2       api

import assert from "node:assert/strict";
import { DeclaredCluster, GROUP } from "../declared/declared_cluster.ts";
import { backbone } from "../declared/two_nodes.ts";
import { declared, type ObjectJson } from "../declared/walk_through.ts";
import { Cluster } from "../lab/kubernetes/cluster.ts";
import type { Node } from "../lab/node.ts";
import { until } from "../lab/until.ts";

const LINK = "wg-n1-n2-0";
const OF_SECRETS = { "declared-secrets-namespace": "wigglenet-secrets" };

const cluster = await Cluster.create({ nodes: 2 });
const [n1, n2] = cluster.nodes as [Node, Node];
Deno.test.afterAll(() => cluster[Symbol.asyncDispose]());
const it = new DeclaredCluster(cluster);

const PLAN = backbone([n1, n2].map((node) => ({ name: node.name, hostname: node.address(4) })));

const SECRETS = new URL("../../deploy/kubernetes/declared-secrets", import.meta.url).pathname;
const SECRETS_PATH = "/api/v1/namespaces/wigglenet-secrets/secrets";

function secret(name: string, keys: Readonly<Record<string, string>>): unknown {
  const data = Object.fromEntries(Object.entries(keys).map(([key, text]) => [key, btoa(text)]));
  return { apiVersion: "v1", kind: "Secret", metadata: { name }, data };
}

const keys: string[] = [];
const publicOf = async (key: string) => (await n1.run(["wg", "pubkey"], { stdin: key })).trim();

function ofSecrets(
  node: Node,
  other: { readonly publicKey: string; readonly address: string | undefined },
): ObjectJson {
  return declared("WireGuardInterface", `secret-${node.name}`, {
    node: node.name,
    interfaceName: "wgs",
    listenPort: 52_000,
    privateKeySecretRef: { name: `own-${node.name}`, key: "private" },
    addresses: [{ family: "inet", local: `10.6.0.${node === n1 ? 1 : 2}`, prefixlen: 24 }],
    peers: [{
      publicKey: other.publicKey,
      presharedKeySecretRef: { name: "shared", key: "psk" },
      allowedIPs: ["10.6.0.0/24"],
      endpoint: `${other.address}:52000`,
    }],
  });
}

let secretive: readonly [ObjectJson, ObjectJson];

Deno.test("keys of Secrets: told while they are missing or of wrong shape, and a link with a preshared key once they are there", async () => {
  await it.define();
  await cluster.plane.mustKubectl(["apply", "--server-side", "-k", SECRETS]);
  await cluster.startAll({ settings: OF_SECRETS });
  for (let i = 0; i < 3; i++) keys.push((await n1.run(["wg", "genkey"])).trim());
  secretive = [
    ofSecrets(n1, { publicKey: await publicOf(keys[1]!), address: n2.address(4) }),
    ofSecrets(n2, { publicKey: await publicOf(keys[0]!), address: n1.address(4) }),
  ];
  await it.apply(...secretive);
  const missing = /^Waiting: .*Secret own-n1 for wgs: there is none of that name/;
  await it.says(secretive[0], "False", missing);
  for (const [i, node] of [n1, n2].entries()) {
    await cluster.admin.create(SECRETS_PATH, secret(`own-${node.name}`, { private: keys[i]! }));
  }
  await cluster.admin.create(SECRETS_PATH, secret("shared", { psk: "no key" }));
  await it.says(secretive[0], "False", /psk in it is not 32 bytes in base64, as wg prints keys/);
  assert.equal((await n1.run(["wg", "show", "wgs", "peers"])).trim(), "", "nobody is let in without it");
  await cluster.admin.patch(`${SECRETS_PATH}/shared`, { data: { psk: btoa(keys[2]!) } });
  for (const object of secretive) await it.says(object, "True", /Done/);
  await it.answers(n1, "10.6.0.2");
  assert.match(await n1.run(["wg", "show", "wgs", "preshared-keys"]), new RegExp(RegExp.escape(keys[2]!)));
});

Deno.test("Secrets that go, or are no keys any more, are told, and the interface that stands is kept as it is", async () => {
  const before = await n1.run(["wg", "showconf", "wgs"]);
  await cluster.admin.patch(`${SECRETS_PATH}/shared`, { data: { psk: btoa(keys[2]!.slice(1)) } });
  await cluster.admin.remove(`${SECRETS_PATH}/own-n1`);
  // Another key of the same Secrets has them read at once.
  const asking = declared("WireGuardInterface", "asking", {
    node: "n1",
    interfaceName: "wgq",
    privateKeySecretRef: { name: "own-n1", key: "never" },
    peers: [{
      publicKey: await publicOf(keys[2]!),
      presharedKeySecretRef: { name: "shared", key: "never" },
      allowedIPs: [],
    }],
  });
  await it.apply(asking);
  await it.says(secretive[0], "False", /Secret own-n1 for wgs: there is none of that name/);
  assert.equal(await n1.run(["wg", "showconf", "wgs"]), before);
  await n1.agent!.kill();
  await cluster.start(n1, { settings: OF_SECRETS });
  await it.says(secretive[0], "False", /Secret own-n1 for wgs: there is none of that name/);
  assert.equal(await n1.run(["wg", "showconf", "wgs"]), before);
  await cluster.admin.create(SECRETS_PATH, secret("own-n1", { private: keys[0]! }));
  await cluster.admin.patch(`${SECRETS_PATH}/shared`, { data: { psk: btoa(keys[2]!) } });
  await it.remove(asking);
  for (const object of secretive) await it.says(object, "True", /Done/);
});

Deno.test("a plan's node may have its key from a Secret: the others learn the public one", async () => {
  await it.apply(PLAN);
  await it.answers(n1, "10.4.0.2");
  const [first, second] = PLAN.spec.nodes as readonly object[];
  const ref = { name: "own-n2", key: "private" };
  await it.apply({ ...PLAN, spec: { ...PLAN.spec, nodes: [first, { ...second, privateKeyRef: ref }] } });
  const key = await publicOf(keys[1]!);
  await until("n1 to have n2's key of the Secret", async () => {
    return (await n1.run(["wg", "show", LINK, "peers"])).trim() === key;
  }, { deadlineMs: 30_000, seen: () => `${n1.agent!.tail()}\n${n2.agent!.tail()}` });
  await it.answers(n1, "10.4.0.2");
  await cluster.admin.remove(`${SECRETS_PATH}/own-n2`);
  await n2.agent!.kill();
  await cluster.start(n2, { settings: OF_SECRETS });
  // Whatever becomes of the Secret, the link that stands is not taken back for a moment.
  await it.says(secretive[1], "False", /Secret own-n2 for wgs: there is none of that name/);
  const isTold = async () => {
    assert.equal((await n1.run(["wg", "show", LINK, "peers"])).trim(), key);
    const { status } = await cluster.admin.demand(`${GROUP}/wireguardnodes/n2`);
    assert.equal(status.plans[0].publicKey, key);
    return status.plans[0].message.includes("Secret own-n2");
  };
  await until("n2 to tell that its Secret is gone", isTold, {
    deadlineMs: 30_000,
    seen: () => it.agentsSay(),
  });
  await cluster.admin.create(SECRETS_PATH, secret("own-n2", { private: keys[1]! }));
  await it.apply(PLAN);
  await until("n1 to have n2's own key again", async () => {
    return (await n1.run(["wg", "show", LINK, "peers"])).trim() !== key;
  }, { deadlineMs: 30_000, seen: () => n2.agent!.tail() });
  await it.answers(n1, "10.4.0.2");
});

Deno.test("a key of a Secret that is replaced while the plan states the former one waits for the plan", async () => {
  const [first, second] = PLAN.spec.nodes as readonly object[];
  const withKey = (key: string, publicKey: string) => {
    const node = { ...second, publicKey, privateKeyRef: { name: "own-n2", key } };
    return { ...PLAN, spec: { ...PLAN.spec, nodes: [first, node] } };
  };
  const standing = async () => (await n2.run(["wg", "show", "wg-n2-n1-0", "public-key"])).trim();
  const [former, next] = [await publicOf(keys[1]!), await publicOf(keys[2]!)];
  await it.apply(withKey("private", former));
  // A moment ago there was no such Secret: it is read again by itself.
  await until("n2 to have it", async () => await standing() === former, {
    deadlineMs: 40_000,
    seen: () => it.agentsSay(),
  });
  await it.answers(n1, "10.4.0.2");
  await cluster.admin.patch(`${SECRETS_PATH}/own-n2`, { data: { next: btoa(keys[2]!) } });
  await it.apply(withKey("next", former));
  const told =
    `n2: key of wg-n2-n1-0: it has the key that \\S+ backbone says, and Secret own-n2 holds that of ${
      RegExp.escape(next)
    }`;
  await it.says(PLAN, "False", new RegExp(told));
  assert.equal(await standing(), former);
  await it.answers(n1, "10.4.0.2");
  await it.apply(withKey("next", next));
  await until("n2 to have the next one", async () => await standing() === next, {
    seen: () => it.agentsSay(),
  });
  await it.answers(n1, "10.4.0.2");
});

Deno.test("a preshared key that somebody takes away is back", async () => {
  const peer = await publicOf(keys[1]!);
  const told = () =>
    n1.agent!.stderr.filter((line) => line.includes("preshared key of Secret shared/psk")).length;
  const before = told();
  await n1.run(["wg", "set", "wgs", "peer", peer, "preshared-key", "/dev/null"]);
  await until("it to be mended", () => told() > before, { seen: () => it.agentsSay() });
  assert.ok((await n1.run(["wg", "show", "wgs", "preshared-keys"])).includes(keys[2]!));
  await it.answers(n1, "10.6.0.2");
});

Deno.test("who takes the Secret out gets another key than that had", async () => {
  assert.equal((await n2.run(["wg", "show", "wgs", "public-key"])).trim(), await publicOf(keys[1]!));
  const { privateKeySecretRef: _, ...spec } = secretive[1].spec;
  await it.apply({ ...secretive[1], spec });
  await until("wgs on n2 to have another key", async () => {
    return (await n2.run(["wg", "show", "wgs", "public-key"])).trim() !== await publicOf(keys[1]!);
  }, { seen: () => it.agentsSay() });
});

Deno.test("no key of a Secret is told, agents may list none and read none elsewhere, and files of keys go with who asks for them", async () => {
  const argvs = await n1.run(["sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"]);
  const told = JSON.stringify([
    await cluster.admin.demand(`${GROUP}/wireguardnodes`),
    await cluster.admin.demand(`${GROUP}/wireguardinterfaces`),
    await cluster.admin.demand(`${GROUP}/wireguardnetworkplans`),
    await cluster.admin.demand("/api/v1/events"),
    await n1.runAgent({ verb: "status" }),
    ...[n1, n2].map((node) => node.agent!.stderr),
    argvs,
  ]);
  for (const key of keys) assert.ok(!told.includes(key));
  using agent = await cluster.plane.clientWith(await cluster.account.podToken("n1"));
  assert.equal((await agent.ask(`${SECRETS_PATH}/own-n1`)).status, 200);
  assert.equal((await agent.ask(SECRETS_PATH)).status, 403);
  assert.equal((await agent.ask("/api/v1/namespaces/kube-system/secrets/any")).status, 403);
  const files = async () => (await n1.attempt(["sh", "-c", "ls /run/wigglenet/secrets-*"])).stdout.trim();
  assert.match(await files(), /^secret-[0-9a-f]+[.]key\nsecret-[0-9a-f]+[.]key$/);
  assert.match(await n1.run(["sh", "-c", "stat -c %a /run/wigglenet/secrets-*/*"]), /^(600\n)+$/);
  await it.remove(...secretive);
  await it.gone(n1, "wgs");
  await until("the files of keys to be gone", async () => await files() === "");
});
