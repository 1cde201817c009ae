import assert from "node:assert/strict";
import { parseUplinks } from "./parse_uplinks.ts";

const ANNOUNCED =
  `{"dst":"default","gateway":"fe80::1","dev":"eth0","protocol":"ra","metric":1024,"flags":[],"expires":1797,"metrics":[{"mtu":1400,"hoplimit":64}],"pref":"medium"}`;
const SEVERAL =
  `{"dst":"default","flags":[],"nexthops":[{"gateway":"192.0.2.1","dev":"eth0","weight":1,"flags":[]},{"gateway":"198.51.100.1","dev":"eth1","weight":1,"flags":[]}]}`;
const STATIC = `{"dst":"default","gateway":"192.0.2.1","dev":"eth0","flags":[],"metrics":[{"mtu":1300}]}`;

// What `ip -j -4 route show default` and `ip -j -6 route show default` print (iproute2 6.1).
const answers: readonly [what: string, answers: readonly string[], uplinks: unknown][] = [
  ["No default route is no uplink", ["", "[]"], {}],
  ["A default route that somebody made says nothing of the rest", [`[${STATIC}]`, "[ ]"], { eth0: {} }],
  ["What a router announced counts for its interface", [`[${STATIC}]`, `[${ANNOUNCED}]`], {
    eth0: { announcedMtuBytes: 1400, isAnnounced: true },
  }],
  ["Of two routers the least counts", ["", `[${ANNOUNCED},${ANNOUNCED.replace("1400", "1380")}]`], {
    eth0: { announcedMtuBytes: 1380, isAnnounced: true },
  }],
  ["A default route by two interfaces makes both uplinks", [`[${SEVERAL}]`, ""], { eth0: {}, eth1: {} }],
  ["A router that announced none, and a route without an interface", [
    "",
    `[${ANNOUNCED.replace(/,"metrics":\[.*?\]/, "")},{"dst":"default","nexthops":[]}]`,
  ], { eth0: { isAnnounced: true } }],
];
for (const [what, given, uplinks] of answers) {
  Deno.test(what, () => assert.deepEqual(Object.fromEntries(parseUplinks(given)), uplinks));
}
