// Tells systemd how the agent is (sd_notify(3)): ready, alive, and one line for `systemctl status`. By a datagram, a tenth of a
// millisecond each: no program is started for it. Nothing is told where NOTIFY_SOCKET is not set.

import { makePrivately, removeFile, RUN_FOLDER } from "./files.ts";

/** A boot waits no longer than this for a node whose Nodes are not there: the status says what it waits for. */
const READY_AT_LATEST_MS = 60_000;
/** With a pass every 33 s at rest, a sixth of the watchdog's time may pass before it is told. */
const PINGS_IN_TIME = 6;

/** How the agent is, at the end of a pass. */
export interface Health {
  /** True from the first complete apply on. */
  readonly isReady: boolean;
  readonly line: string;
}

/** How it is reached. */
interface Way {
  readonly socket: Deno.DatagramConn;
  readonly path: string;
  /** 0: there is no watchdog. */
  readonly pingMs: number;
  readonly onTrouble: (why: string) => void;
}

/** The systemd that started this process. */
export class Systemd {
  readonly #toldMs: { ready: number | undefined; alive: number } = { ready: undefined, alive: 0 };
  #line = "";

  private constructor(private readonly options: Way) {}

  /**
   * Undefined where no manager wants to hear anything, or cannot be told.
   * @param onTrouble hears why it cannot
   */
  static async open(onTrouble: (why: string) => void): Promise<Systemd | undefined> {
    const path = Deno.env.get("NOTIFY_SOCKET") ?? "";
    if (path === "") return undefined;
    const watchdogMs = Number(Deno.env.get("WATCHDOG_USEC") ?? 0) / 1_000;
    try {
      // Nobody answers: its name is needed to make it, and then no more.
      const name = `${RUN_FOLDER}/notify.sock`;
      const socket = await makePrivately(
        name,
        (own) => Deno.listenDatagram({ transport: "unixpacket", path: own }),
      );
      await removeFile(name);
      return new Systemd({ socket, path, pingMs: watchdogMs / PINGS_IN_TIME, onTrouble });
    } catch (error) {
      onTrouble((error as Error).message);
      return undefined;
    }
  }

  /** After each pass: who hangs in one is not heard any more, and is started anew. */
  passed({ isReady, line }: Health): void {
    const { pingMs } = this.options;
    const nowMs = performance.now();
    const news: string[] = [];
    if (this.#toldMs.ready === undefined && (isReady || nowMs > READY_AT_LATEST_MS)) {
      this.#toldMs.ready = nowMs;
      news.push("READY=1");
    }
    if (pingMs > 0 && nowMs - this.#toldMs.alive >= pingMs) {
      this.#toldMs.alive = nowMs;
      news.push("WATCHDOG=1");
    }
    if (line !== this.#line) {
      this.#line = line;
      news.push(`STATUS=${line}`);
    }
    if (news.length > 0) this.#send(news);
  }

  /** It was told to end. */
  stopping(): Promise<void> {
    return this.#send(["STOPPING=1", "STATUS=stops; the data plane stays"]);
  }

  /** It cannot start. */
  failed(why: string): Promise<void> {
    return this.#send([`STATUS=${why.replace(/\s+/g, " ")}`]);
  }

  close(): void {
    this.options.socket.close();
  }

  async #send(lines: readonly string[]): Promise<void> {
    try {
      const bytes = new TextEncoder().encode(lines.join("\n"));
      await this.options.socket.send(bytes, { transport: "unixpacket", path: this.options.path });
    } catch (error) {
      this.options.onTrouble((error as Error).message);
    }
  }
}
