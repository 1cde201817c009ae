// What is on a machine, in a form that can be compared: what was installed and removed again has left nothing.

import type { Output, RunOptions } from "../lab/process.ts";
import { PATIENCE } from "../lab/until.ts";

const COMMANDS: Readonly<Record<string, string>> = {
  nft: "nft -s list ruleset",
  link: "ip -o link | sed 's/ qlen.*//'",
  addresses: "ip -o address | sed 's/ *valid_lft.*//'",
  routes: "ip route show table all; ip -6 route show table all",
  rules: "ip rule; ip -6 rule",
  wg: "wg show all dump",
  // Counts and what modules bring along are not settings of anybody.
  sysctl: "sysctl -ar '^net\\.' 2>/dev/null | grep -Ev '^net\\.(netfilter|nf_)|stable_secret|\\.dev_|/stat'",
  files: `find /etc /opt /usr /var /run/wigglenet /run/wireguard -xdev \\
    \\( -path /var/lib/dpkg -o -path /var/log -o -path /var/lib/systemd -o -path /var/cache -o -path /var/tmp \\) -prune \\
    -o -type d -printf '%p %m %U:%G\\n' -o -printf '%p %m %U:%G %s %l\\n' 2>/dev/null | sort`,
  contents: "cd /etc && find . -type f -exec sha256sum {} + | sort -k2",
  units: "systemctl list-unit-files --no-pager --no-legend | awk '{print $1, $2}'",
};

/** Where programs can be run. */
interface Machine {
  attempt(argv: readonly string[], options?: RunOptions): Promise<Output>;
}

/** All files of a machine take minutes where it is emulated: there they are left to the layer that runs on real processors. */
const SLOW = ["files", "contents"];

/** All of it, a line for each thing. */
export async function footprintOf(machine: Machine): Promise<string> {
  const chosen = Object.entries(COMMANDS).filter(([name]) => PATIENCE === 1 || !SLOW.includes(name));
  const parts = chosen.map(async ([name, line]) => {
    const { stdout } = await machine.attempt(["sh", "-c", line], { deadlineMs: 120_000 });
    return stdout.split("\n").filter(Boolean).map((text) => `${name}: ${text}`);
  });
  return (await Promise.all(parts)).flat().join("\n");
}
