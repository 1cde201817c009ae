// What docs/declared-networks.md says of several teams, done as it stands: by kubectl, one command right behind the other.

import assert from "node:assert/strict";
import { DeclaredCluster, GROUP } from "../declared/declared_cluster.ts";
import { makeNamespace } from "../declared/tenancy.ts";
import { snippetsIn } from "../docs/snippets.ts";
import { Cluster } from "../lab/kubernetes/cluster.ts";
import { until } from "../lab/until.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
const path = "docs/declared-networks.md";
const snippets = snippetsIn({ path, text: await Deno.readTextFile(`${ROOT}${path}`) });

const cluster = await Cluster.create({ nodes: 1 });
Deno.test.afterAll(() => cluster[Symbol.asyncDispose]());

/** Each command with its standard input; no shell, which would need a kubectl that knows this cluster. */
async function perform(snippet: string): Promise<string> {
  let said = "";
  for (const [, line, input] of snippet.matchAll(/^kubectl (.*?)(?: <<'END'\n([\s\S]*?)^END$)?$/gm)) {
    const args = line!.replace("-k deploy", `-k ${ROOT}deploy`).replaceAll("'", "").split(" ");
    said = await cluster.plane.mustKubectl(args, input);
  }
  return said;
}

Deno.test("the page's grant and object are taken as they stand", async () => {
  await new DeclaredCluster(cluster).define();
  await makeNamespace(cluster, "shop");
  await perform(snippets.get("grant")!);
  const [write, read] = snippets.get("object")!.split(/(?<=^END\n)/m) as [string, string];
  let last = "";
  // The policy and its parameter are two things that the API server learns of by and by.
  await until("the object to be taken", async () => {
    last = await perform(write).catch((error: Error) => error.message);
    return /podwireguardinterface\S* created/.test(last);
  }, { deadlineMs: 30_000, seen: () => last });
  const object = `${GROUP}/namespaces/shop/podwireguardinterfaces/partner`;
  await cluster.admin.patch(`${object}`, { metadata: { labels: { by: "shop" } } });
  assert.equal(await perform(read.replace(".status.publicKey", ".spec.listenPort")), "52000");
});
