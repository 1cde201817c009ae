// Interfaces in pods for people of several namespaces, on a real API server: what each may do in its own, what its grant holds, and
// what they might try beside that. team-a and team-b have grants, team-c has none; `owner` may do everything in team-a, as far as
// RBAC of a namespace goes.

import assert from "node:assert/strict";
import { DeclaredCluster, folderOf, GROUP } from "../declared/declared_cluster.ts";
import {
  accountWith,
  changesTo,
  FORGED,
  isDenied,
  makeNamespace,
  pathOf,
  policiesHold,
  setUpTenants,
  statusWrites,
} from "../declared/tenancy.ts";
import { withValue } from "../declared/bad_objects.ts";
import {
  BAD_GRANTS,
  CLUSTER_OBJECT,
  GRANT,
  inNamespace,
  NO_SUCH_WORDS,
  OVERREACHING,
  POD_DUMMY,
  POD_WIREGUARD,
  TENANTS,
} from "../declared/tenants.ts";
import type { ObjectJson } from "../declared/walk_through.ts";
import type { Answer, ApiClient, Request } from "../lab/kubernetes/api_client.ts";
import { Cluster } from "../lab/kubernetes/cluster.ts";
import { until } from "../lab/until.ts";

const cluster = await Cluster.create({ nodes: 1 });
const { admin, plane } = cluster;
const people: ApiClient[] = [];
Deno.test.afterAll(async () => {
  for (const client of people) client[Symbol.dispose]();
  await cluster[Symbol.asyncDispose]();
});
await new DeclaredCluster(cluster).define();
await setUpTenants(cluster);
for (const name of ["team-a", "team-b", "team-c"]) await makeNamespace(cluster, name);
const person = async (name: string, namespace: string, role: string) => {
  const client = await accountWith(cluster, { name, namespace, role });
  people.push(client);
  return client;
};
const a = await person("dev", "team-a", "edit");
const b = await person("dev", "team-b", "edit");
const c = await person("dev", "team-c", "edit");
const viewer = await person("viewer", "team-a", "view");
const owner = await person("owner", "team-a", "owner");

const OF_B = inNamespace({
  ...POD_DUMMY,
  spec: { ...POD_DUMMY.spec, interfaceName: "tb-dummy", addresses: [{ ipcidr: "10.71.0.1/24" }] },
}, "team-b");
const make = (object: ObjectJson): [string, Request] => [folderOf(object), { method: "POST", body: object }];

async function forbidden(
  client: ApiClient,
  [path, request]: readonly [string, Request?],
  why?: RegExp,
): Promise<void> {
  const { status, body } = await client.ask(path, request);
  assert.equal(status, 403, `${request?.method} ${path}: ${JSON.stringify(body)}`);
  if (why !== undefined) assert.match(body.message, why);
}

/** All objects of all namespaces. */
async function everything(): Promise<string> {
  const kinds = ["podwireguardinterfaces", "podnetlinkinterfaces", "podinterfacegrants"];
  const lists = await Promise.all(kinds.map((kind) => admin.demand(`${GROUP}/${kind}`)));
  return JSON.stringify(lists.map(({ items }) => items));
}

Deno.test("without any grant nobody makes anything, administrators included", async () => {
  await policiesHold(admin);
  for (const object of TENANTS) {
    for (const client of [a, owner, admin]) {
      const answer = await client.ask(...make(object));
      assert.ok(isDenied(answer), JSON.stringify(answer));
      assert.match(answer.body.message, /no params found/);
    }
  }
});

Deno.test("a grant names what a namespace may make, and it makes it in any way that the API has", async () => {
  await admin.create(`${GROUP}/podinterfacegrants`, GRANT);
  await until("the grant to hold", async () => {
    return (await a.ask(`${folderOf(POD_DUMMY)}?dryRun=All`, make(POD_DUMMY)[1])).status === 201;
  }, { deadlineMs: 30_000 });
  for (const object of TENANTS) await a.demand(...make(object));
  await b.demand(...make(OF_B));
  const [path, apply] = changesTo({
    ...POD_DUMMY,
    spec: { ...POD_DUMMY.spec, mtu: 1300 },
  })["server-side apply"]!;
  assert.equal((await a.demand(path, apply)).spec.mtu, 1300);
});

Deno.test("who may view sees what is in its namespace, and changes none of it", async () => {
  for (const object of TENANTS) {
    assert.equal((await viewer.demand(pathOf(object))).metadata.name, object.metadata.name);
    for (
      const request of [
        make({ ...object, metadata: { ...object.metadata, name: "x" } }),
        ...Object.values(changesTo(object)),
      ]
    ) {
      await forbidden(viewer, request);
    }
    await forbidden(viewer, [pathOf(object), { method: "DELETE" }]);
    await forbidden(viewer, [folderOf(object), { method: "DELETE" }]);
  }
});

for (const { what, object, answer } of NO_SUCH_WORDS) {
  Deno.test(`a tenant's ${object.kind} has no word for ${what}`, async () => {
    const fresh = { ...object, metadata: { ...object.metadata, name: "bad" } };
    const [path, request] = make(fresh);
    const { status, body } = await a.ask(`${path}?fieldValidation=Strict`, request);
    assert.ok(status === 400 || status === 422, `${status} ${JSON.stringify(body)}`);
    assert.match(body.message, answer);
    // Who does not ask for the check has the word taken out: what is kept is a pod of this namespace, or nothing.
    const lax = await a.ask(`${path}?fieldValidation=Ignore&dryRun=All`, request);
    if (lax.status === 422) return;
    assert.equal(lax.status, 201, JSON.stringify(lax.body));
    assert.doesNotMatch(JSON.stringify(lax.body.spec), /container|netns|docker|moveTo|team-b/);
  });
}

for (const { what, object, answer } of OVERREACHING) {
  Deno.test(`a tenant's ${object.kind} cannot have ${what}, at first or later`, async () => {
    const before = await everything();
    const fresh = { ...object, metadata: { ...object.metadata, name: "bad" } };
    for (const client of [a, owner, admin]) await forbidden(client, make(fresh), answer);
    await forbidden(a, changesTo(fresh)["server-side apply"]!, answer);
    for (const request of Object.values(changesTo(object))) await forbidden(a, request, answer);
    const standing = await a.demand(pathOf(object));
    await forbidden(a, [pathOf(object), { method: "PUT", body: { ...standing, spec: object.spec } }], answer);
    assert.equal(await everything(), before);
  });
}

Deno.test("what would cost more to look through than the API server gives is refused", async () => {
  const outside = "10.71.0.0/24";
  const allowedIPs = [...Array.from({ length: 255 }, (_, i) => `10.70.${i}.0/24`), outside];
  const peers = Array.from({ length: 256 }, () => ({
    publicKey: crypto.getRandomValues(new Uint8Array(32)).toBase64(),
    allowedIPs,
  }));
  const huge = inNamespace(withValue(POD_WIREGUARD, "peers", peers), "team-a", "huge");
  const answer = await a.ask(...make(huge));
  assert.ok(isDenied(answer), `${answer.status} ${answer.body.message}`);
});

Deno.test("a namespace without a grant makes nothing, whatever others are granted", async () => {
  for (const object of TENANTS) {
    await forbidden(c, make(inNamespace(object, "team-c")), /namespace team-c may make nothing/);
  }
});

Deno.test("nobody reaches into another namespace", async () => {
  const before = await everything();
  for (const client of [a, owner, viewer]) {
    for (const request of [make(OF_B), ...Object.values(changesTo(OF_B))]) await forbidden(client, request);
    await forbidden(client, [pathOf(OF_B)]);
    await forbidden(client, [folderOf(OF_B)]);
    await forbidden(client, [pathOf(OF_B), { method: "DELETE" }]);
    await forbidden(client, [folderOf(OF_B), { method: "DELETE" }]);
    await forbidden(client, [`${GROUP}/podnetlinkinterfaces`]);
    await forbidden(client, [`${GROUP}/podwireguardinterfaces?watch=true`]);
  }
  // Of two namespaces the path counts, and they must be one.
  const { status } = await a.ask(folderOf(POD_DUMMY), { method: "POST", body: OF_B });
  assert.equal(status, 400);
  assert.equal(await everything(), before);
});

Deno.test("grants and the cluster's own kinds are out of reach of any role of a namespace", async () => {
  const before = await everything();
  const more = {
    ...GRANT,
    spec: { namespaces: [{ namespace: "team-a", interfaceNames: ["e"], prefixes: ["0.0.0.0/0"] }] },
  };
  for (const client of [a, owner]) {
    for (const object of [GRANT, CLUSTER_OBJECT]) {
      await forbidden(client, make({ ...object, metadata: { name: "mine" } }));
      await forbidden(client, [pathOf(object)]);
      await forbidden(client, [pathOf(object), { method: "DELETE" }]);
    }
    for (const request of Object.values(changesTo(more))) await forbidden(client, request);
    // As if it were one of its namespace.
    const inside = await client.ask(`${GROUP}/namespaces/team-a/podinterfacegrants`, {
      method: "POST",
      body: more,
    });
    assert.ok([403, 404, 405].includes(inside.status), JSON.stringify(inside));
  }
  assert.equal(await everything(), before);
});

for (const { what, object, answer } of BAD_GRANTS) {
  Deno.test(`an administrator's mistake is refused: ${what}`, async () => {
    const { status, body } = await admin.ask(...make({ ...object, metadata: { name: "bad" } }));
    assert.equal(status, 422);
    assert.match(body.message, answer);
  });
}

Deno.test("a status is the agent's word: tenants forge none, with all rights of their namespace neither", async () => {
  for (const object of [POD_WIREGUARD, POD_DUMMY]) {
    for (const request of await statusWrites(admin, object)) {
      await forbidden(a, request);
      await forbidden(viewer, request);
      await forbidden(owner, request, /agents write statuses, and nobody else/);
    }
    for (const other of ["scale", "spec", "finalizers"]) {
      const { status } = await owner.ask(`${pathOf(object)}/${other}`, {
        method: "PATCH",
        body: FORGED,
        type: "application/merge-patch+json",
      });
      assert.equal(status, 404, other);
    }
    // Beside what is asked for it is not taken.
    const fresh = { ...object, ...FORGED, metadata: { ...object.metadata, name: "forged" } };
    assert.equal((await a.demand(...make(fresh))).status, undefined);
    const [path, apply] = changesTo(fresh)["server-side apply"]!;
    assert.equal((await a.demand(path, apply)).status, undefined);
    await a.remove(pathOf(fresh));
  }
});

Deno.test("an agent's token writes statuses of its own node's objects, and nothing else of tenants", async () => {
  await cluster.register(cluster.nodes[0]!);
  using agent = await plane.clientWith(await cluster.account.podToken("n1"));
  const elsewhere = inNamespace(
    { ...POD_DUMMY, spec: { ...POD_DUMMY.spec, node: "n2" } },
    "team-a",
    "elsewhere",
  );
  await a.demand(...make(elsewhere));
  const [path, request] = (await statusWrites(admin, POD_WIREGUARD))[0]!;
  assert.equal((await agent.demand(path, request)).status.conditions[0].reason, "Done");
  await forbidden(agent, (await statusWrites(admin, elsewhere))[0]!, /of its own node only/);
  for (const object of TENANTS) {
    await forbidden(agent, make({ ...object, metadata: { ...object.metadata, name: "x" } }));
    for (const change of Object.values(changesTo(object))) await forbidden(agent, change);
    await forbidden(agent, [pathOf(object), { method: "DELETE" }]);
  }
  for (const change of Object.values(changesTo(GRANT))) await forbidden(agent, change);
  assert.equal(
    (await agent.demand(`${GROUP}/podnetlinkinterfaces?fieldSelector=spec.node%3Dn2`)).items.length,
    1,
  );
  await a.remove(pathOf(elsewhere));
});

Deno.test("who is granted less keeps objects that can be labelled and deleted, and asks for nothing new by them", async () => {
  await admin.patch(pathOf(GRANT), { spec: { namespaces: [] } });
  const change = { ...POD_DUMMY, spec: { ...POD_DUMMY.spec, mtu: 1200 } };
  let last: Answer | undefined;
  await until("the grant to be gone", async () => {
    last = await a.ask(`${pathOf(change)}?dryRun=All`, changesTo(change)["a merge patch"]![1]);
    return last.status === 403;
  }, { deadlineMs: 30_000, seen: () => JSON.stringify(last) });
  for (const request of Object.values(changesTo(change))) {
    await forbidden(a, request, /namespace team-a may make nothing/);
  }
  await a.patch(pathOf(POD_DUMMY), { metadata: { labels: { by: "team-a" } } });
  for (const object of TENANTS) await a.remove(pathOf(object));
});
