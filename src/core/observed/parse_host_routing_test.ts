import assert from "node:assert/strict";
import { parseHostRouting } from "./parse_host_routing.ts";

// As iproute2 6.1 prints them.
const MAIN = `{"priority":32766,"src":"all","table":"main"}`;
const OURS =
  `{"priority":146,"src":"all","fwmark":"0x1000","fwmask":"0x1000","table":"146","protocol":"146"}`;
const RULE = "rule pref 146 fwmark 0x1000/0x1000 lookup 146 protocol 146";

Deno.test("Rules of our protocol and the routes of our table, as texts that a desired state has", () => {
  const routes = `[{"dst":"default","dev":"wigglenet","scope":"link","flags":["linkdown"]},` +
    `{"type":"unreachable","dst":"default","metric":32760,"flags":[]}]`;
  assert.deepEqual([...parseHostRouting(`[${MAIN},${OURS}]\n${routes}\n`, 4)], [
    RULE,
    "route default dev wigglenet proto 146",
    "route unreachable default proto 146 metric 32760",
  ]);
});

Deno.test("A rule that asks for a protocol, and routes that wrap, as iproute2 6.1 tells of them and as 6.15 does", () => {
  const udp =
    `{"priority":145,"src":"all","fwmark":"0x1000","fwmask":"0x1000","ipproto":"udp","table":"main","protocol":"146"}`;
  const ends = `"id":146,"src":"10.9.1.1","dst":"10.9.1.50"`;
  const rest = `"dev":"wigglenet-udp","scope":"link","flags":[]`;
  const old = `{"dst":"192.168.5.2","encap":"ip",${ends},"ttl":0,"tos":0,${rest}}`;
  const later = `{"dst":"192.168.5.2","encap":{"encap_type":"ip",${ends},"ttl":0,"tos":0},${rest}}`;
  for (const route of [old, later]) {
    assert.deepEqual([...parseHostRouting(`[${udp}]\n[${route}]\n`, 4)], [
      "rule pref 145 fwmark 0x1000/0x1000 ipproto udp lookup main protocol 146",
      "route 192.168.5.2/32 encap ip id 146 src 10.9.1.1 dst 10.9.1.50 dev wigglenet-udp proto 146",
    ]);
  }
});

Deno.test("Of IPv6 the metric that the kernel gives is not told, nor that what is unreachable is so by lo", () => {
  const routes = `[{"dst":"default","dev":"wigglenet","metric":1024,"flags":[],"pref":"medium"},` +
    `{"type":"unreachable","dst":"default","dev":"lo","metric":32760,"flags":[],"pref":"medium"}]`;
  assert.deepEqual([...parseHostRouting(`[${OURS}]\n${routes}\n`, 6)].slice(1), [
    "route default dev wigglenet proto 146",
    "route unreachable default proto 146 metric 32760",
  ]);
});

Deno.test("Without the table, which ip says by half a list, there are no routes", () => {
  assert.deepEqual([...parseHostRouting(`[${OURS}]\n[`, 4)], [RULE]);
  assert.deepEqual([...parseHostRouting(`[${MAIN}]\n`, 4)], []);
});

Deno.test("A rule of our number that is another one has all that finds it again", () => {
  const odd =
    `{"priority":7,"not":null,"src":"10.0.0.0","srclen":8,"dst":"10.9.1.1","iif":"eth0","oif":"eth1",` +
    `"fwmark":"0x1","table":"main","protocol":"146"}`;
  assert.deepEqual([...parseHostRouting(`[${odd}]\n[]\n`, 4)], [
    "rule not pref 7 from 10.0.0.0/8 to 10.9.1.1 iif eth0 oif eth1 fwmark 0x1 lookup main protocol 146",
  ]);
});

Deno.test("What are no rules is no answer", () => {
  assert.throws(() => parseHostRouting("", 4), SyntaxError);
});
