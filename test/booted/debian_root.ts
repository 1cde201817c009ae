// Debian as it boots, for nodes with a systemd of their own: made once for a machine by mmdebstrap, kept outside the checkout.

import { createHash } from "node:crypto";
import { run } from "../lab/process.ts";
import { cacheFolder, install } from "../vm/machine.ts";

/** Releases that nodes run; nft 1.1 and 1.0.6. */
export const SUITES = ["trixie", "bookworm"] as const;
/** A release of Debian. */
export type Suite = (typeof SUITES)[number];

// What the package depends on, what docs/bare-nodes.md uses, and WireGuard in user space for kernels that have none.
const PACKAGES = `containernetworking-plugins dbus git iproute2 iputils-ping jq kmod nftables openssh-client
  openssh-server procps rsync systemd systemd-sysv udev util-linux wireguard-go wireguard-tools`.split(/\s+/);
/** Who else manages networks on some release; it is not started. */
const MORE: Readonly<Record<Suite, readonly string[]>> = { trixie: ["network-manager"], bookworm: [] };
const LEFT_OUT = ["doc", "man", "locale", "info", "bug", "lintian"];
const DEBIAN_MS = 600_000;

/** The folder of a root; of the same packages the same one. Only read: nodes have what they change over it. */
export function rootOf(suite: Suite): string {
  const key = createHash("sha256").update([...PACKAGES, ...MORE[suite], ...LEFT_OUT].join(" ")).digest("hex")
    .slice(0, 12);
  return `${cacheFolder()}/${suite}-${key}`;
}

/** Makes the root of a release where it is not there yet, in half a minute. */
export async function prepareRoot(suite: Suite): Promise<void> {
  const root = rootOf(suite);
  if (await Deno.stat(root).then(() => true, () => false)) return;
  await install(["mmdebstrap"]);
  const draft = `${root}.${Deno.pid}`;
  const excluded = LEFT_OUT.map((name) => `--dpkgopt=path-exclude=/usr/share/${name}/*`);
  const included = [...PACKAGES, ...MORE[suite]].join(",");
  const options = ["--variant=minbase", "--format=directory", `--include=${included}`, ...excluded];
  options.push('--aptopt=APT::Install-Recommends "false"', '--aptopt=Acquire::Languages "none"');
  if (MORE[suite].includes("network-manager")) {
    options.push('--customize-hook=chroot "$1" systemctl disable NetworkManager NetworkManager-wait-online');
  }
  options.push('--customize-hook=rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*');
  await Deno.mkdir(cacheFolder(), { recursive: true });
  console.log(`Making Debian ${suite}, once for this machine.`);
  try {
    await run(["nice", "-n", "10", "mmdebstrap", ...options, suite, draft, ...await mirrors()], {
      deadlineMs: DEBIAN_MS,
    });
    await Deno.rename(draft, root);
  } finally {
    await Deno.remove(draft, { recursive: true }).catch(() => {});
  }
}

/** The mirrors that this machine's own apt uses for Debian: they can be reached. */
async function mirrors(): Promise<string[]> {
  const argv = ["apt-get", "indextargets", "--format", "$(SITE)", "Origin: Debian"];
  const sites = await run(argv).catch(() => "");
  const first = sites.split("\n").find((site) => site !== "" && !site.includes("security"));
  return first === undefined ? [] : [first];
}
