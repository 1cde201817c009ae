// The UDP port of each end of each link, by names alone: every node computes those of all others, and nobody remembers any.

import { sha256 } from "../../policy/sha256.ts";
import type { PortRange } from "../schema/parts.ts";

/** The ports of one node that are in use. */
export class NodePorts {
  readonly #taken: Set<number>;

  /** @param reserved those of something else on every node */
  constructor(reserved: readonly number[]) {
    this.#taken = new Set(reserved);
  }

  /**
   * The port for something of this name: where its digest says, and where that is taken at the digest's next place, and at last
   * the next one that is free. What comes later moves nothing that came before.
   * @returns undefined when none is left
   */
  take(name: string, { start, end }: PortRange): number | undefined {
    const size = end - start + 1;
    const digest = new DataView(sha256(name).buffer);
    let place = 0;
    for (let at = 0; at < digest.byteLength; at += 4) {
      place = digest.getUint32(at) % size;
      if (this.#add(start + place)) return start + place;
    }
    for (let i = 1; i < size; i++) {
      const port = start + (place + i) % size;
      if (this.#add(port)) return port;
    }
  }

  #add(port: number): boolean {
    if (this.#taken.has(port)) return false;
    this.#taken.add(port);
    return true;
  }
}
