// A host as a value, for laws over many histories: it carries out the actions of a Plan by reading their text, as nft,
// ip and wg would, and refuses what they would refuse and whatever it does not know. What it shows of itself goes
// through the agent's own parsers.

import type { DesiredState, DesiredTable } from "../../src/core/desired/desired_state.ts";
import type { ObservedState, ObservedTable } from "../../src/core/observed/observed_state.ts";
import { parseHostRouting } from "../../src/core/observed/parse_host_routing.ts";
import { parseLink, parseRoutes, parseWireguard } from "../../src/core/observed/parse_network.ts";
import { parseFastpath, parseTable } from "../../src/core/observed/parse_table.ts";
import type { Action } from "../../src/core/plan/plan.ts";
import { renderFastpath, renderStructure } from "../../src/core/render/render_table.ts";
import { fastpathJson, loadFastpath } from "./model_fastpath.ts";
import { ModelNetwork } from "./model_network.ts";
import { ModelTable } from "./model_table.ts";
import { Refused } from "./refused.ts";

/** The clock of all laws, in seconds: no session of the model host lives. */
export const NOW = 1_000_000;
const CLOCKS = { wallSeconds: NOW, steadySeconds: NOW };

/** What was read of tables and what nft makes of wanted ones: neither ever changes, and laws read both after each step. */
const READ = new WeakMap<ModelTable, ObservedTable>();
const REFERENCES = new WeakMap<DesiredTable, string>();

/** With sets of its own each time, as each read of a host has. */
function readTable(table: ModelTable): ObservedTable {
  const read = READ.get(table) ?? parseTable(table.json());
  READ.set(table, read);
  return { ...read, sets: new Map([...read.sets].map(([name, members]) => [name, new Set(members)])) };
}

function referenceOf(table: DesiredTable): string {
  const structure = REFERENCES.get(table) ??
    parseTable(ModelTable.of(renderStructure(table)).json()).structure;
  REFERENCES.set(table, structure);
  return structure;
}

/** A host with the agent's state on it and nothing else. */
export class ModelHost {
  readonly network = new ModelNetwork();
  table: ModelTable | undefined;
  /** What nft prints of the flowtable's table. */
  fastpath: string | undefined;
  /** Text by path. */
  readonly files = new Map<string, string>();
  /** Target by path of a symbolic link. */
  readonly links = new Map<string, string>();

  /** Carries out one action. Throws Refused, as the program would fail. */
  act(action: Action): void {
    switch (action.kind) {
      case "run":
        return this.#run(action.program, action.args, action.input);
      case "serve":
        return this.network.serve(action.interfaceName);
      case "end":
        return this.network.end(action.pid);
      case "writeFile":
        this.files.set(action.path, action.text);
        this.files.delete(action.linkFrom);
        this.links.set(action.linkFrom, action.path);
        return;
      case "removeFiles":
        for (const path of action.paths) if (!this.files.delete(path)) this.links.delete(path);
        return;
      case "greet":
        return this.network.greet(action.interfaceName, action.peers);
      case "moveKey": // no key rotates here: test/laws/rotation_test.ts
        throw new Refused(`unknown: move key ${action.move}`);
      case "associate": // nor is there IPsec: test/laws/ipsec_test.ts
      case "drawNonce":
        throw new Refused(`unknown: ${action.kind}`);
      default:
        throw new Refused(`unknown: ${JSON.stringify(action satisfies never)}`);
    }
  }

  #run(program: string, args: readonly string[], input: string | undefined): void {
    if (program === "ip") return this.network.ip(args, input);
    if (program === "wg") return this.network.wg(args, input);
    if (program !== "nft" || args.join(" ") !== "-f" || input === undefined) {
      throw new Refused(`${program} ${args.join(" ")}`);
    }
    if (!input.includes("inet wigglenet-fastpath\n")) this.table = ModelTable.load(this.table, input);
    else this.fastpath = loadFastpath(input, this.#links(), this.fastpath !== undefined);
  }

  #links(): Set<string> {
    return new Set(["eth0", "eth1", ...(this.network.link === undefined ? [] : [this.network.link.name])]);
  }

  /** What the agent sees. `last` is what it saw before, undefined after a start. */
  observe({ table, fastpath, cniPath, link }: DesiredState, last?: ObservedState): ObservedState {
    const { pids, routes, hostRouting } = this.network;
    // Without a tunnel `wg` is not asked.
    const wireguard = link === undefined ? undefined : this.network.wireguard;
    const linkTarget = this.links.get(cniPath);
    return {
      link: parseLink(this.network.linkJson()),
      overlay: parseLink(this.network.overlayJson()),
      wireguard: wireguard && parseWireguard(wireguard.dump(), last?.wireguard, CLOCKS),
      // Looked for only where nobody answers, or where the kernel is to take its place.
      userspacePids: wireguard === undefined || link?.implementation === "kernel" ? pids : [],
      routes: { 4: parseRoutes(routes[4].json(), 4), 6: parseRoutes(routes[6].json(), 6) },
      hostRouting: {
        4: parseHostRouting(hostRouting[4].json(), 4),
        6: parseHostRouting(hostRouting[6].json(), 6),
      },
      table: this.table && readTable(this.table),
      reference: referenceOf(table),
      fastpath: this.fastpath === undefined ? undefined : parseFastpath(this.fastpath),
      fastpathReference: fastpath && parseFastpath(fastpathJson(renderFastpath(fastpath))).structure,
      cni: { text: this.files.get(linkTarget ?? cniPath), linkTarget },
    };
  }
}
