import assert from "node:assert/strict";
import { sortTrace } from "./traced.ts";

// strace 6.1.
const LINES = [
  `77    execve("/usr/bin/wg", ["/usr/bin/wg", "show", "wigglenet", "dump"], 0x7ffe /* 2 vars */) = 0`,
  `78    execve("/usr/sbin/nft", ["/usr/sbin/nft", "-j", "list", "table", "inet", "wigglenet"], 0x7f /* 2 vars */ <unfinished ...>`,
  `79    execve("/usr/sbin/ip", ["/usr/sbin/ip", "-j", "-d", "address", "show"], 0x7ffe /* 2 vars */) = 0`,
  `78    sendto(3, [{nlmsg_len=20, nlmsg_type=NFNL_SUBSYS_NFTABLES<<8|NFT_MSG_GETGEN, nlmsg_flags=NLM_F_REQUEST}], 20, 0, NULL, 0) = 20`,
  `79    sendto(3, [{nlmsg_len=40, nlmsg_type=RTM_GETLINK, nlmsg_flags=NLM_F_REQUEST|NLM_F_DUMP}], 40, 0, NULL, 0) = 40`,
  `80    execve("/usr/sbin/nft", ["/usr/sbin/nft", "-f", "/run/wigglenet/input-1-0"], 0x7ffe /* 2 vars */) = 0`,
  `80    sendmsg(3, {msg_iov=[{iov_base=[{nlmsg_len=20, nlmsg_type=NFNL_MSG_BATCH_BEGIN}], iov_len=20}]}, 0) = 20`,
  `81    execve("/usr/sbin/ip", ["/usr/sbin/ip", "-4", "-batch", "/run/wigglenet/input-1-1"], 0x7ffe /* 2 vars */) = 0`,
  `81    sendmsg(3, {msg_iov=[{iov_base=[{nlmsg_len=44, nlmsg_type=RTM_NEWROUTE}], iov_len=44}]}, 0) = 44`,
  `82    execve("/usr/bin/wg", ["/usr/bin/wg", "set", "wigglenet", "peer", "x"...], 0x7ffe /* 2 vars */) = 0`,
  `83    execve("/bin/sh", ["sh", "-c", "show"], 0x7ffe /* 2 vars */) = 0`,
];

Deno.test("programs that read are told from those that write, and an unknown one counts as writing", () => {
  const { reads, writes } = sortTrace(LINES);
  assert.deepEqual(reads, [
    "/usr/bin/wg show wigglenet dump",
    "/usr/sbin/nft -j list table inet wigglenet",
    "/usr/sbin/ip -j -d address show",
  ]);
  assert.deepEqual(writes, [
    "/usr/sbin/nft -f /run/wigglenet/input-1-0",
    "/usr/sbin/ip -4 -batch /run/wigglenet/input-1-1",
    "/usr/bin/wg set wigglenet peer x",
    "sh -c show",
  ]);
});

Deno.test("messages that change something are found, those that ask are not", () => {
  assert.deepEqual(sortTrace(LINES).messages, [LINES[6], LINES[8]]);
});
