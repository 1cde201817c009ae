import assert from "node:assert/strict";
import { statusPatch } from "./declared_publisher.ts";

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
