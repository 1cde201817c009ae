import assert from "node:assert/strict";
import { type Address, parseAddress } from "./address.ts";
import { endpointOf, parseEndpoint } from "./endpoint.ts";
import { Refusal } from "./refusal.ts";

const readable: readonly [text: string, address: string, port: number, canonical: string][] = [
  ["10.9.1.2:24601", "10.9.1.2", 24601, "10.9.1.2:24601"],
  ["10.9.1.2:1", "10.9.1.2", 1, "10.9.1.2:1"],
  ["10.9.1.2:65535", "10.9.1.2", 65535, "10.9.1.2:65535"],
  ["[fd09::2]:24601", "fd09::2", 24601, "[fd09::2]:24601"],
  ["[FD09:0::2]:24601", "fd09::2", 24601, "[fd09::2]:24601"],
];

for (const [text, host, port, canonical] of readable) {
  Deno.test(`parseEndpoint reads ${text} as ${canonical}`, () => {
    const address = parseAddress(host) as Address;
    assert.deepEqual(parseEndpoint(text), { address, port, text: canonical });
    assert.deepEqual(endpointOf(address, port), { address, port, text: canonical });
  });
}

const refusals: readonly [input: unknown, reason: string][] = [
  ["", '"" is not an address and port'],
  ["(none)", '"(none)" is not an address and port'],
  ["10.9.1.2", '"10.9.1.2" is not an address and port'],
  ["10.9.1.2:", '"10.9.1.2:" is not an address and port'],
  ["10.9.1.2:0", '"10.9.1.2:0" is not an address and port'],
  ["10.9.1.2:080", '"10.9.1.2:080" is not an address and port'],
  ["10.9.1.2:+80", '"10.9.1.2:+80" is not an address and port'],
  ["10.9.1.2:65536", '"10.9.1.2:65536" has a port above 65535'],
  ["10.9.1.2:100000", '"10.9.1.2:100000" is not an address and port'],
  ["10.9.1.2:80\n", '"10.9.1.2:80\\n" is not an address and port'],
  [" 10.9.1.2:80", '" 10.9.1.2:80" is not an address and port'],
  ["[10.9.1.2]:80", '"[10.9.1.2]:80" is not an address and port'],
  ["fd09::2:80", '"fd09::2:80" is not an address and port'],
  ["[fd09::2]80", '"[fd09::2]80" is not an address and port'],
  ["[fe80::1%eth0]:80", '"[fe80::1%eth0]:80" is not an address and port'],
  ["node-1.example:80", '"node-1.example:80" is not an address and port'],
  ["010.9.1.2:80", '"010.9.1.2" is not an IP address'],
  ["10.9.1:80", '"10.9.1" is not an IP address'],
  ["[::ffff:a09:102]:80", '"::ffff:a09:102" is an IPv4-mapped IPv6 address'],
  ["[fd09:::2]:80", '"fd09:::2" is not an IP address'],
  [undefined, "nothing is not an address and port"],
  [24601, "24601 is not an address and port"],
];

for (const [input, reason] of refusals) {
  Deno.test(`parseEndpoint refuses: ${reason}`, () => {
    assert.deepEqual(parseEndpoint(input), new Refusal(reason));
  });
}
