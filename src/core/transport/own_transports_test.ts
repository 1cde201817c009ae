import assert from "node:assert/strict";
import { settingsOf } from "../../../test/cluster.ts";
import { transportPorts } from "./own_transports.ts";

const CASES: readonly (readonly [env: Record<string, string>, ports: readonly number[]])[] = [
  [{}, []],
  [{ TRANSPORT_IPV4: "direct", TRANSPORT_IPV6: "gre" }, []],
  [{ TRANSPORT_IPV6: "vxlan-or-wireguard", VXLAN_PORT: "4790" }, [4790]],
  [{ TRANSPORT_IPV4: "ipsec", IPSEC_UDP_PORT: "4500" }, [4500]],
  [{ TRANSPORT_IPV4: "ipsec", TRANSPORT_IPV6: "ipsec", IPSEC_UDP_PORT: "0" }, []],
];

for (const [env, ports] of CASES) {
  Deno.test(`Others send to UDP ports ${ports.join(" and ") || "of WireGuard alone"} with ${JSON.stringify(env)}`, () => {
    assert.deepEqual(transportPorts(settingsOf(env)), ports);
  });
}
