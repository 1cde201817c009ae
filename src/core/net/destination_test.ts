import assert from "node:assert/strict";
import { parseDestination } from "./destination.ts";
import { refused } from "./refusal.ts";

const taken: readonly [text: string, host: string, port: number | undefined, canonical: string][] = [
  ["192.0.2.1:24601", "192.0.2.1", 24601, "192.0.2.1:24601"],
  ["192.0.2.1", "192.0.2.1", undefined, "192.0.2.1"],
  ["[2001:DB8::1]:7", "2001:db8::1", 7, "[2001:db8::1]:7"],
  ["[2001:db8:0::1]", "2001:db8::1", undefined, "[2001:db8::1]"],
  ["GW.Example.org:65535", "gw.example.org", 65535, "gw.example.org:65535"],
  ["gw", "gw", undefined, "gw"],
  ["1.example.0xorg:1", "1.example.0xorg", 1, "1.example.0xorg:1"],
  ["xn--bcher-kva.example:1", "xn--bcher-kva.example", 1, "xn--bcher-kva.example:1"],
  [`${"a".repeat(63)}.org:1`, `${"a".repeat(63)}.org`, 1, `${"a".repeat(63)}.org:1`],
  [`${"a.".repeat(126)}b`, `${"a.".repeat(126)}b`, undefined, `${"a.".repeat(126)}b`],
];

for (const [text, host, port, canonical] of taken) {
  Deno.test(`A destination is ${text.slice(0, 40)}`, () => {
    const parsed = parseDestination(text);
    assert.ok(!refused(parsed));
    assert.deepEqual(
      [typeof parsed.host === "string" ? parsed.host : parsed.host.text, parsed.port, parsed.text],
      [host, port, canonical],
    );
  });
}

const junk: readonly [text: unknown, reason: RegExp][] = [
  ["", /is not a host and port$/],
  [7, /^7 is not a host and port$/],
  [null, /^null is not/],
  [["gw:1"], /^a list is not/],
  ["gw:", /is not a host and port$/],
  [":24601", /is not a host and port$/],
  ["gw:0", /has a port that is not 1 to 65535$/],
  ["gw:024", /has a port/],
  ["gw:65536", /has a port/],
  ["gw:1:2", /is not a host and port$/],
  ["gw:+1", /is not a host and port$/],
  ["2001:db8::1", /: an IPv6 address goes in brackets$/],
  ["[192.0.2.1]:1", /is not an IPv6 address$/],
  ["[gw]:1", /is not an IP address$/],
  ["[fe80::1%eth0]:1", /is not an IP address$/],
  ["[::ffff:192.0.2.1]:1", /is not an IP address$/],
  ["127.1:1", /is not an IP address$/],
  ["2130706433:1", /is not an IP address$/],
  ["010.1.1.1:1", /is not an IP address$/],
  ["0x7f.1:1", /is not an IP address|neither/],
  ["gw.0x7f:1", /neither an address nor a DNS name$/],
  ["gw.1:1", /neither/],
  ["gw.example.org.:1", /neither/],
  ["gw..org:1", /neither/],
  ["-gw:1", /neither/],
  ["gw-:1", /neither/],
  ["g_w:1", /neither/],
  ["gw\n:1", /is not a host and port$/],
  ["$(reboot):1", /neither/],
  ["bücher.example:1", /neither/],
  [`${"a".repeat(64)}.org:1`, /neither/],
  [`${"a.".repeat(126)}bc`, /neither/],
  ["a".repeat(1 << 20), /^"a{64}"\.\.\. is not a host and port$/],
];

for (const [text, reason] of junk) {
  Deno.test(`No destination is ${JSON.stringify(text).slice(0, 40)}`, () => {
    const parsed = parseDestination(text);
    assert.ok(refused(parsed));
    assert.match(parsed.reason, reason);
  });
}
