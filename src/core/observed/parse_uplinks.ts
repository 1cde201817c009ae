// Output of `ip -j route show default` -> the interfaces that the host goes out by, and what routers told of them.

/** An interface with a default route. */
export interface Uplink {
  /**
   * What a router announced for IPv6, in bytes. It counts for the whole interface, but is told with no other route than the
   * default one that the kernel made of the same announcement.
   */
  readonly announcedMtuBytes?: number;
  /** Its default route of IPv6 is a router's announcement. */
  readonly isAnnounced?: true;
}

interface RouteJson {
  readonly dev?: string;
  /** In place of `dev` where there are several. */
  readonly nexthops?: readonly { readonly dev?: string }[];
  readonly protocol?: string;
  readonly metrics?: readonly { readonly mtu?: number }[];
}

/**
 * Reads the answers of both families; of several announcements for one interface the least counts.
 * @throws SyntaxError when one is no JSON
 */
export function parseUplinks(answers: readonly string[]): ReadonlyMap<string, Uplink> {
  const routes = answers.flatMap((json) => JSON.parse(json || "[]") as RouteJson[]);
  const uplinks = new Map<string, Uplink>();
  for (const { protocol, metrics = [], nexthops = [], ...route } of routes) {
    const announced = protocol === "ra" ? metrics.flatMap(({ mtu }) => mtu ?? []) : [];
    for (const dev of [route, ...nexthops].flatMap(({ dev }) => dev ?? [])) {
      const { announcedMtuBytes: known, isAnnounced } = uplinks.get(dev) ?? {};
      const all = [...announced, ...known === undefined ? [] : [known]];
      uplinks.set(dev, {
        ...(all.length === 0 ? {} : { announcedMtuBytes: Math.min(...all) }),
        ...(isAnnounced || protocol === "ra" ? { isAnnounced: true as const } : {}),
      });
    }
  }
  return uplinks;
}
