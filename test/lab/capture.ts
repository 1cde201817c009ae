// What crosses an interface of a machine, captured by tcpdump and read as it comes.

import { type Packet, PcapReader } from "./frames.ts";
import type { Host } from "./host.ts";
import type { Process } from "./process.ts";
import { until } from "./until.ts";

// Enough for the headers and the first bytes of what they carry.
const SNAPLEN = 192;
const PROTOCOL_ICMP = [1, 58];

/** A running capture. Make it with {@link Capture.start}. */
export class Capture {
  readonly packets: Packet[] = [];
  readonly #reading: Promise<void>;

  private constructor(private readonly process: Process) {
    this.#reading = this.#read();
  }

  /** Captures an interface; what passes after this has settled is seen. */
  static async start(host: Host, link: string): Promise<Capture> {
    const argv = [
      "tcpdump",
      "-i",
      link,
      "-Z",
      "root",
      "-nn",
      "-U",
      "--immediate-mode",
      "-s",
      `${SNAPLEN}`,
      "-w",
      "-",
    ];
    const process = host.start(argv, { isBinary: true });
    const capture = new Capture(process);
    await process.line("stderr", /listening on/);
    return capture;
  }

  async #read(): Promise<void> {
    const reader = new PcapReader();
    for await (const bytes of this.process.output) this.packets.push(...reader.read(bytes));
  }

  /** Waits until a ping sent now from the machine has been captured, and with it all that passed before. */
  async catchUp(host: Host, address: string): Promise<void> {
    const isPing = ({ protocol, source }: Packet) => PROTOCOL_ICMP.includes(protocol) && source === address;
    const before = this.packets.filter(isPing).length;
    // One answer, not one attempt: a machine that has just booted has another MAC than its neighbours know.
    await host.run(["ping", "-n", "-c", "1", "-w", "10", address]);
    await until(
      `the capture to show a ping to ${address}`,
      () => this.packets.filter(isPing).length > before,
    );
  }

  /** Ends the capture. Throws when the kernel dropped packets of it: its silence would prove nothing. */
  async stop(): Promise<readonly Packet[]> {
    await this.process.kill("SIGINT");
    await Promise.all([this.#reading, this.process.closed]);
    const dropped = this.process.stderr.find((line) => /^[1-9]\d* packets? dropped by kernel/.test(line));
    if (dropped !== undefined) throw new Error(`The capture is incomplete: ${dropped}`);
    return this.packets;
  }
}
