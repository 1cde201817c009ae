// A host with interfaces of all declared kinds, as ip and wg of a kernel with WireGuard treat them. Refuses every line that it does
// not know.

import {
  DECLARED_GROUP,
  type ObservedInterfaces,
} from "../../src/core/declared/observed/observed_interfaces.ts";
import { DumpReader } from "../../src/core/observed/dump_reader.ts";
import type { Action, Step } from "../../src/core/plan/plan.ts";
import { ModelWireguard } from "./model_wireguard.ts";
import { Refused } from "./refused.ts";

/** An interface as the kernel has it. */
export interface ModelInterface {
  readonly kind: string;
  group: number;
  alias: string;
  mtuBytes: number;
  isUp: boolean;
  master: string | undefined;
  /** Of a pair the other end. */
  readonly other?: string;
  /** Of a VXLAN what it was made with, and on what it stands. */
  readonly words?: string;
  readonly dev?: string | undefined;
  readonly wireguard?: ModelWireguard;
  readonly addresses: Set<string>;
}

const SEED = new Uint32Array([1, 2]);

/** The agent was killed. */
export class Killed extends Error {}

/** The host. */
export class ModelDeclaredHost {
  readonly interfaces = new Map<string, ModelInterface>();

  /** @param foreign names of what others have made: hardware, without addresses */
  constructor(foreign: readonly string[]) {
    for (const name of foreign) this.#make(name, { kind: "physical" }, 0);
  }

  #left = Infinity;

  /** The agent is killed before the line of ip, or command of wg, behind so many; undefined: never. */
  killAfter(count = Infinity): void {
    this.#left = count;
  }

  #live(): void {
    if (this.#left-- <= 0) throw new Killed();
  }

  /** Applies steps by their stages; what fails costs what needs it. How many succeeded. */
  apply(steps: readonly Step[]): number {
    const failed = new Set<string>();
    let count = 0;
    for (const step of [...steps].sort((a, b) => a.stage - b.stage)) {
      if (failed.has(step.part) || step.needs.some((need) => failed.has(need))) continue;
      try {
        for (const action of step.actions) this.#act(action);
        count++;
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        failed.add(step.part);
      }
    }
    return count;
  }

  #act(action: Action): void {
    if (action.kind === "greet") return;
    if (action.kind !== "run") throw new Error(`the model host knows no ${action.kind}`);
    const { program, args, input = "" } = action;
    if (program === "wg") return this.#wg(args, input);
    if (!args.includes("-batch")) return this.ip(args.join(" "));
    let failure: unknown;
    for (const line of input.trimEnd().split("\n")) {
      try {
        this.ip(line);
      } catch (error) {
        if (!args.includes("-force") || error instanceof Killed) throw error;
        failure = error;
      }
    }
    if (failure !== undefined) throw failure;
  }

  #wg([verb, name = "", ...rest]: readonly string[], input: string): void {
    this.#live();
    const { wireguard } = this.#named(name);
    if (wireguard === undefined) throw new Refused("Unable to access interface");
    if (verb === "addconf") return wireguard.addConfiguration(input);
    const port = Number(rest[rest.indexOf("listen-port") + 1]);
    const isTaken = rest.includes("listen-port") && port !== 0 &&
      this.interfaces.values().some((it) => it.wireguard !== wireguard && it.wireguard?.port === port);
    if (isTaken) throw new Refused("Address already in use");
    wireguard.set(rest);
    if (port === 0 && rest.includes("listen-port")) wireguard.port = 40_000 + this.#lastPort++;
  }

  #lastPort = 0;

  #named(name: string): ModelInterface {
    const found = this.interfaces.get(name);
    if (found === undefined) throw new Refused(`Cannot find device "${name}"`);
    return found;
  }

  #make(name: string, it: Partial<ModelInterface> & { kind: string }, group: number): void {
    if (this.interfaces.has(name)) throw new Refused("File exists");
    const mtuBytes = it.kind === "wireguard" ? 1420 : 1500;
    const whole = {
      group,
      alias: "",
      mtuBytes,
      isUp: false,
      master: undefined,
      addresses: new Set<string>(),
    };
    this.interfaces.set(name, { ...whole, ...it });
  }

  /** One line of a batch. */
  ip(line: string): void {
    this.#live();
    const words = line.split(" ");
    const name = words[words.indexOf("dev") + 1]!;
    if (line.startsWith("link add ")) return this.#add(name, words.slice(words.indexOf("type") + 1));
    if (line.startsWith("link del ")) return this.#delete(name);
    const it = this.#named(name);
    const [object, verb] = words;
    if (object === "link" && verb === "set") return this.#set(it, words.slice(4));
    const text = words.slice(2, words.indexOf("dev")).join(" ");
    if (object !== "address") throw new Error(`unknown: ip ${line}`);
    if (verb === "add" && !it.addresses.has(text)) it.addresses.add(text);
    else if (verb !== "del" || !it.addresses.delete(text)) throw new Refused("File exists, or is not there");
  }

  #add(name: string, [kind, ...rest]: readonly string[]): void {
    if (kind === "veth") {
      const other = rest[rest.indexOf("name") + 1]!;
      if (this.interfaces.has(other)) throw new Refused("File exists");
      this.#make(name, { kind, other }, DECLARED_GROUP);
      return this.#make(other, { kind, other: name }, DECLARED_GROUP);
    }
    if (kind === "vxlan") {
      const dev = rest.includes("dev") ? rest[rest.indexOf("dev") + 1] : undefined;
      if (dev !== undefined) this.#named(dev);
      return this.#make(name, { kind, dev, words: ["vxlan", ...rest].join(" ") }, DECLARED_GROUP);
    }
    const wireguard = kind === "wireguard" ? { wireguard: this.#blank() } : {};
    this.#make(name, { kind: kind!, ...wireguard }, DECLARED_GROUP);
  }

  #blank(): ModelWireguard {
    const wireguard = new ModelWireguard();
    wireguard.port = 50_000 + this.#lastPort++;
    return wireguard;
  }

  /** With it goes its other end, and what stands on it. */
  #delete(name: string): void {
    const { other } = this.#named(name);
    this.interfaces.delete(name);
    if (other !== undefined) this.interfaces.delete(other);
    for (const [own, it] of [...this.interfaces]) {
      if (it.dev === name) this.#delete(own);
      if (it.master === name) it.master = undefined;
    }
  }

  #set(it: ModelInterface, [word, value = ""]: readonly string[]): void {
    if (word === "alias") it.alias = value;
    else if (word === "mtu") it.mtuBytes = Number(value);
    else if (word === "up" || word === "down") it.isUp = word === "up";
    else if (word === "nomaster") it.master = undefined;
    else if (word === "master") {
      // A bridge is no bridge's member: ELOOP.
      if (this.#named(value).kind !== "bridge" || it.kind === "bridge" || it.kind === "wireguard") {
        throw new Refused("Operation not supported");
      }
      it.master = value;
    } else throw new Error(`unknown: ip link set ${word}`);
  }

  /** As the agent reads it. */
  observed(steadySeconds: number): ObservedInterfaces {
    const all = [...this.interfaces];
    return {
      interfaces: new Map(all.map(([name, it]) => [name, {
        name,
        isOurs: it.group === DECLARED_GROUP,
        kind: it.kind,
        alias: it.alias,
        mtuBytes: it.mtuBytes,
        isUp: it.isUp,
        master: it.master,
        other: it.other,
        words: it.words,
        addresses: new Set(it.addresses),
        given: new Set<string>(),
      }])),
      serving: new Map(all.flatMap(([name, { wireguard }]) => {
        if (wireguard === undefined) return [];
        const dump = new TextEncoder().encode(wireguard.dump());
        const now = { steadySeconds, wallSeconds: 1_000_000 + steadySeconds };
        return [[name, { wireguard: new DumpReader(SEED).read(dump, undefined, now), userspacePids: [] }]];
      })),
      unread: new Map(),
    };
  }
}
