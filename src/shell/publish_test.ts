import assert from "node:assert/strict";
import { keyOf, nodeJson, ordinaryNode, settingsOf } from "../../test/cluster.ts";
import { until } from "../../test/lab/until.ts";
import { clientOf } from "../../test/sources/api_source.ts";
import { FakeApi, refusal } from "../../test/sources/fake_api.ts";
import { NO_FACTS } from "../core/desired/host_facts.ts";
import type { RawSettings } from "../core/settings/parse_settings.ts";
import { nodeParser, nodePicker } from "../core/nodes/node_parser.ts";

import { Log } from "./log.ts";
import { Publisher } from "./publish.ts";
import { KubernetesSource } from "./sources/kubernetes/kubernetes_source.ts";

type Annotations = Record<string, string> | undefined;

const FACTS = { ...NO_FACTS, isPublished: true, publicKey: keyOf(1) };
const KEY = "wigglenet/public-key";

/** An API, a source on it, and a publisher that hears of every change, as in the agent. */
class Scene implements AsyncDisposable {
  readonly api = new FakeApi();
  readonly client = clientOf(this.api.url);
  readonly publisher: Publisher;
  readonly source = new KubernetesSource(this.client, {
    parse: nodeParser(settingsOf()),
    pick: nodePicker(settingsOf()),
    onChange: () => this.consider(),
  });

  constructor(environment: RawSettings = { KEY_ROTATION: "manual" }) {
    const log = new Log("text", "error");
    this.publisher = new Publisher({ settings: settingsOf(environment), api: this.client, log });
  }

  async start(): Promise<void> {
    await this.source.start();
    this.consider();
  }

  consider(): void {
    this.publisher.consider(this.source.state().items, FACTS);
  }

  get annotations(): Annotations {
    return (this.api.get("n1")?.metadata as { annotations?: Annotations })?.annotations;
  }

  get patches(): string[] {
    return this.api.requests.filter((line) => line.startsWith("PATCH"));
  }

  /** Somebody else writes this over the annotations of n1. */
  edit(annotations: Annotations): void {
    const node = this.api.get("n1")!;
    this.api.put({ ...node, metadata: { ...node.metadata as object, annotations } });
  }

  async published(): Promise<void> {
    await until("the annotations", () => this.annotations?.[KEY] === keyOf(1), { pauseMs: 2 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.publisher.close();
    await this.source.close();
    await this.api[Symbol.asyncDispose]();
  }
}

const NEW = nodeJson({ ...ordinaryNode(1), key: undefined }) as Record<string, unknown>;
const WHOLE = {
  [KEY]: keyOf(1),
  "wigglenet/next-key": "none",
  "wigglenet/node-ips": "[]",
  "wigglenet/pod-cidrs": `["fd00:10:244:1::/64","10.244.1.0/24"]`,
};

Deno.test("a Node that says nothing is written once, and no other Node ever", async () => {
  await using scene = new Scene();
  scene.api.put(NEW);
  scene.api.put(nodeJson({ name: "n2" }) as Record<string, unknown>);
  await scene.start();
  await scene.published();
  assert.deepEqual(scene.annotations, WHOLE);
  await until("the watch to tell it", () => scene.source.state().items[0]!.stated!.size === 4);
  for (let i = 0; i < 20; i++) scene.consider();
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  assert.deepEqual(scene.patches, ["PATCH /api/v1/nodes/n1?fieldManager=wigglenet"]);
});

Deno.test("a Node that says everything is not written", async () => {
  await using scene = new Scene();
  scene.api.put({ ...NEW, metadata: { name: "n1", annotations: WHOLE } });
  await scene.start();
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.deepEqual(scene.patches, []);
});

Deno.test("a Node that is made after the start is written then", async () => {
  await using scene = new Scene();
  await scene.start();
  scene.api.put(NEW);
  await scene.published();
});

Deno.test("what somebody else has edited comes back, what is not ours stays", async () => {
  await using scene = new Scene();
  scene.api.put(NEW);
  await scene.start();
  await scene.published();
  scene.edit({ ...WHOLE, [KEY]: keyOf(7), "wigglenet/endpoint": "example.com", "wigglenet/new": "1" });
  await scene.published();
  assert.deepEqual(scene.annotations, {
    ...WHOLE,
    "wigglenet/endpoint": "example.com",
    "wigglenet/new": "1",
  });
});

Deno.test("who edits again and again is answered ever more slowly", async () => {
  await using scene = new Scene();
  scene.api.put(NEW);
  await scene.start();
  const end = performance.now() + 4_000;
  while (performance.now() < end) {
    if (scene.annotations?.[KEY] === keyOf(1)) scene.edit({});
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.ok(scene.patches.length >= 2 && scene.patches.length <= 3, scene.patches.join("\n"));
});

Deno.test("what is refused is said with its remedy, tried again, and forgotten when done", async () => {
  await using scene = new Scene();
  let left = 2;
  scene.api.fault = (request) =>
    request.method === "PATCH" && left-- > 0 ? refusal(403, `nodes "n1" is forbidden`) : undefined;
  scene.api.put(NEW);
  await scene.start();
  const [waiting] = await until(
    "the refusal",
    () => scene.publisher.waiting().length > 0 && scene.publisher.waiting(),
  );
  assert.match(waiting!.why, /patch of node n1: the API answered 403.*verbs \[patch\]/);
  await scene.published();
  await until("no complaint", () => scene.publisher.waiting().length === 0);
});

Deno.test("that packets in the clear are taken is said once they are; that they are not, at once", async () => {
  await using scene = new Scene({ TRANSPORT_IPV4: "direct" });
  scene.api.put(NEW);
  await scene.start();
  await scene.published();
  const said = () => scene.annotations?.["wigglenet/transport"];
  assert.equal(said(), undefined);
  scene.publisher.passed({ appliedSteps: 0, isStanding: false });
  assert.equal(said(), undefined);
  scene.publisher.passed({ appliedSteps: 9, isStanding: false });
  await until("it to be said", () => said() === "ipv4=direct,ipv6=wireguard", { pauseMs: 2 });
  await using back = new Scene({});
  const annotations = { "wigglenet/transport": "ipv4=direct,ipv6=direct" };
  back.api.put({ ...NEW, metadata: { name: "n1", annotations } });
  await back.start();
  await until("it to be gone", () => {
    return back.annotations?.[KEY] !== undefined && back.annotations["wigglenet/transport"] === undefined;
  }, { pauseMs: 2 });
});
