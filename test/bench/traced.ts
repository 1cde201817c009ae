// What strace tells of the programs that the agent starts: which of them write, and every message of theirs to the
// kernel that changes something. Pure.

/** Sorted out. */
export interface Traced {
  /** Command lines that only read. */
  readonly reads: readonly string[];
  /** Command lines that write. */
  readonly writes: readonly string[];
  /** Netlink messages that write, as strace prints them. */
  readonly messages: readonly string[];
}

const EXECVE = /execve\("[^"]*", \[(.*?)\](?:, |\.\.\.)/;
const WRITING_MESSAGE = /RTM_(?:NEW|DEL|SET)|NFT_MSG_(?:NEW|DEL|DESTROY)|NFNL_MSG_BATCH_BEGIN|WG_CMD_SET/;
/** By program: the words of which each command line that only reads has one. */
const READING: Readonly<Record<string, RegExp>> = {
  nft: / (?:list|monitor) ?/,
  ip: / (?:show|monitor)(?: |$)/,
  wg: / (?:show|pubkey)(?: |$)/,
  ss: / /,
};

/** Reads the lines of `strace -f -e trace=execve,sendto,sendmsg`. A program that is not known counts as one that writes. */
export function sortTrace(lines: readonly string[]): Traced {
  const reads: string[] = [];
  const writes: string[] = [];
  for (const line of lines) {
    const argv = EXECVE.exec(line)?.[1];
    if (argv === undefined) continue;
    const words = [...argv.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, word]) => word!);
    const text = words.join(" ");
    const program = words[0]?.split("/").at(-1) ?? "";
    (READING[program]?.test(text) ? reads : writes).push(text);
  }
  return { reads, writes, messages: lines.filter((line) => WRITING_MESSAGE.test(line)) };
}
