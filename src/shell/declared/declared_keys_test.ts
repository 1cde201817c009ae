import assert from "node:assert/strict";
import { parsed } from "../../../test/declared/parsed.ts";
import { POD_WIREGUARD } from "../../../test/declared/tenants.ts";
import { temporaryFolder } from "../../../test/sources/temporary_folder.ts";
import { forgetTenantKeys } from "./declared_keys.ts";

const UID = "5e1f0f4e-0000-4000-8000-000000000001";

Deno.test("Keys of namespaces' objects that are gone go, and no others", async () => {
  const folder = temporaryFolder();
  const kept = [
    ...[`tenant-team-a_link_${UID}.key`, "interface-team-b_link.key"],
    ...["plan-tenant-x.key", "interface-link.key", "plan_of_somebody"],
  ];
  const ofEarlierAgents = "interface-team-a_link.key";
  const gone = ["tenant-team-a_link_other.key", `tenant-team-b_link_${UID}.key`, ofEarlierAgents];
  for (const name of [...kept, ...gone]) await Deno.writeTextFile(`${folder}/${name}`, "");
  const objectOf = (metadata: { readonly uid?: string; readonly namespace?: string }) =>
    parsed({ ...POD_WIREGUARD, metadata: { ...POD_WIREGUARD.metadata, ...metadata } } as never);
  // Files need say no uid.
  await forgetTenantKeys(folder, [objectOf({ uid: UID }), objectOf({ namespace: "team-b" })]);
  assert.deepEqual(
    (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).sort(),
    kept.sort(),
  );
  await forgetTenantKeys(`${folder}/none`, []);
});
