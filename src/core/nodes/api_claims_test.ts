import assert from "node:assert/strict";
import { desireOf, ordinaryNode } from "../../../test/cluster.ts";
import { type Address, parseAddress } from "../net/address.ts";

const API = "10.9.1.210";
const facts = { apiAddress: parseAddress(API) as Address };
const members = [1, 2].map(ordinaryNode);

Deno.test("a pod CIDR that a Node claims by annotation is refused where it covers the API server, and its others are not", () => {
  for (const podCidr of [`${API}/32`, "10.9.1.208/29"]) {
    const said = { podCidrs: [podCidr, "10.244.9.0/24"] };
    const evil = { ...ordinaryNode(9), podCIDRs: undefined, said };
    const { rejected, routes, table, peers } = desireOf([...members, evil], {}, facts);
    const reason = `covers ${API}, at which this host asks the API server`;
    assert.deepEqual(rejected, [{ node: "n9", claim: `pod CIDR ${podCidr}`, reason, kind: "conflict" }]);
    assert.ok(!routes.some(({ destination }) => destination === podCidr));
    assert.ok(!table.sets["pod-cidrs-v4"].includes(podCidr));
    assert.ok(!peers.some(({ allowedIps }) => allowedIps.includes(podCidr)));
    assert.ok(routes.some(({ destination }) => destination === "10.244.9.0/24"));
  }
});

Deno.test("in spec it is an administrator's, and without an API server nobody's", () => {
  const odd = { ...ordinaryNode(9), podCIDRs: [`${API}/32`] };
  assert.deepEqual(desireOf([...members, odd], {}, facts).rejected, []);
  const claimed = { ...ordinaryNode(9), podCIDRs: undefined, said: { podCidrs: [`${API}/32`] } };
  assert.deepEqual(desireOf([...members, claimed]).rejected, []);
});
