// Output of `ip -j -force -batch` with a `route get ADDRESS fibmatch` a line -> by which interfaces each is reached.

import type { Path } from "../desired/host_facts.ts";
import type { Family } from "../net/address.ts";

/** The route that an address takes; many addresses have the same one. */
export interface WayOut {
  /** Interfaces of its next hops. */
  readonly devs: readonly string[];
  /** The route's own MTU. */
  readonly mtuBytes: number | undefined;
}

/** What ip printed, and what it complained of. */
export interface BatchOutput {
  readonly stdout: string;
  readonly stderr: string;
}

interface RouteJson {
  readonly type?: string;
  readonly dev?: string;
  readonly nexthops?: readonly { readonly dev?: string }[];
  readonly metrics?: readonly { readonly mtu?: number }[];
}

/**
 * Reads the answers in order; undefined where there is no way out: unreachable, or the host's own address.
 * @param count of the batch's lines
 * @throws SyntaxError when answers and failures do not add up to that
 */
export function parseWaysOut({ stdout, stderr }: BatchOutput, count: number): (WayOut | undefined)[] {
  // `Command failed /run/wigglenet/input-1-2:7`
  const failed = new Set(
    [...stderr.matchAll(/^Command failed .*:(\d+)\s*$/gm)].map(([, line]) => Number(line)),
  );
  const answers = stdout.split("\n").filter((line) => line !== "");
  if (answers.length + failed.size !== count) {
    throw new SyntaxError(
      `ip gave ${answers.length} answers and ${failed.size} errors for ${count} addresses`,
    );
  }
  const known = new Map<string, WayOut | undefined>();
  let next = 0;
  return Array.from({ length: count }, (_, i) => {
    if (failed.has(i + 1)) return undefined;
    const answer = answers[next++]!;
    if (!known.has(answer)) known.set(answer, wayOutOf(answer));
    return known.get(answer);
  });
}

function wayOutOf(answer: string): WayOut | undefined {
  const [route] = JSON.parse(answer) as RouteJson[];
  if (route === undefined || (route.type ?? "unicast") !== "unicast") return undefined;
  const devs = [route, ...route.nexthops ?? []].flatMap(({ dev }) => dev ?? []);
  return { devs, mtuBytes: route.metrics?.find(({ mtu }) => mtu !== undefined)?.mtu };
}

/** What interfaces carry, in bytes, by name. */
export type InterfaceMtus = Readonly<Record<Family, ReadonlyMap<string, number>>>;

/** The narrowest of the ways that an address may take; undefined where nothing is known of its interfaces. */
export function pathOf(way: WayOut, family: Family, mtus: InterfaceMtus): Path | undefined {
  const paths = way.devs.flatMap((dev): Path | [] => {
    const own = mtus[family].get(dev);
    return own === undefined ? [] : { dev, mtuBytes: Math.min(own, way.mtuBytes ?? own) };
  });
  return paths.sort((a, b) => a.mtuBytes - b.mtuBytes)[0];
}
