// Keeps declared networks beside the pod network: a loop of its own, so that neither ever waits for the other. What it wants and
// does is decided in core.

import type { DeclaredObject, ParsedDeclared } from "../../core/declared/declared_object.ts";
import type { WantedInterface } from "../../core/declared/want/wanted_interface.ts";
import { wantInterfaces } from "../../core/declared/want/want_interfaces.ts";
import { describeChange } from "../../core/plan/describe.ts";
import { nextPort } from "../../core/rotation/names.ts";
import type { Settings } from "../../core/settings/settings.ts";
import { Backoff } from "../backoff.ts";
import type { Log } from "../log.ts";
import { NameResolver } from "../name_resolver.ts";
import { folderOf } from "../paths.ts";
import { tellBlocked, tellChanges } from "../tell.ts";
import { converge, type Passed } from "./converge.ts";
import { DeclaredObserver } from "./observe_declared.ts";

/** Drift is seen by looking: one program, and one more for each WireGuard interface. */
const LOOK_MS = 1_000;
/** Where nobody declares anything, what an earlier agent has left can wait: a booting node has better to do. */
const LEFTOVERS_MS = 10_000;

/** Where declared objects come from. */
export interface DeclaredSource {
  /** Undefined: not all of them are known yet, and nothing may be changed. */
  readonly declared: () => readonly ParsedDeclared[] | undefined;
  /** Who is told that they may have changed. */
  readonly listenDeclared: (onChange: () => void) => void;
}

/** What the keeper needs. */
export interface DeclaredOptions {
  readonly settings: Settings;
  readonly implementation: "kernel" | "userspace";
  readonly source: DeclaredSource;
  readonly log: Log;
}

/** The folder of the private keys: beside that of the pod network. */
export function declaredKeyFolder({ privateKeyPath }: Pick<Settings, "privateKeyPath">): string {
  return `${folderOf(privateKeyPath)}/declared`;
}

/** Begins with the source, and ends with {@link DeclaredKeeper.close}; undefined where nothing is declared. */
export function keepDeclared(
  source: DeclaredSource | undefined,
  options: Omit<DeclaredOptions, "source">,
): DeclaredKeeper | undefined {
  const keeper = source && new DeclaredKeeper({ ...options, source });
  source?.listenDeclared(() => keeper?.wake());
  return keeper;
}

/** The loop. */
export class DeclaredKeeper {
  readonly #backoff = new Backoff();
  readonly #observer = new DeclaredObserver();
  readonly #names = new NameResolver(() => this.wake());
  #timer: ReturnType<typeof setTimeout> | undefined;
  #pass: Promise<void> | undefined;
  #isAgain = false;
  #isClosed = false;
  readonly #leftoversAtMs = performance.now() + LEFTOVERS_MS;
  /** Something of ours is there, or may be. */
  #mayHave = true;

  constructor(private readonly options: DeclaredOptions) {}

  /** Something has changed, or may have: passes over everything, once more where a pass is under way. */
  wake(): void {
    if (this.#isClosed) return;
    if (this.#pass !== undefined) {
      this.#isAgain = true;
      return;
    }
    clearTimeout(this.#timer);
    this.#pass = this.#tryPass().finally(() => {
      this.#pass = undefined;
      if (this.#isClosed) return;
      if (this.#isAgain) {
        this.#isAgain = false;
        this.wake();
      } else if (this.#mayHave) this.#timer = setTimeout(() => this.wake(), LOOK_MS);
    });
  }

  /** Ends the loop behind the pass that is under way; nothing is taken down. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#names.close();
    await this.#pass;
  }

  async #tryPass(): Promise<void> {
    this.#backoff.begin();
    if (this.#backoff.isHeld("all")) return;
    try {
      await this.#passOver();
      this.#backoff.succeeded("all");
    } catch (error) {
      this.#failed("all", (error as Error).message);
    }
  }

  async #passOver(): Promise<void> {
    const { settings, source, log } = this.options;
    const parsed = source.declared();
    if (parsed === undefined) return;
    if (parsed.length === 0 && (!this.#mayHave || performance.now() < this.#leftoversAtMs)) return;
    const { nodeName, interfaceName, port } = settings;
    const objects = parsed.flatMap(({ object }): DeclaredObject[] => object === undefined ? [] : [object]);
    const unread = parsed.flatMap(({ rejected }) => rejected ?? []);
    const wanted = wantInterfaces(objects, { nodeName, interfaceName, ports: [port, nextPort(port)] });
    for (const { kind, name, claim, reason } of [...unread, ...wanted.rejected]) {
      log.warn(`rejected: ${kind} ${name}: ${claim}: ${reason}`);
    }
    await this.#names.want(hostNames(wanted.interfaces));
    const passed = await converge({
      wanted,
      unread,
      observer: this.#observer,
      implementation: this.options.implementation,
      keyFolder: declaredKeyFolder(settings),
      resolved: this.#names.answers,
      held: this.#backoff.heldParts(),
      onKeyError: (_, error) => log.error(error.message),
    });
    this.#mayHave = parsed.length > 0 || passed.hasOurs;
    this.#settle(passed);
  }

  #settle({ plan, outcomes }: Passed): void {
    const { log } = this.options;
    tellBlocked(log, { ...plan, rejected: [] });
    this.#backoff.keepOnly(new Set(plan.steps.map(({ part }) => part)));
    for (const { step, error } of outcomes) {
      if (error === undefined) {
        this.#backoff.succeeded(step.part);
        tellChanges(log, step, step.cause ?? "declared");
      } else this.#failed(step.part, `${describeChange(step.changes[0]!)}: ${error.message}`);
    }
    // One more pass sees whether that was all.
    if (outcomes.some(({ error }) => error === undefined)) this.#isAgain = true;
  }

  #failed(what: Parameters<Backoff["failed"]>[0], message: string): void {
    const retryInMs = Math.round(this.#backoff.failed(what, message));
    this.options.log.error(`cannot go on with declared networks: ${message}`, { retryInMs });
  }
}

function hostNames(interfaces: readonly WantedInterface[]): ReadonlySet<string> {
  return new Set(interfaces.flatMap(({ link }) => {
    if (link.kind !== "wireguard") return [];
    return link.peers.flatMap(({ endpoint }) => typeof endpoint?.host === "string" ? endpoint.host : []);
  }));
}
