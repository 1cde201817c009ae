// A TUN device of a wanted name that is blank: an agent was killed between its making and its group, which are two steps for a TUN
// device, or the wireguard-go that is awaited, or its unit, has made it first.

import { STAGE, type Step } from "../../plan/plan.ts";
import { DECLARED_GROUP, type ObservedInterface } from "../observed/observed_interfaces.ts";
import type { WantedInterface } from "../want/wanted_interface.ts";
import { partOf } from "./configure_interface.ts";
import type { DeclaredMoment } from "./diff_declared.ts";

/**
 * The step that makes it ours; undefined: it is not to be. What only stays as long as its process is wg-quick's too, for a moment: it
 * is taken where a process of somebody else's is awaited, and nowhere else.
 */
export function adoptDevice(
  { name, link }: WantedInterface,
  has: ObservedInterface | undefined,
  { implementation, server }: DeclaredMoment,
): Step | undefined {
  const isBlank = has?.blankTun === "kept" || has?.blankTun === "held" && server === "awaited";
  if (!isBlank || link.kind !== "wireguard" || implementation !== "userspace") return undefined;
  const group = `group ${DECLARED_GROUP}`;
  return {
    part: partOf(name),
    stage: STAGE.link,
    needs: [],
    changes: [{
      op: "~",
      kind: "interface",
      target: name,
      text: group,
      reason: "a TUN device that nobody uses",
    }],
    actions: [{ kind: "run", program: "ip", args: ["-batch"], input: `link set dev ${name} ${group}\n` }],
  };
}
