// Which Nodes the loop goes by: the last complete list in which our own was.

import type { Waiting } from "../core/desired/desired_state.ts";
import { namesToResolve } from "../core/desired/endpoints.ts";
import type { ParsedNode } from "../core/nodes/node.ts";
import type { Settings } from "../core/settings/settings.ts";
import type { Log } from "./log.ts";
import type { NameResolver } from "./name_resolver.ts";
import type { NodeSource } from "./sources/node_source.ts";
import { tellProblems } from "./tell.ts";

/** What Nodes are taken from. */
export interface NodeIntakeOptions {
  readonly settings: Settings;
  readonly source: NodeSource<ParsedNode>;
  readonly names: NameResolver;
  readonly log: Log;
}

/** The Nodes as they were last taken in. */
export class NodeIntake {
  /** Undefined before the first. */
  nodes: readonly ParsedNode[] | undefined;
  /** Some were never read: what nobody wants may be wanted there. */
  isPartial = false;
  /** What stands in the way. */
  waiting: readonly Waiting[] = [];

  constructor(private readonly options: NodeIntakeOptions) {}

  /** A source that lost all Nodes, or ours, or was never complete, changes nothing. */
  take(): void {
    const { settings, source, log, names } = this.options;
    const { items, complete, problems } = source.state();
    tellProblems(log, problems);
    const hasOwn = items.some(({ node }) => node?.name === settings.nodeName);
    if (complete && hasOwn) {
      this.nodes = [...items];
      names.want(namesToResolve(items));
      const unread = problems.filter(({ isUnread }) => isUnread).map(({ path }) => path);
      this.isPartial = unread.length > 0;
      this.waiting = unread.length === 0 ? [] : [{
        what: "removals",
        why: `${unread.join(", ")} was never read: what this agent found here, and no Node wants, stays`,
        next: "mend or remove the file",
      }];
      return;
    }
    const why = complete
      ? `no Node named ${settings.nodeName} among ${items.length}`
      : "not all could be read yet";
    this.waiting = [{
      what: "Nodes",
      why: `${why}; nothing is changed until then`,
      next: `look at ${source.places.join(", ")}`,
    }];
    log.warn(`waiting for Nodes: ${why}`);
  }
}
