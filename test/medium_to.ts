// By what a node sends to pods, as tests of transports ask for it.

import type { DesiredState } from "../src/core/desired/desired_state.ts";
import { overlaps, parsePrefix, type Prefix } from "../src/core/net/prefix.ts";

/** `tunnel`, a medium, or `nothing`. One route into the tunnel may be to the pods of two nodes. */
export function mediumTo(pods: string, { routes }: DesiredState): string {
  const wanted = parsePrefix(pods) as Prefix;
  const found = routes.find(({ destination, type }) =>
    type !== "unreachable" && overlaps(parsePrefix(destination) as Prefix, wanted)
  );
  if (found === undefined) return "nothing";
  if (found.type === "tunnel") return "tunnel";
  return / dev wigglenet-(vx|gre|ipsec) /.exec(found.text)?.[1]?.replace("vx", "vxlan") ?? "direct";
}
