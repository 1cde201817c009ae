import assert from "node:assert/strict";
import { interfacesOf } from "./interfaces.ts";
import { seenText } from "./seen.ts";

const ETH0 = { ifname: "eth0", addr_info: [{ local: "192.0.2.1", prefixlen: 24 }] };

Deno.test("interfaces with single addresses come last, and no more than sixteen are named", () => {
  const pods = Array.from({ length: 30 }, (_, i) => ({
    ifname: `a${i}`,
    addr_info: [{ local: "10.244.1.1", prefixlen: 32 }],
  }));
  const text = seenText({ interfaces: interfacesOf([...pods, ETH0], "wigglenet") });
  assert.match(
    text,
    /^the interfaces that it saw: eth0 \(192\.0\.2\.1\/24\), a0 \(10\.244\.1\.1\/32\), .*, and 15 more$/,
  );
});

Deno.test("a host without an address, and a Node without a label, are said so", () => {
  const node = { name: "n1", labels: {}, annotations: {} };
  assert.equal(
    seenText({ interfaces: new Map(), node }),
    "the interfaces that it saw: none with a global unicast address; the labels of n1: none",
  );
});

Deno.test("labels are named with their values", () => {
  const node = { name: "n1", labels: { zone: "a", index: "7" }, annotations: {} };
  assert.equal(
    seenText({ interfaces: interfacesOf([ETH0], "wigglenet"), node }),
    "the interfaces that it saw: eth0 (192.0.2.1/24); the labels of n1: zone=a, index=7",
  );
});
