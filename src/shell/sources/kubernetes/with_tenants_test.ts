import assert from "node:assert/strict";
import { inNamespace, POD_DUMMY, type TenantJson } from "../../../../test/declared/tenants.ts";
import { until } from "../../../../test/lab/until.ts";
import { clientOf } from "../../../../test/sources/api_source.ts";
import { Log } from "../../log.ts";
import { WithTenants } from "./with_tenants.ts";

/** An API with lists of these objects, and watches in which nothing happens. */
class Api implements AsyncDisposable {
  hasTenants = false;
  hasGrants = true;
  isDown = false;
  /** Lists of tenants' objects end with the test. */
  isSlow = false;
  asked = 0;
  objects: readonly TenantJson[] = [POD_DUMMY];
  readonly #ends = new AbortController();
  readonly #server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, (request) => {
    const url = new URL(request.url);
    const plural = url.pathname.split("/").at(-1)!;
    if (this.isDown) return new Response("", { status: 503 });
    const isMissing = plural.startsWith("pod") && !this.hasTenants ||
      plural === "podinterfacegrants" && !this.hasGrants;
    if (plural.startsWith("pod")) this.asked++;
    if (isMissing) return Response.json({}, { status: 404 });
    if (url.searchParams.has("watch") || this.isSlow && plural.startsWith("pod")) {
      // It ends with the test.
      const body = new ReadableStream({
        start: (it) => this.#ends.signal.addEventListener("abort", () => it.close()),
      });
      return new Response(body, { headers: { "content-type": "application/json" } });
    }
    const items = plural === "podnetlinkinterfaces" ? this.objects : [];
    return Response.json({ kind: "List", metadata: { resourceVersion: "1" }, items });
  });

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ends.abort();
    await this.#server.shutdown();
  }
}

function sourceOn(api: Api): WithTenants {
  const log = new Log("text", "error");
  return new WithTenants({ client: clientOf(api.url), node: "n1", nodes: () => 1, log, probeMs: 20 });
}

const namesIn = (source: WithTenants) => source.declared()?.map(({ object }) => object?.name).join(" ");

Deno.test("without tenants' kinds nobody has such objects, also while the API is away, and with them they come", async () => {
  await using api = new Api();
  const source = sourceOn(api);
  source.listen(() => {});
  source.start();
  await until("an empty list", () => namesIn(source) === "");
  api.isDown = true;
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(namesIn(source), "", "what is the cluster's is kept in order meanwhile");
  api.isDown = false;
  api.hasTenants = true;
  await until("the tenant's object", () => namesIn(source) === "team-a/dummy");
  await source.close();
});

Deno.test("nobody knows what tenants have before the API has answered", async () => {
  await using api = new Api();
  api.isDown = true;
  const source = sourceOn(api);
  source.listen(() => {});
  source.start();
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.deepEqual([source.declared(), source.tenants()], [undefined, "unknown"]);
  api.hasTenants = true;
  api.isDown = false;
  await until("the tenant's object", () => {
    const names = namesIn(source);
    assert.equal(source.tenants(), names ? "listed" : "unknown", "never none of them");
    return names === "team-a/dummy";
  });
  await source.close();
});

Deno.test("what is the cluster's waits for no list of tenants' objects, however long that takes", async () => {
  await using api = new Api();
  api.hasTenants = api.isSlow = true;
  const source = sourceOn(api);
  source.listen(() => {});
  source.start();
  await until("the cluster's", () => namesIn(source) === "");
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.deepEqual([namesIn(source), source.tenants()], ["", "unknown"]);
  await source.close();
});

Deno.test("where one of tenants' kinds is missing nobody has such objects, and the API is not asked all the time", async () => {
  await using api = new Api();
  api.hasTenants = true;
  api.hasGrants = false;
  const source = sourceOn(api);
  source.listen(() => {});
  source.start();
  await until("the cluster's", () => namesIn(source) === "" && source.tenants() === "kept");
  const before = api.asked;
  await new Promise((resolve) => setTimeout(resolve, 300));
  // Three questions each 15 ms at the most.
  assert.ok(api.asked - before <= 70, `${api.asked - before} questions`);
  api.hasGrants = true;
  await until(
    "the tenant's object",
    () => namesIn(source) === "team-a/dummy" && source.tenants() === "listed",
  );
  api.hasGrants = false;
  await source.close();
});

Deno.test("a namespace that is filled with objects fills no memory, and takes no other's place", async () => {
  await using api = new Api();
  api.hasTenants = true;
  api.objects = [
    ...Array.from({ length: 3_000 }, (_, i) => inNamespace(POD_DUMMY, "team-a", `many-${i}`)),
    inNamespace(POD_DUMMY, "team-b"),
  ];
  const source = sourceOn(api);
  source.listen(() => {});
  source.start();
  await until("all to be listed", () => namesIn(source) !== undefined && source.tenants() === "listed");
  const names = namesIn(source)!.split(" ");
  assert.deepEqual([names.length, names.at(-1)], [257, "team-b/dummy"]);
  await source.close();
});
