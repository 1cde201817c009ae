import assert from "node:assert/strict";
import { keyOf } from "../../../../test/cluster.ts";
import { associationOf, type Nonce } from "./association.ts";
import {
  additionOf,
  concernsPolicies,
  greetingPolicy,
  parseAssociations,
  parsePolicies,
  parseUnchecked,
  policiesOf,
  removalOf,
} from "./xfrm_text.ts";

const ONE = { publicKey: keyOf(1), nonce: `${"A".repeat(43)}=` as Nonce, address: "10.9.1.1" };
const TWO = { ...ONE, publicKey: keyOf(2), address: "10.9.1.2" };

Deno.test("an addition is one line with the key's place in it, and a removal takes back the same one", () => {
  const association = associationOf(ONE, TWO, "data");
  const spi = `0x${association.spi.toString(16).padStart(8, "0")}`;
  for (const isSent of [true, false]) {
    assert.deepEqual(additionOf(association, isSent), [
      `xfrm state add src 10.9.1.1 dst 10.9.1.2 proto esp spi ${spi} reqid 146 mode tunnel if_id 146 ` +
      (isSent ? "output-mark 0x1000 mask 0x1000 " : "") +
      "replay-window 256 flag af-unspec esn aead rfc4106(gcm(aes)) 0x",
      " 128\n",
    ]);
  }
  const found = { source: "10.9.1.1", destination: "10.9.1.2", spi: association.spi };
  const rest = { purpose: "data", packets: 0, addedSeconds: 0, usedSeconds: 0 } as const;
  assert.equal(
    removalOf({ ...found, ...rest }),
    `xfrm state delete src 10.9.1.1 dst 10.9.1.2 proto esp spi ${spi}\n`,
  );
});

// As iproute2 6.1 prints it on Linux 6.1; of the third one the kernel has no more than that it is missed; the last one is strongSwan's.
const STATES = `src 10.9.1.2 dst 10.9.1.1
\tproto esp spi 0x00abc012(11255826) reqid 146(0x00000092) mode tunnel
\treplay-window 0 seq 0x00000000 flag af-unspec esn (0x10100000)
\taead rfc4106(gcm(aes)) <<Keys hidden>> 128
\tanti-replay esn context:
\t seq-hi 0x0, seq 0x5, oseq-hi 0x0, oseq 0x0
\t replay_window 128, bitmap-length 4
\t 00000000 00000000 00000000 0000001f 
\tif_id 0x92
\tlifetime config:
\t  limit: soft (INF)(bytes), hard (INF)(bytes)
\t  limit: soft (INF)(packets), hard (INF)(packets)
\t  expire add: soft 0(sec), hard 0(sec)
\t  expire use: soft 0(sec), hard 0(sec)
\tlifetime current:
\t  1822(bytes), 5(packets)
\t  add 2026-11-22 19:56:15 use 2026-11-22 19:56:22
\tstats:
\t  replay-window 0 replay 0 failed 0
src fd09::1 dst fd09::2
\tproto esp spi 0xfff1(65521) reqid 147(0x00000093) mode tunnel
\treplay-window 0 seq 0x00000000 flag af-unspec esn (0x10100000)
\toutput-mark 0x1000/0x1000
\taead rfc4106(gcm(aes)) <<Keys hidden>> 128
\tif_id 0x92
\tlifetime current:
\t  0(bytes), 0(packets)
\t  add 2026-11-22 19:56:16 use -
src 10.9.1.1 dst 10.9.1.3
\tproto esp spi 0x00000000(0) reqid 146(0x00000092) mode tunnel
\treplay-window 0 seq 0x00000000 flag  (0x00000000)
\tsel src 10.244.1.5/32 dst 10.244.3.9/32 proto icmp type 8 code 0
\tif_id 0x92
\tlifetime current:
\t  0(bytes), 0(packets)
\t  add 2026-11-22 19:56:16 use -
src 10.9.1.1 dst 192.0.2.7
\tproto esp spi 0xc1234567(3240314215) reqid 1(0x00000001) mode tunnel
\treplay-window 0 seq 0x00000000 flag af-unspec (0x00100000)
\taead rfc4106(gcm(aes)) <<Keys hidden>> 128
`;

Deno.test("what the kernel has is read with its counters and times; what is somebody else's is not seen", () => {
  const addedSeconds = Date.UTC(2026, 10, 22, 19, 56, 15) / 1000;
  assert.deepEqual(parseAssociations(STATES), [
    {
      spi: 0xabc012,
      source: "10.9.1.2",
      destination: "10.9.1.1",
      purpose: "data",
      packets: 5,
      addedSeconds,
      usedSeconds: addedSeconds + 7,
    },
    {
      spi: 0xfff1,
      source: "fd09::1",
      destination: "fd09::2",
      purpose: "greeting",
      packets: 0,
      addedSeconds: addedSeconds + 1,
      usedSeconds: 0,
      isMarked: true,
    },
  ]);
  assert.deepEqual(parseAssociations(""), []);
});

const POLICIES = `src 0.0.0.0/0 dst 10.244.2.1/32 proto udp dport 24605 
\tdir out priority 100 ptype main 
\ttmpl src fd09::1 dst fd09::2
\t\tproto esp reqid 147 mode tunnel
\tif_id 0x92
src fd00:10:244:2::/64 dst ::/0 
\tdir fwd priority 200 ptype main 
\ttmpl src fd09::2 dst fd09::1
\t\tproto esp reqid 146 mode tunnel
\tif_id 0x92
src fd00:10:244:2::/64 dst ::/0 
\tdir in priority 200 ptype main 
\ttmpl src fd09::2 dst fd09::1
\t\tproto esp reqid 146 mode tunnel
\tif_id 0x92
src ::/0 dst fd00:10:244:2::/64 
\tdir out priority 200 ptype main 
\ttmpl src fd09::1 dst fd09::2
\t\tproto esp reqid 146 mode tunnel
\tif_id 0x92
src 0.0.0.0/0 dst 192.0.2.0/24 
\tdir out priority 371327 ptype main 
\ttmpl src 10.9.1.1 dst 192.0.2.7
\t\tproto esp spi 0xc1234567 reqid 1 mode tunnel
src 0.0.0.0/0 dst 198.51.100.0/24 
\tdir out priority 371327 ptype main 
\ttmpl src 10.9.1.1 dst 192.0.2.7
\t\tproto esp reqid 1 mode tunnel
\tif_id 0x92
`;

Deno.test("policies are read back as they are wanted, and no one else's, be it of our interface's number", () => {
  const outer = { own: "fd09::1", peer: "fd09::2" };
  const wanted = [
    greetingPolicy(outer, 4, "10.244.2.1/32"),
    ...policiesOf(outer, 6, "fd00:10:244:2::/64"),
  ];
  assert.deepEqual(
    parsePolicies(POLICIES),
    new Map(wanted.map(({ selector, rest }) => [selector, rest])),
  );
});

// As iproute2 6.1 prints them on Linux 6.18 with -o.
const OURS = "src 0.0.0.0/0 dst 10.244.2.0/24 \\\tdir out priority 200 ptype main \\\t" +
  "tmpl src 1.1.1.1 dst 2.2.2.2\\\t\tproto esp reqid 146 mode tunnel\\\tif_id 0x92\\";
const THEIRS = OURS.replace("\\\tif_id 0x92", "");
const told: Readonly<Record<string, boolean>> = {
  [OURS]: true,
  [`Updated ${OURS}`]: true,
  [`Deleted ${OURS}`]: true,
  "Flushed policy ptype main \\": true,
  [THEIRS]: false,
  [`Deleted ${THEIRS}`]: false,
  [OURS.replace("0x92", "0x921")]: false,
};
for (const [line, isOurs] of Object.entries(told)) {
  Deno.test(`the monitor's ${JSON.stringify(line)} concerns ${isOurs ? "our" : "no"} policies`, () => {
    assert.equal(concernsPolicies(line), isOurs);
  });
}

Deno.test("sysctls by which nobody asks for policies are known by their names", () => {
  const text = "net.ipv4.conf.all.disable_policy = 1\nnet.ipv4.conf.wigglenet-ipsec.disable_policy = 0\n";
  assert.deepEqual(parseUnchecked(text), ["net.ipv4.conf.all.disable_policy"]);
  assert.deepEqual(parseUnchecked(""), []);
});
