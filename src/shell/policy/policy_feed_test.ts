// The feed on a double of the API, and on files: what both must do, and what is the API's alone.

import assert from "node:assert/strict";
import { FakeApi, refusal } from "../../../test/sources/fake_api.ts";
import { clientOf } from "../../../test/sources/api_source.ts";
import {
  describePolicyFeed,
  type PolicyHarness,
  PolicyTrial,
} from "../../../test/sources/policy_behaviour.ts";
import { HERE, namespaceOf, podOf, policyOf } from "../../../test/sources/policy_world.ts";
import { temporaryFolder } from "../../../test/sources/temporary_folder.ts";
import { until } from "../../../test/lab/until.ts";
import { parsePrefix, type Prefix } from "../../core/net/prefix.ts";
import { PolicyFeed } from "./policy_feed.ts";
import { FileObjects } from "../sources/file_objects.ts";
import { ApiPolicySource } from "../sources/kubernetes/api_policy_source.ts";

/** An API, and a source on it that gives up at once what is not needed. */
class ApiWorld implements PolicyHarness {
  readonly api = new FakeApi();
  source: ApiPolicySource | undefined;

  constructor(private readonly limits: { silenceMs?: number; lingerMs?: number } = { lingerMs: 0 }) {}

  readonly open: PolicyHarness["open"] = (user) => {
    return this.source = new ApiPolicySource({ ...user, client: clientOf(this.api.url), ...this.limits });
  };

  put(object: Record<string, unknown>): Promise<void> {
    return Promise.resolve(this.api.put(object));
  }

  remove(kind: string, name: string): Promise<void> {
    return Promise.resolve(this.api.remove(name, kind));
  }

  async watches(...expected: readonly string[]): Promise<void> {
    const sorted = [...expected].sort().join("\n");
    const seen = () => this.api.watched.join("\n");
    await until(`watches of\n${sorted}`, () => seen() === sorted, { pauseMs: 2, seen });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.api[Symbol.asyncDispose]();
  }
}

const ALIVE = "status.phase!=Succeeded,status.phase!=Failed";
const OWN = `pods spec.nodeName=n1,${ALIVE}`;
const OTHERS = `pods spec.nodeName!=n1,spec.nodeName!=,${ALIVE}`;
const FROM_CLIENT = { podSelector: { matchLabels: { app: "client" } } };

describePolicyFeed("an API", () => Promise.resolve(new ApiWorld()), { takesJunk: true });
describePolicyFeed("an API that speaks protocol buffers", () => {
  const world = new ApiWorld();
  world.api.speaksProtobuf = true;
  return Promise.resolve(world);
}, { takesJunk: true });

/** A folder in which each object has a file. */
class FolderWorld implements PolicyHarness {
  readonly #folder = temporaryFolder();
  readonly #files = new FileObjects([this.#folder], { parse: () => undefined, onChange: () => {} });
  readonly open: PolicyHarness["open"] = ({ listeners, onChange }) => this.#files.listen(listeners, onChange);

  start(): Promise<void> {
    return this.#files.start();
  }

  async put(object: Record<string, unknown>): Promise<void> {
    const { name, namespace } = object.metadata as { name: string; namespace?: string };
    const path = this.#path(object.kind as string, namespace === undefined ? name : `${namespace}/${name}`);
    await Deno.writeTextFile(`${path}.new`, JSON.stringify(object));
    await Deno.rename(`${path}.new`, path);
  }

  async remove(kind: string, name: string): Promise<void> {
    await Deno.remove(this.#path(kind, name));
  }

  #path(kind: string, name: string): string {
    return `${this.#folder}/${kind}.${name.replace("/", ".")}.json`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#files.close();
  }
}

describePolicyFeed("a folder", () => Promise.resolve(new FolderWorld()), { takesJunk: true });

Deno.test("policies of an API: a cluster's first policy is not rejected while its Namespace is being read", async () => {
  await using world = new ApiWorld();
  for (const object of [namespaceOf("default"), podOf("web")]) world.api.put(object);
  const said: unknown[] = [];
  const onChange = () => said.push(...feed.rejected());
  const feed: PolicyFeed = new PolicyFeed({ node: HERE, nodesAreTold: false, open: world.open, onChange });
  try {
    feed.start();
    await world.watches("networkpolicies");
    world.api.put(policyOf("p", "web"));
    await until("the policy to be wanted", () => feed.desired()?.subjects.size === 1, { pauseMs: 2 });
  } finally {
    await feed.close();
  }
  assert.deepEqual(said, []);
});

Deno.test("policies of an API: nothing is watched that nobody needs, and what is needed is soon", async () => {
  await using world = new ApiWorld();
  for (
    const object of [namespaceOf("default"), podOf("web"), podOf("client", { node: "n2", ip: "10.1.1.1" })]
  ) {
    world.api.put(object);
  }
  await using trial = await PolicyTrial.start(world);
  await world.watches("networkpolicies");
  assert.equal(world.api.requests.length, 2);
  world.api.put(policyOf("p", "web"));
  await world.watches("networkpolicies", "namespaces", OWN);
  world.api.put(policyOf("p", "web", FROM_CLIENT));
  await world.watches("networkpolicies", "namespaces", OWN, OTHERS);
  await trial.wants("10.1.0.1 from 10.1.1.1");
  world.api.put(policyOf("p", "web"));
  await trial.wants("10.1.0.1 closed");
  trial.feed.takeChange();
  await world.watches("networkpolicies", "namespaces", OWN);
  world.api.remove("default/p", "NetworkPolicy");
  await world.watches("networkpolicies");
  assert.equal(trial.feed.size, 0);
});

Deno.test("policies of an API: what is needed again within a minute was never given up", async () => {
  await using world = new ApiWorld({});
  for (const object of [namespaceOf("default"), podOf("web"), policyOf("p", "web")]) world.api.put(object);
  await using trial = await PolicyTrial.start(world);
  await world.watches("networkpolicies", "namespaces", OWN);
  const { length } = world.api.requests;
  world.api.remove("default/p", "NetworkPolicy");
  await trial.wants("10.1.0.1 open", "not guarded");
  world.api.put(policyOf("q", "web"));
  await trial.wants("10.1.0.1 closed");
  assert.equal(world.api.requests.length, length);
});

Deno.test("policies of an API: as long as something is refused nothing is wanted, and the right that is missing is told", async () => {
  await using world = new ApiWorld();
  for (const object of [namespaceOf("default"), podOf("web"), policyOf("p", "web")]) world.api.put(object);
  let isForbidden = true;
  world.api.fault = ({ url }) =>
    isForbidden && url.includes("/pods?") ? refusal(403, "pods is forbidden") : undefined;
  await using trial = await PolicyTrial.start(world);
  await until("a complaint", () => /pods is forbidden/.test(JSON.stringify(trial.feed.waiting())), {
    pauseMs: 2,
  });
  const [waiting] = trial.feed.waiting();
  assert.match(
    waiting!.why,
    /apiGroups \[""\], resources \[pods\], verbs \[list\].*what stands in the kernel stays/,
  );
  assert.equal(trial.feed.takeChange(), undefined);
  isForbidden = false;
  await trial.wants("10.1.0.1 closed");
  assert.deepEqual(trial.feed.waiting(), []);
});

Deno.test("policies of an API: an outage changes nothing, and is told", async () => {
  const world = new ApiWorld();
  for (const object of [namespaceOf("default"), podOf("web"), policyOf("p", "web")]) world.api.put(object);
  await using trial = await PolicyTrial.start(world);
  await trial.wants("10.1.0.1 closed");
  await world[Symbol.asyncDispose]();
  await until("a complaint", () => trial.feed.waiting().length > 0, { pauseMs: 2 });
  assert.equal(trial.shown, "10.1.0.1 closed");
  assert.match(trial.feed.waiting()[0]!.why, /what was known before is enforced/);
});

for (const [way, first, second] of [["here", "n2", HERE], ["away", HERE, "n2"]] as const) {
  Deno.test(`policies of an API: a pod that comes ${way} under its old name, told as new before it is told as gone`, async () => {
    await using world = new ApiWorld();
    const web = (node: string, ip: string) => podOf("web", { node, ip });
    const anybody = { podSelector: {} };
    const objects = [
      namespaceOf("default"),
      podOf("db", { ip: "10.1.0.9" }),
      policyOf("p", "db", anybody),
      web(first, "10.1.0.1"),
    ];
    for (const object of objects) world.api.put(object);
    await using trial = await PolicyTrial.start(world);
    const locals = (address: string, node: string) => {
      return [...node === HERE ? [`${address} open`] : [], `10.1.0.9 from ${address} 10.1.0.9`];
    };
    await trial.wants(...locals("10.1.0.1", first));
    // Of the watch of the second node alone: the other one is late.
    const tellLate = world.api.hold(first === HERE ? OWN : OTHERS);
    world.api.put(web(second, "10.1.0.2"));
    await trial.wants(...locals("10.1.0.2", second));
    tellLate();
    await until("both to be told", () => trial.told > 0, { pauseMs: 2 });
    await trial.wants(...locals("10.1.0.2", second));
  });
}

Deno.test("A feed that is told Nodes says nothing before, and believes pods within their own node's pod CIDRs", async () => {
  await using world = new ApiWorld();
  let changes = 0;
  const feed = new PolicyFeed({
    node: HERE,
    nodesAreTold: true,
    open: world.open,
    onChange: () => changes++,
  });
  const nodes = (podCidr: string) => [{ node: { name: "n2" }, podCidrs: [parsePrefix(podCidr) as Prefix] }];
  await world.put(podOf("a", { ip: "10.244.1.5" }));
  await world.put(podOf("b", { ip: "10.244.2.5", node: "n2" }));
  await world.put(policyOf("p", "a", { podSelector: { matchLabels: { app: "b" } } }));
  feed.start();
  try {
    await until("all objects", () => feed.size === 3, { pauseMs: 2 });
    assert.equal(feed.desired(), undefined);
    const members = (podCidr: string) => {
      feed.takeNodes(nodes(podCidr));
      return [...feed.desired()!.sets.values()].flatMap((set) => set.members);
    };
    assert.deepEqual(members("10.244.9.0/24"), []);
    const before = changes;
    assert.deepEqual(members("10.244.2.0/24"), ["10.244.2.5"]);
    assert.ok(changes > before);
    const after = changes;
    feed.takeNodes([...nodes("10.244.2.0/24"), { node: { name: "n9" }, podCidrs: [] }]);
    assert.equal(changes, after, "a Node without pods is no news");
  } finally {
    await feed.close();
  }
});

Deno.test("policies of an API: the first word is waited for, and no longer than until something cannot be had", async () => {
  for (const isForbidden of [false, true]) {
    await using world = new ApiWorld();
    for (const object of [namespaceOf("default"), podOf("web"), policyOf("p", "web")]) world.api.put(object);
    if (isForbidden) {
      world.api.fault = ({ url }) => url.includes("networkpolicies") ? refusal(403, "no") : undefined;
    }
    await using trial = await PolicyTrial.start(world);
    await trial.feed.settled(AbortSignal.timeout(10_000));
    assert.equal(trial.shown, isForbidden ? "unknown" : "10.1.0.1 closed");
  }
});
