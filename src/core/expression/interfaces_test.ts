import assert from "node:assert/strict";
import { interfacesOf } from "./interfaces.ts";

/** Each interface with its prefixes, as texts. */
function textsOf(links: Parameters<typeof interfacesOf>[0]): Record<string, string[]> {
  return Object.fromEntries(
    [...interfacesOf(links, "wigglenet")].map(([name, prefixes]) => [name, prefixes.map(({ text }) => text)]),
  );
}

Deno.test("prefixes keep their host bits and are sorted: IPv4 first, then by address, then by length", () => {
  const addr_info = [
    { local: "2001:db8::5", prefixlen: 64 },
    { local: "10.0.0.5", prefixlen: 25 },
    { local: "10.0.0.5", prefixlen: 24 },
    { local: "2001:db8::4", prefixlen: 128 },
    { local: "10.0.0.4", prefixlen: 32 },
  ];
  assert.deepEqual(textsOf([{ ifname: "eth0", addr_info }]), {
    eth0: ["10.0.0.4/32", "10.0.0.5/24", "10.0.0.5/25", "2001:db8::4/128", "2001:db8::5/64"],
  });
});

Deno.test("loopback and link-local addresses, interfaces without others and the tunnel are left out", () => {
  const links = [
    {
      ifname: "lo",
      addr_info: [{ local: "127.0.0.1", prefixlen: 8 }, { local: "2001:db8::1", prefixlen: 128 }],
    },
    {
      ifname: "eth1",
      addr_info: [{ local: "fe80::1", prefixlen: 64 }, { local: "169.254.0.1", prefixlen: 16 }],
    },
    {
      ifname: "eth0",
      addr_info: [{ local: "192.0.2.1", prefixlen: 24 }, { prefixlen: 24 }, { local: "192.0.2.2" }],
    },
    { ifname: "wigglenet", addr_info: [{ local: "10.244.1.1", prefixlen: 32 }] },
    { ifname: "eth2" },
    {},
  ];
  assert.deepEqual(textsOf(links), { eth0: ["192.0.2.1/24"], lo: ["2001:db8::1/128"] });
});
