// Reads the interfaces of the host, or of a container, and of those that are declared networks' WireGuard's own state. Decides nothing.

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
import { keyIn } from "../../core/declared/containers/container.ts";
import type { Place } from "../../core/declared/plan/in_container.ts";
import { run, runBounded, runForBytes, runIn } from "../command.ts";
import { now, observeWireguard } from "../observe.ts";
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
  #now: Map<string, ObservedServing> = new Map();

  /**
   * All interfaces, by one program, and one more for each WireGuard interface of ours.
   * @param keyed those of whose peers some have preshared keys
   */
  async read(keyed: ReadonlySet<string> = new Set()): Promise<ObservedInterfaces> {
    this.#now = new Map();
    return await this.#read(keyed);
  }

  /**
   * The same in a container, by names as the container has them; behind {@link read}, and before {@link confirmed}.
   * @param names whose WireGuard state is looked at: its own root may make thousands
   */
  async readIn(
    place: Place,
    keyed: ReadonlySet<string>,
    names: ReadonlySet<string>,
  ): Promise<ObservedInterfaces> {
    return await this.#read(keyed, place, names);
  }

  async #read(
    keyed: ReadonlySet<string>,
    place?: Place,
    names?: ReadonlySet<string>,
  ): Promise<ObservedInterfaces> {
    const interfaces = parseInterfaces(place === undefined ? await run(INTERFACES) : await linksIn(place));
    const serving = new Map<string, ObservedServing>();
    const unread = new Map<string, string>();
    for (const { name, isOurs, kind } of interfaces.values()) {
      if (!isOurs || !KINDS.includes(kind) || names?.has(name) === false) continue;
      const key = keyIn(place?.id, name);
      const reader = this.#readers.get(key) ?? new DumpReader(SEED);
      this.#readers.set(key, reader);
      try {
        const last = this.#last.get(key)?.wireguard;
        const served = place === undefined
          ? await observeWireguard(name, last, reader)
          : { wireguard: reader.read(await dumpIn(place, name), last, now()), userspacePids: [] };
        const isKeyed = keyed.has(key) && served.wireguard !== undefined;
        const whole = isKeyed ? { ...served, preshared: await readPreshared(name, place) } : served;
        serving.set(name, whole);
        this.#now.set(key, whole);
      } catch (error) {
        unread.set(name, (error as Error).message);
      }
    }
    return { interfaces, serving, unread };
  }

  /** What this pass has read, and the kernel has after steps that succeeded: which endpoint is of this agent's choice is not to be read. */
  confirmed(steps: readonly Step[]): void {
    for (const key of this.#readers.keys()) if (!this.#now.has(key)) this.#readers.delete(key);
    const serving = new Map(this.#now);
    for (const { part, confirms } of steps) {
      const [name, has] = [interfaceOf(part) ?? "", serving.get(interfaceOf(part) ?? "")];
      if (confirms === undefined || has?.wireguard === undefined) continue;
      serving.set(name, { ...has, wireguard: confirmPeers(has.wireguard, confirms) });
    }
    this.#last = serving;
  }
}

/** Some thousand interfaces. */
const MOST_BYTES = 4_000_000;

/**
 * All interfaces of a container, as `ip -j` prints them. What stands there its own root has named: ip prints control characters of an
 * alias as they are, which is no JSON.
 * @param path of its network namespace
 * @throws CommandError when they are some thousand
 */
export async function linksIn({ path }: Pick<Place, "path">): Promise<string> {
  const printed = await runBounded(runIn(path, INTERFACES), MOST_BYTES);
  // deno-lint-ignore no-control-regex -- those are meant
  return printed.replaceAll(/[\x00-\x1f]/g, " ");
}

async function dumpIn({ path }: Place, name: string): Promise<Uint8Array<ArrayBuffer>> {
  return await runForBytes(runIn(path, { program: "wg", args: ["show", name, "dump"] }));
}

/** Marks of preshared keys by peer: the keys themselves go no further. */
async function readPreshared(name: string, place: Place | undefined): Promise<ReadonlyMap<string, string>> {
  const command = { program: "wg", args: ["show", name, "preshared-keys"] } as const;
  const lines = (await run(place === undefined ? command : runIn(place.path, command))).trim().split("\n");
  return new Map(lines.flatMap((line) => {
    const [peer, key] = line.split("\t");
    return key === undefined || key === "(none)" ? [] : [[peer!, markOf(key)] as const];
  }));
}
