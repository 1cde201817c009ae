// The source of Nodes from a real API server does what every source must do: test/sources/behaviour.ts.

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
