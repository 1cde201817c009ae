// What must be there before anything is touched: programs, the capability, an interface that is ours. One error names it all.

import { PACKAGES } from "../core/check/check.ts";
import type { DesiredLink } from "../core/desired/desired_state.ts";
import { isOtherOfOurs, LINK_KIND } from "../core/plan/diff_link.ts";
import { type Settings, usesTunnel } from "../core/settings/settings.ts";
import { locate, type Program } from "./command.ts";
import { readPublicKey } from "./key_file.ts";
import { observeNetwork, observeWireguard } from "./observe.ts";

const CAP_NET_ADMIN = 1n << 12n;

/** Throws Error with the remedy when a program or the capability is missing. */
export async function requirePrograms(settings: Settings): Promise<void> {
  const needed: Program[] = usesTunnel(settings) ? ["nft", "ip", "wg"] : ["nft", "ip"];
  const missing = needed.filter((program) => locate(program) === undefined);
  if (missing.length > 0) {
    const packages = missing.map((program) => PACKAGES[program]).join(" ");
    throw new Error(`Cannot find ${missing.join(", ")}: install ${packages} (apt-get install ${packages})`);
  }
  if (!await hasNetAdmin()) {
    throw new Error("CAP_NET_ADMIN is missing: run as root, or give the container the capability NET_ADMIN");
  }
}

/** True when this process may change the network. */
export async function hasNetAdmin(): Promise<boolean> {
  const effective = /^CapEff:\s*([0-9a-f]+)/m.exec(await Deno.readTextFile("/proc/self/status"))?.[1];
  return (BigInt(`0x${effective ?? "0"}`) & CAP_NET_ADMIN) !== 0n;
}

/** Throws Error with the remedy when the interface cannot be ours, or cannot be made. */
export async function requireInterface(
  settings: Settings,
  implementation: DesiredLink["implementation"],
): Promise<void> {
  if (!usesTunnel(settings)) return;
  const name = settings.interfaceName;
  const network = await observeNetwork(name);
  const { link } = network;
  const kind = LINK_KIND[implementation];
  const publicKey = await readPublicKey(settings.privateKeyPath);
  const wanted = { name, implementation, publicKey };
  const found = async () => ({ ...network, ...await observeWireguard(name, undefined) });
  if (link !== undefined && link.kind !== kind && !isOtherOfOurs(wanted, await found())) {
    throw new Error(
      `Interface ${name} exists with kind ${link.kind}, wanted is ${kind}: ` +
        `remove it (ip link del ${name}) or choose another WIGGLENET_IFACE_NAME`,
    );
  }
  if (implementation === "kernel") return;
  const absent = [
    ...(locate("wireguard-go") === undefined
      ? ["the program wireguard-go (apt-get install wireguard-go)"]
      : []),
    ...(await Deno.stat("/dev/net/tun").catch(() => undefined) === undefined
      ? ["/dev/net/tun (modprobe tun)"]
      : []),
  ];
  if (absent.length > 0) {
    throw new Error(
      `This kernel has no WireGuard, and what stands in for it is missing: ${absent.join(", ")}`,
    );
  }
}
