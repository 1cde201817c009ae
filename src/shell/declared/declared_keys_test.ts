import assert from "node:assert/strict";
import { parsed } from "../../../test/declared/parsed.ts";
import { POD_WIREGUARD } from "../../../test/declared/tenants.ts";
import { temporaryFolder } from "../../../test/sources/temporary_folder.ts";
import { forgetTenantKeys } from "./declared_keys.ts";

const UID = "5e1f0f4e-0000-4000-8000-000000000001";

Deno.test("Keys of namespaces' objects that are gone go, and no others", async () => {
  const folder = temporaryFolder();
  const kept = [`tenant-team-a_link_${UID}.key`, "interface-team-a_link.key", "plan-tenant-x.key"];
  for (const name of [...kept, "tenant-team-a_link_other.key", `tenant-team-b_link_${UID}.key`]) {
    await Deno.writeTextFile(`${folder}/${name}`, "");
  }
  const object = parsed({ ...POD_WIREGUARD, metadata: { ...POD_WIREGUARD.metadata, uid: UID } } as never);
  await forgetTenantKeys(folder, [object]);
  assert.deepEqual(
    (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).sort(),
    kept.sort(),
  );
  await forgetTenantKeys(`${folder}/none`, []);
});
