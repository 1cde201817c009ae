// Reads the interfaces of the host, and of those that are declared networks' WireGuard's own state. Decides nothing.

import type {
  ObservedInterfaces,
  ObservedServing,
} from "../../core/declared/observed/observed_interfaces.ts";
import { parseInterfaces } from "../../core/declared/observed/parse_interfaces.ts";
import { DumpReader } from "../../core/observed/dump_reader.ts";
import { interfaceOf } from "../../core/declared/plan/configure_interface.ts";
import { markOf } from "../../core/declared/want/secrets.ts";
import { confirmPeers } from "../../core/plan/confirm.ts";
import type { Step } from "../../core/plan/plan.ts";
import { LINK_KIND } from "../../core/plan/diff_link.ts";
import { run } from "../command.ts";
import { observeWireguard } from "../observe.ts";
import { SEED } from "../seed.ts";

/** By their numbers (`-N`): a group is ours whatever /etc/iproute2/group calls it. */
export const INTERFACES: Parameters<typeof run>[0] = {
  program: "ip",
  args: ["-N", "-j", "-d", "address", "show"],
};
const KINDS: readonly string[] = Object.values(LINK_KIND);

/** Reads; keeps for each interface what tells its next dump from this one. */
export class DeclaredObserver {
  readonly #readers = new Map<string, DumpReader>();
  #last: ObservedInterfaces["serving"] = new Map();

  /**
   * All interfaces, by one program, and one more for each WireGuard interface of ours.
   * @param keyed those of whose peers some have preshared keys
   */
  async read(keyed: ReadonlySet<string> = new Set()): Promise<ObservedInterfaces> {
    const interfaces = parseInterfaces(await run(INTERFACES));
    const serving = new Map<string, ObservedServing>();
    const unread = new Map<string, string>();
    for (const { name, isOurs, kind } of interfaces.values()) {
      if (!isOurs || !KINDS.includes(kind)) continue;
      const reader = this.#readers.get(name) ?? new DumpReader(SEED);
      this.#readers.set(name, reader);
      try {
        const served = await observeWireguard(name, this.#last.get(name)?.wireguard, reader);
        const isKeyed = keyed.has(name) && served.wireguard !== undefined;
        serving.set(name, isKeyed ? { ...served, preshared: await readPreshared(name) } : served);
      } catch (error) {
        unread.set(name, (error as Error).message);
      }
    }
    for (const name of this.#readers.keys()) if (!serving.has(name)) this.#readers.delete(name);
    this.#last = serving;
    return { interfaces, serving, unread };
  }

  /** What the kernel has after steps that succeeded: which endpoint is of this agent's choice is not to be read. */
  confirmed(steps: readonly Step[]): void {
    const serving = new Map(this.#last);
    for (const { part, confirms } of steps) {
      const [name, has] = [interfaceOf(part) ?? "", serving.get(interfaceOf(part) ?? "")];
      if (confirms === undefined || has?.wireguard === undefined) continue;
      serving.set(name, { ...has, wireguard: confirmPeers(has.wireguard, confirms) });
    }
    this.#last = serving;
  }
}

/** Marks of preshared keys by peer: the keys themselves go no further. */
async function readPreshared(name: string): Promise<ReadonlyMap<string, string>> {
  const lines = (await run({ program: "wg", args: ["show", name, "preshared-keys"] })).trim().split("\n");
  return new Map(lines.flatMap((line) => {
    const [peer, key] = line.split("\t");
    return key === undefined || key === "(none)" ? [] : [[peer!, markOf(key)] as const];
  }));
}
