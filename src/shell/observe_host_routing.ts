// The rules and the routes by which node addresses go into the tunnel, or ESP goes in UDP, as the host has them.

import { type DesiredState, ROUTE_PROTOCOL } from "../core/desired/desired_state.ts";
import type { Family } from "../core/net/address.ts";
import type { ObservedState } from "../core/observed/observed_state.ts";
import { parseHostRouting } from "../core/observed/parse_host_routing.ts";
import { attempt } from "./command.ts";

/**
 * Our rules and the routes of our table. Where none are wanted they are looked for once: an agent of before may have left some.
 * @throws Error when ip cannot be asked for what is wanted
 */
export async function observeHostRouting(
  { hostRouting }: Pick<DesiredState, "hostRouting">,
  last?: ObservedState["hostRouting"],
): Promise<Pick<ObservedState, "hostRouting">> {
  if (hostRouting === undefined && last !== undefined && last[4].size + last[6].size === 0) return {};
  const look = async (family: Family) => {
    const input = `rule show\nroute show table ${ROUTE_PROTOCOL} proto ${ROUTE_PROTOCOL}\n`;
    const args = ["-j", `-${family}`, "-force", "-batch", "-"];
    const { stdout, stderr } = await attempt({ program: "ip", args, input });
    if (stdout.startsWith("[{")) return parseHostRouting(stdout, family);
    if (hostRouting?.[family].length) throw new Error(`ip rule show told nothing: ${stderr}`);
    return new Set<string>(); // a kernel without the family has neither
  };
  const [v4, v6] = await Promise.all([look(4), look(6)]);
  return { hostRouting: { 4: v4, 6: v6 } };
}
