// The source of Nodes from a real API server does what every source must do: test/sources/behaviour.ts.

import assert from "node:assert/strict";
import { parseListPage, parseWatchEvent } from "../../src/core/kubernetes/object_list.ts";
import { NODES as NODE_RESOURCE } from "../../src/core/kubernetes/resource.ts";
import { refused } from "../../src/core/net/refusal.ts";
import type { NodeName } from "../../src/core/nodes/node.ts";
import { pickNode } from "../../src/core/nodes/pick_node.ts";
import { formatOf } from "../../src/shell/sources/kubernetes/answer_format.ts";
import { readBody } from "../../src/shell/sources/kubernetes/body.ts";
import { kubeletNode } from "../lab/kubernetes/kubelet_node.ts";
import { NODES } from "../lab/kubernetes/agent_account.ts";
import { inParallel } from "../lab/kubernetes/api_client.ts";
import { ControlPlane } from "../lab/kubernetes/control_plane.ts";
import { Lab } from "../lab/lab.ts";
import { run } from "../lab/process.ts";
import { describeSource, type Harness } from "../sources/behaviour.ts";
import { pickItem } from "../sources/trial.ts";
import { ApiClient } from "../../src/shell/sources/kubernetes/api_client.ts";
import { KubernetesSource } from "../../src/shell/sources/kubernetes/kubernetes_source.ts";

const lab = await Lab.create({ nodes: 0 });
const plane = await ControlPlane.create(lab);
Deno.test.afterAll(async () => {
  await plane[Symbol.asyncDispose]();
  await lab.close();
});
const ANSWER_MS = 10_000;
// The source's own way in, by which the administrator does not go: nobody answers there until the world appears.
const DOOR = { address: "127.0.0.1", port: 16443 };
await run(["ip", "link", "set", "lo", "up"]);

const access = {
  caCerts: [await plane.file("ca.crt")],
  headers: {},
  pair: { cert: await plane.file("admin.crt"), key: await plane.file("admin.key") },
};

async function makeHarness(): Promise<Harness> {
  const { items } = await plane.admin.demand(NODES) as { items: { metadata: { name: string } }[] };
  await inParallel(items, ({ metadata: { name } }) => plane.admin.remove(`${NODES}/${name}`));
  let door: Door | undefined;
  return {
    open: (options) => {
      const server = `https://${DOOR.address}:${DOOR.port}`;
      const credentials = {
        server,
        identity: "the administrator",
        namespace: undefined,
        read: () => Promise.resolve(access),
      };
      return new KubernetesSource(new ApiClient(credentials, ANSWER_MS), { ...options, pick: pickItem });
    },
    put: async (node) => {
      const { name } = node.metadata as { name: string };
      const { status } = await plane.admin.ask(`${NODES}/${name}`, { method: "PUT", body: node });
      if (status === 404) await plane.admin.create(NODES, node);
    },
    remove: async (name) => {
      await plane.admin.remove(`${NODES}/${name}`);
    },
    appear: () => {
      door ??= new Door(plane.adminUrl);
      return Promise.resolve();
    },
    [Symbol.asyncDispose]: async () => await door?.close(),
  };
}

/** Passes connections on to the API server. */
class Door {
  readonly #listener = Deno.listen({ hostname: DOOR.address, port: DOOR.port });
  readonly #passing = new Set<Promise<unknown>>();

  constructor(url: string) {
    const { hostname, port } = new URL(url);
    this.#passing.add(this.#serve({ hostname, port: Number(port) }));
  }

  async #serve(to: Deno.ConnectOptions): Promise<void> {
    for await (const inner of this.#listener) this.#passing.add(pass(inner, to));
  }

  async close(): Promise<void> {
    this.#listener.close();
    await Promise.all(this.#passing);
  }
}

async function pass(inner: Deno.TcpConn, to: Deno.ConnectOptions): Promise<void> {
  const outer = await Deno.connect(to);
  const ways = [inner.readable.pipeTo(outer.writable), outer.readable.pipeTo(inner.writable)];
  await Promise.race(ways).catch(() => {});
  // Whoever ends it ends both ways.
  for (const end of [inner, outer]) tryClose(end);
  await Promise.allSettled(ways);
}

function tryClose(connection: Deno.TcpConn): void {
  try {
    connection.close();
  } catch {
    // a stream that has ended closed it
  }
}

describeSource("the Kubernetes API", makeHarness);

/** What the API answers to this path in one form. */
async function answer(accept: string, path: string) {
  const credentials = {
    server: plane.adminUrl,
    identity: "",
    namespace: undefined,
    read: () => Promise.resolve(access),
  };
  const client = new ApiClient(credentials, ANSWER_MS);
  try {
    const ask = {
      verb: "list",
      what: "nodes",
      resource: NODE_RESOURCE,
      path,
      accept,
      controller: new AbortController(),
    } as const;
    const response = await client.ask(ask);
    assert.equal(response.headers.get("content-type")!.split(";")[0], accept);
    const bytes = await readBody(response, { maxBytes: 8 << 20, onPart: () => {} });
    return { ...formatOf(response), bytes };
  } finally {
    client.renew();
  }
}

const FORMS = ["application/json", "application/vnd.kubernetes.protobuf"];

Deno.test("the API says of Nodes the same in protocol buffers as in JSON", async () => {
  const { items } = await plane.admin.demand(NODES) as { items: { metadata: { name: string } }[] };
  await inParallel(items, ({ metadata: { name } }) => plane.admin.remove(`${NODES}/${name}`));
  const metadata = {
    name: "full",
    labels: { "example.com/empty": "", zone: "a" },
    annotations: { "wigglenet/node-ips": `["fd00::1"]`, "example.com/odd": `"}\\ \u{feff}\u0000\u{1f600}\n` },
  };
  const spec = { podCIDRs: ["10.1.0.0/24", "fd00:1::/64"] };
  const status = { addresses: [{ type: "InternalIP", address: "10.0.0.1" }] };
  await plane.admin.create(NODES, kubeletNode({ apiVersion: "v1", kind: "Node", metadata, spec, status }));
  await plane.admin.create(NODES, { apiVersion: "v1", kind: "Node", metadata: { name: "bare" } });
  const pick = (object: unknown) => [undefined, "full" as NodeName].map((name) => pickNode(object, name));
  const lists: unknown[][] = [];
  const watches: unknown[][] = [];
  for (const form of FORMS) {
    const { encoding, bytes } = await answer(form, NODES);
    const page = parseListPage(bytes, encoding, "Node");
    if (refused(page)) throw new Error(page.reason);
    assert.match(page.resourceVersion, /^[1-9]\d*$/); // not the same: other objects change meanwhile
    lists.push(page.items.map(pick));
    const watch = await answer(form, `${NODES}?watch=1&timeoutSeconds=1`);
    const events = Array.from(watch.cutter(1 << 20).cut(watch.bytes), (piece) => {
      const read = parseWatchEvent(piece, watch.encoding);
      if (refused(read) || read.event.type !== "put") return read;
      return [read.version, read.event.name, pick(read.event.object)];
    });
    watches.push(events.sort((a, b) => String(a).localeCompare(String(b))));
  }
  assert.equal(lists[0]!.length, 2);
  assert.equal(watches[0]!.length, 2);
  assert.deepEqual(lists[1], lists[0]);
  assert.deepEqual(watches[1], watches[0]);
});

Deno.test("heartbeats that the API tells have one mark, and a label another one", async () => {
  const named = { apiVersion: "v1", kind: "Node", metadata: { name: "beating" } };
  const { metadata } = await plane.admin.create(NODES, named);
  const beat = (seconds: number) => {
    const conditions = [{
      type: "Ready",
      status: "True",
      lastHeartbeatTime: `2026-01-01T00:00:0${seconds}Z`,
    }];
    const type = "application/strategic-merge-patch+json";
    return plane.admin.demand(`${NODES}/beating/status`, {
      method: "PATCH",
      body: { status: { conditions } },
      type,
    });
  };
  const versions: string[] = [];
  for (const seconds of [1, 2]) versions.push((await beat(seconds)).metadata.resourceVersion);
  const labelled = await plane.admin.patch(`${NODES}/beating`, { metadata: { labels: { zone: "a" } } });
  versions.push(labelled.metadata.resourceVersion);
  const query = `watch=1&timeoutSeconds=1&fieldSelector=metadata.name%3Dbeating`;
  const watch = await answer(FORMS[1]!, `${NODES}?${query}&resourceVersion=${metadata.resourceVersion}`);
  const events = Array.from(watch.cutter(1 << 20).cut(watch.bytes), (piece) => watch.skim(piece)!);
  assert.deepEqual(events.map(({ name }) => name), ["beating", "beating", "beating"]);
  assert.deepEqual(events.map(({ version }) => version), versions);
  const [first, second, third] = events.map(({ mark }) => mark);
  assert.equal(second, first);
  assert.notEqual(third, first);
  await plane.admin.remove(`${NODES}/beating`);
});

Deno.test("a refusal in protocol buffers says the same as in JSON", async () => {
  const texts: string[] = [];
  for (const form of FORMS) {
    await assert.rejects(
      answer(form, `${NODES}?limit=x`),
      ({ message }: Error) => Boolean(texts.push(message)),
    );
  }
  assert.match(texts[0]!, /the API answered 400: .*invalid syntax/);
  assert.equal(texts[1], texts[0]);
});
