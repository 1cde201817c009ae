// Looks among the Nodes for this host's own, where NODE_NAME is not set. Of the others nothing is kept.

import type { Waiting } from "../core/desired/desired_state.ts";
import { refused } from "../core/net/refusal.ts";
import {
  ABSENCE_REMEDY,
  absenceText,
  type Candidate,
  candidateParser,
  type HostIds,
  hostNode,
  idsText,
  NO_IDS,
  pickIds,
} from "../core/nodes/host_node.ts";
import type { NodeName } from "../core/nodes/node.ts";
import type { GivenSettings } from "../core/settings/settings.ts";
import { readHostIds } from "./host_ids.ts";
import type { NodeSource } from "./sources/node_source.ts";
import { openSource } from "./sources/open_source.ts";

/** A search that goes on until it is closed. */
export class NameSearch {
  private constructor(
    readonly source: NodeSource<Candidate>,
    /** Of this host. */
    private readonly host: HostIds,
  ) {}

  /**
   * Reads what is looked for; the source is not started yet.
   * @throws Error when nothing tells this machine from others, or the credentials cannot be had
   */
  static async open(settings: GivenSettings, onChange: () => void): Promise<NameSearch> {
    const ids = await readHostIds();
    if (ids.machineId === undefined && ids.systemUuid === undefined) throw new Error(NO_IDS);
    const reading = { parse: candidateParser(ids), pick: pickIds, onChange };
    return new NameSearch((await openSource(settings, reading)).source, ids);
  }

  /**
   * The name of this host's Node; undefined: it is not there, or not all Nodes could be read yet.
   * @throws Error when several say that they are this host
   */
  found(): NodeName | undefined {
    const { items, complete } = this.source.state();
    const name = complete ? hostNode(items, this.host) : undefined;
    if (refused(name)) throw new Error(name.reason);
    return name;
  }

  /** What is waited for while there is none. */
  waiting(): Waiting {
    const { items, complete } = this.source.state();
    const why = complete
      ? absenceText(items, this.host)
      : "NODE_NAME is not set, and not all Nodes could be read yet";
    return { what: "this host's Node", why, next: ABSENCE_REMEDY };
  }

  /** What is looked for. */
  get ids(): string {
    return idsText(this.host);
  }

  async close(): Promise<void> {
    await this.source.close();
  }
}
