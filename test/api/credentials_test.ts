// What an agent does with the wrong credentials, and with right ones that end: one clear line with the remedy, another
// try later, and what stands on the node stays.

import assert from "node:assert/strict";
import { ACCOUNT, NODES } from "../lab/kubernetes/agent_account.ts";
import { makeAuthority } from "../lab/kubernetes/certificates.ts";
import { Cluster } from "../lab/kubernetes/cluster.ts";
import type { Node } from "../lab/node.ts";
import { until } from "../lab/until.ts";
import { differences, identityOf } from "../netns/state.ts";

const cluster = await Cluster.create({ nodes: 2 });
const { plane, account } = cluster;
const [n1, n2] = cluster.nodes as [Node, Node];
Deno.test.afterAll(() => cluster[Symbol.asyncDispose]());
await cluster.startAll();

const TOKEN_PATH = /\/var\/run\/secrets\/kubernetes\.io\/serviceaccount\/token/;
const RETRY_MS = 60_000;

/** A change of n2 that n1's kernel shows: another address is among the allowed ones. */
let address = 10;
async function heardOf(deadlineMs = RETRY_MS): Promise<void> {
  const added = `192.0.2.${address++}`;
  const addresses = [...n2.manifest.status.addresses, { type: "ExternalIP", address: added }];
  const patch = { method: "PATCH", type: "application/merge-patch+json", body: { status: { addresses } } };
  await cluster.admin.demand(`${NODES}/n2/status`, patch);
  await until(`n1 to hear of ${added}`, async () => {
    return (await n1.run(["wg", "show", "wigglenet", "allowed-ips"])).includes(`${added}/32`);
  }, { deadlineMs, seen: () => n1.agent!.tail() });
}

/** Starts n1's agent anew with something wrong: it says so in a line that matches, and changes nothing. */
async function startsWrongly(mount: () => Promise<void>, line: RegExp): Promise<void> {
  const before = await identityOf(n1);
  await n1.agent!.kill("SIGTERM");
  await mount();
  n1.startAgent({ settings: { nodes: undefined }, env: plane.environment });
  const said = await n1.agent!.line("stderr", line, 20_000);
  assert.doesNotMatch(said, /eyJ/, "a token in the log");
  await n1.says(
    "it does not know the API",
    ({ source }) => source.problems.length === 1 && !source.isComplete,
  );
  assert.equal(differences(before, await identityOf(n1)), "");
  assert.ok(n1.agent!.isRunning);
}

/** The same agent, once its credentials are right, goes on by itself. */
async function recovers(): Promise<void> {
  await account.mount(n1, await account.podToken("n1"));
  await cluster.knows(n1, [n2], RETRY_MS);
  await heardOf();
}

const WRONG_TOKENS: Readonly<Record<string, () => Promise<string>>> = {
  "is not one": () => Promise.resolve("rubbish"),
  "has expired": () => account.shortToken("n1", -5),
  "is of a pod that is gone": async () => {
    const token = await account.podToken("n1");
    await account.removePod("n1");
    return token;
  },
};

for (const [what, makeToken] of Object.entries(WRONG_TOKENS)) {
  Deno.test(`a token that ${what} is named with its path; the right one is taken up without a restart`, async () => {
    const token = await makeToken();
    await startsWrongly(() => account.mount(n1, token), /(?=.*401)(?=.*token)/);
    assert.match(n1.agent!.tail(), TOKEN_PATH);
    await recovers();
  });
}

const FOREIGN_CAS = {
  "has another name": "/CN=foreign",
  "has the same name and another key": "/CN=laboratory",
};

for (const [what, subject] of Object.entries(FOREIGN_CAS)) {
  Deno.test(`a CA that did not sign the API server's certificate and ${what} is named; the right one is taken up`, async () => {
    const folder = `${cluster.lab.folder}/foreign`;
    await makeAuthority(folder, subject);
    const ca = await Deno.readTextFile(`${folder}/ca.crt`);
    const token = await account.podToken("n1");
    await startsWrongly(() => account.mount(n1, token, ca), /not signed by the CA/);
    await recovers();
  });
}

// No Service and no kube-proxy is in this cluster: what the variables name is all that leads to the API.
Deno.test("KUBERNETES_SERVICE_HOST may be a name of the API server's certificate; one that is not in it is refused", async () => {
  const { KUBERNETES_SERVICE_HOST: address } = plane.environment;
  const hosts = `${cluster.lab.folder}/hosts`;
  await Deno.writeTextFile(hosts, `${address} kubernetes.default.svc api.example\n`);
  await n1.run(["mount", "--bind", hosts, "/etc/hosts"]);
  await account.mount(n1, await account.podToken("n1"));
  for (
    const [name, line] of [["api.example", /not made for this address/], ["kubernetes.default.svc"]] as const
  ) {
    await n1.agent!.kill("SIGTERM");
    const env = { ...plane.environment, KUBERNETES_SERVICE_HOST: name };
    n1.startAgent({ settings: { nodes: undefined }, env });
    if (line !== undefined) await n1.agent!.line("stderr", line, 20_000);
  }
  await cluster.knows(n1, [n2], RETRY_MS);
  await heardOf();
  await n1.agent!.kill("SIGTERM");
  await n1.run(["umount", "/etc/hosts"]);
  await cluster.start(n1);
});

Deno.test("no token at all: the file and the setting that mounts it are named", async () => {
  const clear = async () => {
    await n1.run(["rm", "-r", "/run/secrets"]);
  };
  await startsWrongly(clear, /serviceaccount\/token does not exist.*automountServiceAccountToken/);
  await recovers();
});

Deno.test("without the right to list: one line with the grant that is missing; once it is given all is well", async () => {
  const binding = `/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/${ACCOUNT}`;
  const { apiVersion, kind, metadata: { name }, roleRef, subjects } = await cluster.admin.demand(binding);
  const token = await account.podToken("n1");
  await startsWrongly(async () => {
    await cluster.admin.remove(binding);
    await account.mount(n1, token);
  }, /(?=.*403)(?=.*ClusterRole).*nodes/);
  await cluster.admin.create(binding.replace(/\/[^/]*$/, ""), {
    apiVersion,
    kind,
    metadata: { name },
    roleRef,
    subjects,
  });
  await cluster.knows(n1, [n2], RETRY_MS);
  await heardOf();
});

Deno.test("without the right to patch the mesh is kept, and the line says which verb is missing", async () => {
  const role = `/apis/rbac.authorization.k8s.io/v1/clusterroles/${ACCOUNT}`;
  const { rules } = await cluster.admin.demand(role);
  const without = rules.map((rule: { verbs: string[] }) => {
    return { ...rule, verbs: rule.verbs.filter((verb) => verb !== "patch") };
  }).filter(({ verbs }: { verbs: string[] }) => verbs.length > 0);
  await cluster.admin.patch(role, { rules: without });
  await cluster.admin.patch(`${NODES}/n1`, { metadata: { annotations: { "wigglenet/node-ips": null } } });
  await n1.agent!.line("stderr", /(?=.*403).*verbs \[patch\]/, 20_000);
  await heardOf();
  await cluster.admin.patch(role, { rules });
  await until("the annotation to be back", async () => {
    return (await cluster.annotations("n1"))["wigglenet/node-ips"] === "[]";
  }, { deadlineMs: RETRY_MS, seen: () => n1.agent!.tail() });
});

Deno.test("a token of another node: its own Node is not written, and the line says why; the mesh is kept", async () => {
  await n1.agent!.kill("SIGTERM");
  await cluster.admin.patch(`${NODES}/n1`, { metadata: { annotations: { "wigglenet/node-ips": null } } });
  await cluster.start(n1, { token: await account.podToken("n2") });
  await n1.agent!.line("stderr", /(?=.*403)(?=.*n2).*NODE_NAME/, 20_000);
  await heardOf();
  await account.mount(n1, await account.podToken("n1"));
  await until("the annotation to be back", async () => {
    return (await cluster.annotations("n1"))["wigglenet/node-ips"] === "[]";
  }, { deadlineMs: 2 * RETRY_MS, seen: () => n1.agent!.tail() });
});

Deno.test("a token that ends is replaced in time: the agent takes up the new one, and misses nothing", async () => {
  const short = await account.shortToken("n1", 15);
  await n1.agent!.kill("SIGTERM");
  await cluster.start(n1, { token: short });
  await cluster.knows(n1, [n2]);
  await account.mount(n1, await account.podToken("n1"));
  using client = await plane.clientWith(short);
  // The API server itself remembers for ten seconds that a token was good.
  await until("the first token to be refused", async () => (await client.ask(NODES)).status === 401, {
    deadlineMs: 40_000,
    pauseMs: 500,
  });
  await plane.kill(); // what stands now was opened with the first one
  await plane.start();
  await heardOf();
  assert.doesNotMatch(n1.agent!.stderr.join("\n"), /\b401\b/);
});

Deno.test("a Node that never appears: the agent says which name it looks for, and leaves the host alone", async () => {
  const n3 = await cluster.lab.addNode();
  await cluster.start(n3);
  await n3.agent!.line("stderr", /n3/, 20_000);
  await n3.says("its Node is missing", ({ waiting }) => waiting.length > 0);
  assert.equal((await n3.attempt(["nft", "list", "table", "inet", "wigglenet"])).code, 1);
  assert.equal((await n3.attempt(["ip", "link", "show", "wigglenet"])).code, 1);
  assert.ok(n3.agent!.isRunning);
});
