// What declared objects ask of this host, computed anew only where something that it is made of is another: in a mesh of 200 it
// takes a fifth of a second (2026-11).

import type { DeclaredObject } from "../../core/declared/declared_object.ts";
import { type NodeParts, publishedKeys } from "../../core/declared/status/node_parts.ts";
import { takenBy } from "../../core/declared/want/taken.ts";
import { type Wanted, wantInterfaces } from "../../core/declared/want/want_interfaces.ts";
import type { ParsedNode } from "../../core/nodes/node.ts";
import { nextPort } from "../../core/rotation/names.ts";
import type { Settings } from "../../core/settings/settings.ts";

/** UDP ports of the pod network, the same on all nodes as its settings are. */
export function podPorts(
  { port, vxlanPort, ipsecUdpPort }: Pick<Settings, "port" | "vxlanPort" | "ipsecUdpPort">,
): readonly number[] {
  return [port, nextPort(port), vxlanPort, ipsecUdpPort];
}

/** What it is made of; each the same list until something of it changes. */
export interface WishParts {
  readonly objects: readonly DeclaredObject[];
  readonly nodes: readonly ParsedNode[];
  readonly said: readonly NodeParts[];
}

/** The last one. */
export class KeptWish {
  #parts: WishParts | undefined;
  #wanted: Wanted | undefined;
  /** When the last of somebody's time was over: before that the clock was ahead. */
  #sinceMs = -Infinity;
  /** When the next of somebody's time is over. */
  #untilMs = Infinity;

  /** @param secretsNamespace the one whose Secrets are read; undefined: none */
  constructor(private readonly settings: Settings, private readonly secretsNamespace: string | undefined) {}

  of(parts: WishParts): Wanted {
    const { objects, nodes, said } = parts;
    const nowMs = Date.now();
    const last = this.#parts;
    const isSame = last?.objects === objects && last.nodes === nodes && isAlike(last.said, said);
    const isTimely = nowMs >= this.#sinceMs && nowMs < this.#untilMs;
    if (isSame && this.#wanted !== undefined && isTimely) return this.#wanted;
    const { nodeName, interfaceName, hasDeclaredContainers } = this.settings;
    this.#parts = parts;
    this.#untilMs = Math.min(...expiries(objects).filter((ms) => ms > nowMs));
    this.#sinceMs = Math.max(...expiries(objects).filter((ms) => ms <= nowMs));
    return this.#wanted = wantInterfaces(objects, {
      nodeName,
      interfaceName,
      ports: podPorts(this.settings),
      nowMs,
      secretsNamespace: this.secretsNamespace,
      hasContainers: hasDeclaredContainers,
      taken: takenBy(nodes.flatMap(({ node }) => node ?? [])),
      published: publishedKeys(said),
    });
  }
}

function isAlike(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a === b || a.length === 0 && b.length === 0;
}

function expiries(objects: readonly DeclaredObject[]): number[] {
  return objects.flatMap((it) =>
    it.kind === "WireGuardNetworkPlan" ? it.spec.nodes.map(({ expires = Infinity }) => expires) : []
  );
}
