import assert from "node:assert/strict";
import { parsed } from "../../../test/declared/parsed.ts";
import { inNamespace, POD_DUMMY, POD_WIREGUARD } from "../../../test/declared/tenants.ts";
import { DUMMY, type ObjectJson } from "../../../test/declared/walk_through.ts";
import { until } from "../../../test/lab/until.ts";
import type { DeclaredReport } from "../../core/declared/status/report.ts";
import { Log } from "../log.ts";
import type { Reply } from "../sources/kubernetes/api_client.ts";
import { ConditionWriter, statusPatch } from "./condition_writer.ts";
import { DeclaredPublisher } from "./declared_publisher.ts";

/** An API that takes what it does not refuse, and remembers who was written. */
class Api {
  readonly asked: string[] = [];
  readonly refused = new Set<string>();

  request({ path }: { path: string }): Promise<Reply> {
    const name = path.split("?")[0]!.split("/").at(path.includes("/status") ? -2 : -1)!;
    this.asked.push(name);
    const status = this.refused.has(name) ? 500 : 200;
    return Promise.resolve({ status, body: { message: "etcdserver: request is too large" } } as Reply);
  }
}

/** All of it stands, of WireGuard with as many peers as one may have. */
function reported(...objects: readonly ObjectJson[]) {
  const all = objects.map(parsed);
  const peers = Array.from({ length: 256 }, (_, i) => ({
    node: `peer-${i}`,
    publicKey: undefined,
    endpoint: undefined,
    handshakeSeconds: 0,
  }));
  const report: DeclaredReport = {
    objects: all.map(({ kind, name }) => ({ kind, name, generation: 1, troubles: [] })),
    interfaces: all.filter(({ kind }) => kind === "PodWireGuardInterface").map((owner) => ({
      name: "wg",
      owner,
      type: "wireguard",
      state: "up",
      listenPort: 1,
      publicKey: "key",
      mtuBytes: 1420,
      addresses: [],
      peers,
    })),
  };
  return { report, objects: all, nodes: [] };
}

Deno.test("the status of an object is written where the object is, in its namespace where it has one", () => {
  const pathOf = (kind: Parameters<typeof statusPatch>[0]["kind"], name: string) =>
    statusPatch({ kind, name }, {}).path;
  const group = "/apis/networking.wigglenet.dev/v1alpha1";
  assert.equal(
    pathOf("NetlinkInterface", "d1"),
    `${group}/netlinkinterfaces/d1/status?fieldManager=wigglenet`,
  );
  assert.equal(
    pathOf("PodNetlinkInterface", "team-a/d1"),
    `${group}/namespaces/team-a/podnetlinkinterfaces/d1/status?fieldManager=wigglenet`,
  );
});

Deno.test("a status that the API does not take costs no other object its own", async () => {
  const api = new Api();
  api.refused.add("huge");
  const writer = new ConditionWriter(api);
  const { report, objects } = reported(
    inNamespace(POD_DUMMY, "team-a", "huge"),
    inNamespace(POD_DUMMY, "team-b"),
  );
  const { trouble } = await writer.write(report, objects);
  assert.deepEqual(api.asked, ["huge", "dummy"]);
  assert.match(trouble!, /500 to patch the status of PodNetlinkInterface team-a\/huge: etcdserver/);
  assert.deepEqual(
    await writer.write(report, objects),
    { hasAsked: false, trouble: undefined },
    "not at once",
  );
});

Deno.test("a namespace with thousands of objects costs another none of its time", async () => {
  const api = new Api();
  const many = Array.from({ length: 5_000 }, (_, i) => inNamespace(POD_DUMMY, "team-a", `many-${i}`));
  const { report, objects } = reported(...many, inNamespace(POD_DUMMY, "team-b", "own"));
  const writer = new ConditionWriter(api);
  await writer.write(report, objects);
  assert.deepEqual([api.asked.length, api.asked.at(-1)], [17, "own"]);
  await writer.write(report, objects);
  assert.equal(api.asked.length, 33, "then the next of them");
});

Deno.test("what namespaces have is in no WireGuardNode, and waits for none", async () => {
  const log = new Log("text", "error");
  const [cluster, tenants] = [new Api(), new Api()];
  const findings = reported(DUMMY, POD_WIREGUARD);
  const written: string[] = [];
  const request = (call: { path: string; body?: unknown }) => {
    written.push(JSON.stringify(call.body));
    return cluster.request(call);
  };
  const options = { nodeName: "n1", log };
  new DeclaredPublisher({ ...options, client: { request: request as never } }).passed(findings);
  new DeclaredPublisher({ ...options, client: tenants as never, ofTenants: true }).passed(findings);
  await until("both to have written", () => cluster.asked.length === 2 && tenants.asked.length === 1);
  assert.deepEqual([cluster.asked, tenants.asked], [["n1", DUMMY.metadata.name], ["link"]]);
  assert.doesNotMatch(written[0]!, /peer-|team-a/);
});
