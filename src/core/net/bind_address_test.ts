import assert from "node:assert/strict";
import { parseBindAddress } from "./bind_address.ts";
import { refused } from "./refusal.ts";

Deno.test("a bind address is a port, with an address of this host or without", () => {
  const cases: readonly (readonly [string, string | undefined, number])[] = [
    [":9091", undefined, 9091],
    ["127.0.0.1:9091", "127.0.0.1", 9091],
    ["0.0.0.0:1", "0.0.0.0", 1],
    ["[::1]:9091", "::1", 9091],
    ["[::]:65535", "::", 65535],
    ["[FD00:0::1]:80", "fd00::1", 80],
    ["localhost:9091", "127.0.0.1", 9091],
  ];
  for (const [text, host, port] of cases) {
    assert.deepEqual(parseBindAddress(text), { host, port, text }, text);
  }
});

Deno.test("a bind address that is none, or names a service, a zone or port 0, is refused", () => {
  const texts = ["", "9091", ":0", ":65536", ":09091", "::1:9091", "[::1]", "1.2.3:80", "127.0.0.1", ":http"];
  for (
    const text of [...texts, "[fe80::1%eth0]:80", "example.org:80", " :9091", "[127.0.0.1]:80", ":9091\n"]
  ) {
    assert.ok(refused(parseBindAddress(text)), text);
  }
});
