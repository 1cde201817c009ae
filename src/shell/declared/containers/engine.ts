// What a container engine says of its containers. It is asked in the background, a few questions at a time, and has a rest between: one
// that is slow or hangs keeps nobody else waiting, and finds no queue when it is back. Believes nothing (places.ts).

import { type Found, type NotFound, parseInspection } from "../../../core/declared/containers/facts.ts";
import { socketPaths } from "../../../core/shipped/flags.ts";
import { type Answer, askSocket } from "./ask_socket.ts";

/** Questions at a time. */
const LANES = 4;
/** A look waits so long for answers; later ones are the next look's. */
const PATIENT_MS = 100;
/** Behind it no question of a round is begun. */
const ROUND_MS = 4_000;
/** Of a round that took long, as of a look (declared_keeper.ts). */
const REST_TIMES = 9;
const LONGEST_REST_MS = 10_000;

/** An engine; it says everything by its socket. */
export class Engine {
  /** What it said last of each, the oldest first. */
  readonly #said = new Map<string, Found | NotFound>();
  #round: Promise<void> | undefined;
  #restsUntilMs = 0;

  /** @param socket as the node has it */
  constructor(private readonly kind: string, private readonly socket: string) {}

  /** What it says of each of these containers, or said last where it takes its time. Never throws, never waits long. */
  async inspect(names: ReadonlySet<string>): Promise<ReadonlyMap<string, Found | NotFound>> {
    for (const name of this.#said.keys()) if (!names.has(name)) this.#said.delete(name);
    if (names.size > 0 && this.#round === undefined && performance.now() >= this.#restsUntilMs) {
      this.#round = this.#askAll(
        [...names].filter((name) => !this.#said.has(name)).concat([...this.#said.keys()]),
      );
    }
    if (this.#round !== undefined) await settled(this.#round);
    const yet: NotFound = {
      reason: `${this.socket} has not answered yet`,
      next: "it is asked by itself",
      isUnknown: true,
    };
    return new Map([...names].map((name) => [name, this.#said.get(name) ?? yet]));
  }

  /** Who was answered longest ago comes first: no container that its engine hangs on keeps the others from their turn. */
  async #askAll(names: string[]): Promise<void> {
    const startMs = performance.now();
    const lane = async () => {
      for (let name = names.shift(); name !== undefined; name = names.shift()) {
        const said = await this.#ask(name);
        this.#said.delete(name);
        this.#said.set(name, said);
        if (performance.now() - startMs > ROUND_MS) return;
      }
    };
    await Promise.all(Array.from({ length: LANES }, lane));
    const tookMs = performance.now() - startMs;
    this.#restsUntilMs = performance.now() + Math.min(LONGEST_REST_MS, REST_TIMES * tookMs);
    this.#round = undefined;
  }

  async #ask(name: string): Promise<Found | NotFound> {
    try {
      const { status, json } = await this.#answerTo(`/containers/${encodeURIComponent(name)}/json`);
      return parseInspection(status, json, name);
    } catch (error) {
      return {
        reason: `${this.socket} does not answer: ${(error as Error).message}`,
        next: `start ${this.kind}, or its socket; in a cluster that takes declared-engines`,
        isUnknown: true,
      };
    }
  }

  /** From the first of the places where its socket may be that has one. */
  async #answerTo(path: string): Promise<Answer> {
    const [own, mounted] = socketPaths(this.socket);
    try {
      return await askSocket(own, path);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      return await askSocket(mounted, path);
    }
  }
}

/** It has ended, or is not waited for any more. */
async function settled(promise: Promise<void>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<void>((resolve) => timer = setTimeout(resolve, PATIENT_MS));
  await Promise.race([promise, late]);
  clearTimeout(timer);
}
