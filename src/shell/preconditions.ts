// What must be there before anything is touched: programs, the capability, an interface that is ours. One error names it all.

import { nftFinding } from "../core/check/nft_version.ts";
import { PROGRAM_PACKAGES } from "../core/shipped/programs.ts";
import type { DesiredLink } from "../core/desired/desired_state.ts";
import { isOtherOfOurs, LINK_KIND } from "../core/plan/diff_link.ts";
import type { ObservedState } from "../core/observed/observed_state.ts";
import { TABLE } from "../core/render/render_table.ts";
import type { Program } from "../core/shipped/programs.ts";
import { type GivenSettings, usesTunnel } from "../core/settings/settings.ts";
import { needsKeys } from "../core/transport/own_transports.ts";
import { CommandError, locate, locateForbidden, run } from "./command.ts";
import { readPublicKey } from "./key_file.ts";
import { observeNetwork, observeWireguard } from "./observe.ts";
import { mayNotRun } from "./permissions.ts";
import { hasTunDevice } from "./read_facts.ts";

/**
 * Asks nft, and whether all else is there.
 * @returns whether there may be tables of ours
 * @throws Error with the remedy when a program or the capability is missing
 */
export async function requirePrograms(settings: GivenSettings): Promise<boolean> {
  const needed: Program[] = [
    ...(usesTunnel(settings) ? ["nft", "ip", "wg", "ln"] as const : ["nft", "ip"] as const),
    ...(settings.areSysctlsManaged ? ["sysctl" as const] : []),
  ];
  const missing = needed.filter((program) => locate(program) === undefined);
  const forbidden = missing.flatMap((program) => locateForbidden(program) ?? []);
  if (forbidden.length > 0) throw mayNotRun(forbidden);
  if (missing.length > 0) {
    const packages = missing.map((program) => PROGRAM_PACKAGES[program]).join(" ");
    throw new Error(`Cannot find ${missing.join(", ")}: install ${packages} (apt-get install ${packages})`);
  }
  const { version, mayChange, mayHaveOurs } = await askNft();
  const nft = nftFinding(version);
  if (nft?.level === "error") throw new Error(`${nft.what}: ${nft.remedy}`);
  if (!mayChange) {
    throw new Error("CAP_NET_ADMIN is missing: run as root, or give the container the capability NET_ADMIN");
  }
  return mayHaveOurs;
}

/** True when this process may change the network: nft asks the kernel, which lists tables to nobody else. */
export async function hasNetAdmin(): Promise<boolean> {
  return locate("nft") === undefined || (await askNft()).mayChange; // without it not known, and not the first thing to mend
}

interface NftAnswer {
  /** Empty: it did not get to say. */
  readonly version: string;
  readonly mayChange: boolean;
  /** There are tables of ours, or nobody knows. */
  readonly mayHaveOurs: boolean;
}

/** All that a start asks of nft, in one run, for it waits for that. */
async function askNft(): Promise<NftAnswer> {
  try {
    const json = await run({ program: "nft", args: ["-j", "list", "tables"] });
    const version = /"version": "([^"]*)"/.exec(json)?.[1] ?? "";
    return { version, mayChange: true, mayHaveOurs: version === "" || json.includes(`"name": "${TABLE}`) };
  } catch (error) {
    const isForbidden = error instanceof CommandError && /Operation not permitted/.test(error.stderr);
    return { version: "", mayChange: !isForbidden, mayHaveOurs: true };
  }
}

/**
 * Throws Error with the remedy when the interface cannot be ours, or cannot be made.
 * @param link the interface of that name, if there is one
 */
export async function requireInterface(
  settings: GivenSettings,
  { implementation, link }: Pick<DesiredLink, "implementation"> & Pick<ObservedState, "link">,
): Promise<void> {
  // With `direct` it is needed while nodes change over, if ever: what is missing then is told as what fails.
  if (!needsKeys(settings)) return;
  const name = settings.interfaceName;
  const kind = LINK_KIND[implementation];
  const publicKey = await readPublicKey(settings.privateKeyPath);
  const wanted = { name, implementation, publicKey };
  const found = async () => ({ ...await observeNetwork(name), ...await observeWireguard(name, undefined) });
  if (link !== undefined && link.kind !== kind && !isOtherOfOurs(wanted, await found())) {
    throw new Error(
      `Interface ${name} exists with kind ${link.kind}, wanted is ${kind}: ` +
        `remove it (ip link del ${name}) or choose another WIGGLENET_IFACE_NAME`,
    );
  }
  if (implementation === "kernel") return;
  const isAwaited = settings.wireguardGo === "awaited";
  const absent = [
    ...(!isAwaited && locate("wireguard-go") === undefined
      ? ["the program wireguard-go (apt-get install wireguard-go)"]
      : []),
    ...(locate("ss") === undefined ? ["the program ss (apt-get install iproute2)"] : []),
    ...(await hasTunDevice() ? [] : ["/dev/net/tun (modprobe tun)"]),
  ];
  if (absent.length > 0) {
    throw new Error(
      `This kernel has no WireGuard, and what stands in for it is missing: ${absent.join(", ")}` +
        (isAwaited ? "; in a cluster: deploy/kubernetes/userspace has it" : ""),
    );
  }
}
