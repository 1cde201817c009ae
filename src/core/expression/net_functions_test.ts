import assert from "node:assert/strict";
import * as cel from "@marcbachmann/cel-js";
import type { CelLibrary } from "./cel_library.ts";
import { podCidrEnvironment } from "./environment.ts";
import { CidrValue, IpValue } from "./net_values.ts";

/** The value as text; an error's first line. */
function valueOf(text: string): string {
  try {
    const value = podCidrEnvironment(cel as unknown as CelLibrary).evaluate(text);
    return value instanceof IpValue || value instanceof CidrValue ? value.text : String(value);
  } catch (error) {
    return `error: ${(error as Error).message.split("\n")[0]}`;
  }
}

// What the documentation and the tests of k8s.io/apiserver 0.34 (pkg/cel/library) say of the functions.
const KUBERNETES: Readonly<Record<string, string>> = {
  'ip("127.0.0.1")': "127.0.0.1",
  'ip("::1")': "::1",
  'ip("2001:DB8:0:0::1")': "2001:db8::1",
  'ip("64:ff9b::192.0.2.1")': "64:ff9b::c000:201",
  'isIP("127.0.0.1")': "true",
  'isIP("::1")': "true",
  'isIP("127.0.0.256")': "false",
  'isIP("127.0.0.01")': "false",
  'isIP(":::1")': "false",
  'isIP("::ffff:1.2.3.4")': "false",
  'isIP("::ffff:102:304")': "false",
  'isIP("::ffff:1.2.3.400")': "false",
  'isIP("fe80::1%eth0")': "false",
  'isIP("1.2.3")': "false",
  'isIP("")': "false",
  'ip.isCanonical("127.0.0.1")': "true",
  'ip.isCanonical("2001:db8::abcd")': "true",
  'ip.isCanonical("2001:DB8::ABCD")': "false",
  'ip.isCanonical("2001:db8::0:0:0:abcd")': "false",
  'ip("127.0.0.1").family()': "4",
  'ip("::1").family()': "6",
  'ip("0.0.0.0").isUnspecified()': "true",
  'ip("127.0.0.1").isUnspecified()': "false",
  'ip("::").isUnspecified()': "true",
  'ip("::1").isUnspecified()': "false",
  'ip("127.255.0.1").isLoopback()': "true",
  'ip("192.168.0.1").isLoopback()': "false",
  'ip("::1").isLoopback()': "true",
  'ip("2001:db8::abcd").isLoopback()': "false",
  'ip("224.0.0.1").isLinkLocalMulticast()': "true",
  'ip("224.0.1.1").isLinkLocalMulticast()': "false",
  'ip("ff02::1").isLinkLocalMulticast()': "true",
  'ip("ff12::1").isLinkLocalMulticast()': "true",
  'ip("ff05::1").isLinkLocalMulticast()': "false",
  'ip("fd00::1").isLinkLocalMulticast()': "false",
  'ip("169.254.169.254").isLinkLocalUnicast()': "true",
  'ip("192.168.0.1").isLinkLocalUnicast()': "false",
  'ip("fe80::1").isLinkLocalUnicast()': "true",
  'ip("febf::1").isLinkLocalUnicast()': "true",
  'ip("fec0::1").isLinkLocalUnicast()': "false",
  'ip("fd80::1").isLinkLocalUnicast()': "false",
  'ip("192.168.0.1").isGlobalUnicast()': "true",
  'ip("255.255.255.255").isGlobalUnicast()': "false",
  'ip("0.0.0.0").isGlobalUnicast()': "false",
  'ip("224.0.0.1").isGlobalUnicast()': "false",
  'ip("240.0.0.1").isGlobalUnicast()': "true",
  'ip("2001:db8::abcd").isGlobalUnicast()': "true",
  'ip("fd00::1").isGlobalUnicast()': "true",
  'ip("fe80::1").isGlobalUnicast()': "false",
  'ip("ff00::1").isGlobalUnicast()': "false",
  'string(ip("::0001"))': "::1",
  'ip("::1") == ip("0::1")': "true",
  'ip("::1") != ip("::2")': "true",
  'ip("127.0.0.1") in [ip("::1"), ip("127.0.0.1")]': "true",
  'type(ip("::1")) == net.IP': "true",
  'cidr("192.168.0.0/16")': "192.168.0.0/16",
  'cidr("::1/128")': "::1/128",
  'isCIDR("192.168.0.0/16")': "true",
  'isCIDR("::1/128")': "true",
  'isCIDR("192.168.0.0/33")': "false",
  'isCIDR("192.168.0.0/016")': "false",
  'isCIDR("192.168.0.0/")': "false",
  'isCIDR("192.168.0.0")': "false",
  'isCIDR("::1/129")': "false",
  'isCIDR("::ffff:1.2.3.4/24")': "false",
  'cidr("192.168.0.0/24").containsIP(ip("192.168.0.1"))': "true",
  'cidr("192.168.0.0/24").containsIP(ip("192.168.1.1"))': "false",
  'cidr("192.168.0.7/24").containsIP("192.168.0.1")': "true",
  'cidr("192.168.0.0/24").containsIP("192.168.1.1")': "false",
  'cidr("0.0.0.0/0").containsIP("::1")': "false",
  'cidr("192.168.0.0/16").containsCIDR(cidr("192.168.10.0/24"))': "true",
  'cidr("192.168.0.0/24").containsCIDR(cidr("192.168.0.0/24"))': "true",
  'cidr("192.168.1.0/24").containsCIDR(cidr("192.168.2.0/24"))': "false",
  'cidr("192.168.0.0/24").containsCIDR(cidr("192.168.0.0/23"))': "false",
  'cidr("192.168.0.0/16").containsCIDR("192.168.10.0/24")': "true",
  'cidr("2001:db8::/32").containsCIDR("2001:db8::/31")': "false",
  'cidr("192.168.0.1/24").ip()': "192.168.0.1",
  'cidr("::1/128").ip().family()': "6",
  'cidr("192.168.0.1/24").masked()': "192.168.0.0/24",
  'cidr("2001:db8:1::/32").masked()': "2001:db8::/32",
  'cidr("192.168.0.0/24") == cidr("192.168.0.0/24").masked()': "true",
  'cidr("192.168.0.1/24") == cidr("192.168.0.1/24").masked()': "false",
  'cidr("192.168.0.0/16").prefixLength()': "16",
  'string(cidr("192.168.0.1/24"))': "192.168.0.1/24",
  'type(cidr("192.168.0.0/24")) == net.CIDR': "true",
  'ip("127.0.0.256")': 'error: "127.0.0.256" is not an IP address',
  'ip("fe80::1%eth0")': 'error: "fe80::1%eth0" is not an IP address',
  'ip("::ffff:1.2.3.4")': 'error: "::ffff:102:304" is an IPv4-mapped IPv6 address',
  'ip.isCanonical("no")': 'error: "no" is not an IP address',
  'cidr("192.168.0.0/33")': 'error: "192.168.0.0/33" is not a CIDR: prefix length must be 0 to 32',
  'cidr("10.0.0.0/8").containsIP("no")': 'error: "no" is not an IP address',
  'cidr("10.0.0.0/8").containsCIDR("10.0.0.0")': 'error: "10.0.0.0" is not a CIDR: no prefix length',
};

const SUBNET: Readonly<Record<string, string>> = {
  'cidr("2001:db8:abcd:1234::/64").subnet(80, 0)': "2001:db8:abcd:1234::/80",
  'cidr("2001:db8:abcd:1234::/64").subnet(80, 1)': "2001:db8:abcd:1234:1::/80",
  'cidr("2001:db8:abcd:1234::/64").subnet(80, 65535)': "2001:db8:abcd:1234:ffff::/80",
  'cidr("10.0.0.0/24").subnet(28, 2)': "10.0.0.32/28",
  'cidr("10.0.0.0/24").subnet(32, 5)': "10.0.0.5/32",
  'cidr("10.0.0.5/24").subnet(28, 1)': "10.0.0.16/28",
  'cidr("10.0.0.0/24").subnet(24, 0)': "10.0.0.0/24",
  'cidr("::/0").subnet(128, 9223372036854775807)': "::7fff:ffff:ffff:ffff/128",
  'cidr("2001:db8:abcd:1234::/64").subnet(80, 65536)':
    "error: 2001:db8:abcd:1234::/64 has no subnet 65536 of length 80: the last one is 65535",
  'cidr("10.0.0.0/24").subnet(28, -1)':
    "error: 10.0.0.0/24 has no subnet -1 of length 28: the last one is 15",
  'cidr("10.0.0.0/24").subnet(20, 0)': "error: 10.0.0.0/24 has no subnets of length 20: it must be 24 to 32",
  'cidr("10.0.0.0/24").subnet(33, 0)': "error: 10.0.0.0/24 has no subnets of length 33: it must be 24 to 32",
};

for (const [text, value] of Object.entries({ ...KUBERNETES, ...SUBNET })) {
  Deno.test(`${text} is ${value}`, () => assert.equal(valueOf(text), value));
}
