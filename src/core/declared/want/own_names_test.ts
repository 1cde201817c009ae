import assert from "node:assert/strict";
import { parsed } from "../../../../test/declared/parsed.ts";
import { DUMMY } from "../../../../test/declared/walk_through.ts";
import { interfacesBeside } from "../../transport/interfaces_beside.ts";
import { wantInterfaces } from "./want_interfaces.ts";

Deno.test("No object has the name of an interface of the agent's, however long the first one's is", () => {
  const names = ["wigglenet-main", "wigglenet-maint", "abcdefghi-ipsec", "abcdefghijkl-br"];
  for (const interfaceName of names) {
    const own = [interfaceName, ...interfacesBeside({ interfaceName })];
    assert.equal(new Set(own).size, own.length);
    for (const name of own) {
      const object = parsed({ ...DUMMY, spec: { ...DUMMY.spec, interfaceName: name } });
      const { interfaces, rejected } = wantInterfaces([object], {
        nodeName: "lax1",
        interfaceName,
        ports: [],
        nowMs: 0,
      });
      assert.deepEqual(interfaces, []);
      assert.equal(rejected[0]!.reason, `the name ${name} belongs to the pod network`);
    }
  }
});
