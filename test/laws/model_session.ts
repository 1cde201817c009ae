// A peer's session second by second, as WireGuard's timers make it, with an agent that reads and writes: how long until
// packets flow again, and how often it wrote. Times of the protocol are those of the WireGuard paper, section 6.

import type { DesiredState } from "../../src/core/desired/desired_state.ts";
import type { ObservedState } from "../../src/core/observed/observed_state.ts";
import { parseWireguard } from "../../src/core/observed/parse_network.ts";
import { confirm } from "../../src/core/plan/confirm.ts";
import { diff } from "../../src/core/plan/diff.ts";
import { hostOf } from "../host_state.ts";

const RETRY_SECONDS = 5;
const ATTEMPTS = 18;
const SESSION_SECONDS = 180;
const NOTICED_SECONDS = 15;
const START = 1_000_000;

/** What the world is like, and may become at any time. */
export interface World {
  /** Endpoints at which the peer answers. */
  alive: ReadonlySet<string>;
  /** Endpoints to which nothing can be sent at all: no route. */
  unsendable: ReadonlySet<string>;
  /** Packets are sent to the peer. */
  isBusy: boolean;
}

/** One peer of one host, and its agent. */
export class Session {
  readonly writes: string[] = [];
  /** Seconds in which a packet was answered. */
  readonly answered: number[] = [];
  seconds = 0;
  endpoint: string | undefined;
  keepalive = 0;
  #handshakeAt = -Infinity;
  #received = 0;
  #sent = 0;
  #attemptsLeft = 0;
  #lastAttempt = -Infinity;
  #unansweredSince: number | undefined;
  #observed: ObservedState | undefined;
  #host: ObservedState | undefined;

  constructor(public desired: DesiredState, readonly world: World, readonly pollSeconds = 1) {}

  /** Lets time pass. */
  run(seconds: number): this {
    for (const end = this.seconds + seconds; this.seconds < end; this.seconds++) {
      this.#protocol();
      if (this.seconds % this.pollSeconds === 0) this.pass();
    }
    return this;
  }

  /** The agent forgets all that it knows. */
  restart(): void {
    this.#observed = undefined;
  }

  /** A packet of the peer comes from there: a session that moves, or begins, with it. */
  hears(endpoint: string): void {
    this.endpoint = endpoint;
    this.#answer(true);
  }

  #protocol(): void {
    if (this.endpoint === undefined) return;
    const hasKey = this.seconds - this.#handshakeAt < SESSION_SECONDS;
    if (hasKey && this.world.isBusy) {
      this.#send(100);
      if (this.#isAlive) this.#answer(this.seconds - this.#handshakeAt >= 120);
      else this.#unansweredSince ??= this.seconds;
      const isNoticed = this.seconds - (this.#unansweredSince ?? this.seconds) >= NOTICED_SECONDS;
      if (isNoticed && this.#attemptsLeft === 0) this.#begin();
    } else if (!hasKey && (this.world.isBusy || this.#isKeepaliveDue()) && this.#attemptsLeft === 0) {
      this.#begin();
    }
    if (this.#attemptsLeft > 0 && this.seconds - this.#lastAttempt >= RETRY_SECONDS) {
      this.#attemptsLeft--;
      this.#lastAttempt = this.seconds;
      this.#send(148);
      if (this.#isAlive) this.#answer(true);
    }
  }

  #isKeepaliveDue(): boolean {
    return this.keepalive > 0 && this.seconds % this.keepalive === 0;
  }

  #begin(): void {
    this.#attemptsLeft = ATTEMPTS;
    this.#unansweredSince = this.seconds;
  }

  get #isAlive(): boolean {
    return this.world.alive.has(this.endpoint ?? "");
  }

  #send(bytes: number): void {
    if (this.endpoint !== undefined && !this.world.unsendable.has(this.endpoint)) this.#sent += bytes;
  }

  #answer(isHandshake: boolean): void {
    this.#received += 92;
    this.#attemptsLeft = 0;
    this.#unansweredSince = undefined;
    if (isHandshake) this.#handshakeAt = this.seconds;
    this.answered.push(this.seconds);
  }

  /** The agent reads, and does what is to be done. */
  pass(): void {
    const now = START + this.seconds + 0.4;
    const [peer] = this.desired.peers;
    const handshake = this.#handshakeAt === -Infinity ? 0 : START + this.#handshakeAt;
    const counters = [handshake, this.#received, this.#sent, this.keepalive || "off"];
    const allowed = peer!.allowedIps;
    const dump = [
      "SECRET\tkey\t24601\toff",
      [peer!.publicKey, "(none)", this.endpoint ?? "(none)", allowed, ...counters].join("\t"),
    ];
    const read = parseWireguard(
      this.endpoint === undefined ? `${dump[0]}\n` : `${dump.join("\n")}\n`,
      this.#observed?.wireguard,
      { wallSeconds: now, steadySeconds: now },
    );
    const others = this.#host ??= hostOf(this.desired);
    this.#observed = { ...others, wireguard: { ...read, publicKey: "(unknown)" } };
    for (const step of diff(this.desired, this.#observed, now).steps) {
      for (const { text, reason } of step.changes) this.writes.push(`${this.seconds} ${text} (${reason})`);
      for (const { endpoint, keepaliveSeconds } of step.confirms!.peers!.set) {
        this.endpoint = endpoint ?? this.endpoint;
        this.keepalive = keepaliveSeconds;
      }
      if (step.actions.some(({ kind }) => kind === "greet")) this.#begin();
      this.#observed = confirm(this.#observed, [step.confirms!]);
    }
  }
}
