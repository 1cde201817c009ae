// A port that one interface leaves and another one is to have: it is left first, or both would wait for each other for ever.

import { STAGE, type Step } from "../../plan/plan.ts";
import type { ObservedInterfaces } from "../observed/observed_interfaces.ts";
import type { WantedInterface } from "../want/wanted_interface.ts";
import { partOf } from "./configure_interface.ts";

/** Whose a UDP port is to be, of those that live in another network namespace: the sockets of all are the host's. */
export type PortsElsewhere = ReadonlyMap<number, string>;

/** Steps for those that stand in another one's way; a moment later they get their own, where they are to have one. */
export function freePorts(
  wanted: readonly WantedInterface[],
  { serving }: ObservedInterfaces,
  elsewhere: PortsElsewhere,
): Step[] {
  const owners = new Map(
    wanted.flatMap(({ name, link }) =>
      link.kind === "wireguard" && link.listenPort !== undefined ? [[link.listenPort, name] as const] : []
    ),
  );
  return wanted.flatMap(({ name, link }): Step[] => {
    const has = serving.get(name)?.wireguard?.port;
    const owner = has === undefined ? undefined : owners.get(has) ?? elsewhere.get(has);
    if (link.kind !== "wireguard" || owner === undefined || owner === name) return [];
    return [{
      part: partOf(name, "port"),
      stage: STAGE.up,
      needs: [],
      changes: [{
        op: "~",
        kind: "interface",
        target: name,
        text: "any listen port",
        reason: `${has} is to be that of ${owner}`,
      }],
      actions: [{ kind: "run", program: "wg", args: ["set", name, "listen-port", "0"] }],
    }];
  });
}
