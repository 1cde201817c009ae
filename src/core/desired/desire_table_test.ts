import assert from "node:assert/strict";
import { desireOf, type NodeWords, ordinaryNode } from "../../../test/cluster.ts";

const MESH = [1, 2].map(ordinaryNode);
const WITHOUT = desireOf(MESH).table;

Deno.test("NO_MASQUERADE_CIDRS are members of a set, asked before sources and masquerade, in families that are masqueraded", () => {
  const { templates, sets } = desireOf(MESH, {
    NO_MASQUERADE_CIDRS: "192.168.0.0/16,fd09::/64,192.168.7.0/24,10.0.0.0/8",
    MASQUERADE_IPV6: "false",
  }).table;
  assert.deepEqual(sets, { ...WITHOUT.sets, "no-masquerade-v4": ["10.0.0.0/8", "192.168.0.0/16"] });
  const [place, ...others] = ["no-masquerade-v4", "source-v4", "masquerade-v4"].map((name) =>
    templates.indexOf(name)
  );
  assert.ok(place! > 0 && others.every((other) => other > place!), templates.join());
  assert.ok(!templates.includes("no-masquerade-v6"));
});

Deno.test("What kube-proxy masquerades into the tunnel has its address, where keys may rotate, in families of the tunnel", () => {
  const proxiedIn = (environment: Record<string, string>, own: NodeWords = ordinaryNode(1)) => {
    const { templates, defines } =
      desireOf([own, ordinaryNode(2)], environment, { wireguard: "userspace" }).table;
    const families = templates.filter((name) => name.startsWith("proxied")).map((name) => name.slice(-1));
    return families.map((family) => defines[`tunnel_v${family}`]).join();
  };
  assert.equal(proxiedIn({}), "10.244.1.1,fd00:10:244:1::1");
  assert.equal(proxiedIn({ KEY_ROTATION: "30d", NATIVE_ROUTING_IPV6: "true" }), "10.244.1.1");
  const podCIDRs = ["10.244.9.0/24", "10.244.1.0/24"];
  assert.equal(proxiedIn({}, { ...ordinaryNode(1), podCIDRs }), "10.244.1.1");
  assert.equal(proxiedIn({}, { ...ordinaryNode(1), podCIDRs: [] }), "");
  for (
    const without of [
      { KEY_ROTATION: "off" },
      { FIREWALL_ONLY: "true" },
      { HOST_ENCRYPTION: "require" },
      { WIREGUARD_GO: "awaited" },
      { TRANSPORT_IPV4: "direct" },
    ]
  ) assert.equal(proxiedIn(without), "", JSON.stringify(without));
});
