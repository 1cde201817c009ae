// Writes into the Nodes of a laboratory what agents with an API server would write themselves: their nonces of IPsec.

import type { Lab } from "../lab/lab.ts";
import type { Manifest } from "../lab/manifest.ts";
import { PATIENCE } from "../lab/until.ts";
import { saying } from "./transports.ts";

const PAUSE_MS = 200;
const ASKED = /^put wigglenet\/ipsec-nonce: (\S+) into the manifest of (\S+),/;

/** Close it with the laboratory. */
export class Clerk {
  #isClosed = false;
  readonly #nonces = new Map<string, string>();

  /** @param change what else the Nodes say than those of the laboratory's machines */
  constructor(
    private readonly lab: Lab,
    private readonly transport: string,
    private readonly change: (manifest: Manifest) => Manifest = (manifest) => manifest,
  ) {
    this.#work();
  }

  close(): void {
    this.#isClosed = true;
  }

  /** One look at a time: an agent that has little of a processor answers late. */
  async #work(): Promise<void> {
    while (!this.#isClosed) {
      await this.#look();
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS * PATIENCE));
    }
  }

  async #look(): Promise<void> {
    for (const node of this.lab.nodes) {
      const { waiting = [] } = await node.status() ?? {};
      const [, nonce] = waiting.map(({ next }) => ASKED.exec(next)).find((found) => found !== null) ?? [];
      if (nonce === undefined || this.#nonces.get(node.name) === nonce) continue;
      this.#nonces.set(node.name, nonce);
      await this.lab.publish(this.manifestOf(node));
    }
  }

  /** The Node of a machine as it is published. */
  manifestOf({ name, manifest }: { readonly name: string; readonly manifest: Manifest }): Manifest {
    const said = this.change(saying(manifest, this.transport));
    const nonce = this.#nonces.get(name);
    const annotations = { ...said.metadata.annotations, ...(nonce && { "wigglenet/ipsec-nonce": nonce }) };
    return { ...said, metadata: { ...said.metadata, annotations } };
  }
}
