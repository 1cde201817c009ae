// The programs that the agent starts, and where from: as shipped it may start these paths and no others.

/** A program that the agent starts. */
export type Program =
  | "nft"
  | "wg"
  | "ip"
  | "ss"
  | "ln"
  | "cat"
  | "wireguard-go"
  | "ping"
  | "conntrack"
  | "nsenter"
  | "stat"
  | "sysctl";

/**
 * The exact paths that are allowed as shipped, of Debian, Fedora and Alpine, with and without a merged /usr. The first
 * that is there is taken. Deno compares them as they are written, so a second name of the same file has its own line.
 */
export const PROGRAM_PATHS: Readonly<Record<Program, readonly string[]>> = {
  nft: ["/usr/sbin/nft", "/usr/bin/nft", "/sbin/nft"],
  wg: ["/usr/bin/wg"],
  ip: ["/usr/sbin/ip", "/usr/bin/ip", "/sbin/ip", "/bin/ip"],
  ss: ["/usr/sbin/ss", "/usr/bin/ss", "/sbin/ss", "/bin/ss"],
  ln: ["/usr/bin/ln", "/bin/ln"],
  // Reads the system UUID, where NODE_NAME is not set.
  cat: ["/usr/bin/cat", "/bin/cat"],
  // Ends flows that policies do not allow any more.
  conntrack: ["/usr/sbin/conntrack", "/usr/bin/conntrack"],
  // With DECLARED_CONTAINERS alone: enters a container's network namespace, and tells one from another.
  nsenter: ["/usr/bin/nsenter", "/bin/nsenter"],
  stat: ["/usr/bin/stat", "/bin/stat"],
  // With MANAGE_SYSCTLS alone.
  sysctl: ["/usr/sbin/sysctl", "/usr/bin/sysctl", "/sbin/sysctl"],
  "wireguard-go": ["/usr/bin/wireguard-go"],
  // `check --mtu` alone.
  ping: ["/usr/bin/ping", "/bin/ping"],
};

/** Debian's package of each. */
export const PROGRAM_PACKAGES: Readonly<Record<Program, string>> = {
  nft: "nftables",
  wg: "wireguard-tools",
  ip: "iproute2",
  ss: "iproute2",
  ln: "coreutils",
  cat: "coreutils",
  "wireguard-go": "wireguard-go",
  ping: "iputils-ping",
  conntrack: "conntrack",
  nsenter: "util-linux",
  stat: "coreutils",
  sysctl: "procps",
};
