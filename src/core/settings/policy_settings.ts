// The settings of NetworkPolicy.

import { boolean, choice } from "./grammar.ts";

/** As in settings.ts. */
export const POLICY_SETTINGS = {
  isPolicyEnabled: boolean(
    "ENABLE_NETWORK_POLICY",
    true,
    "NetworkPolicies decide what pods of this node receive and send.",
  ),
  unknownPods: choice("POLICY_UNKNOWN_PODS", {
    words: ["closed", "open"],
    fallback: "closed",
    meaning:
      "While there are policies: what a pod's address is before its Pod is known; closed to all but its own node.",
  }),
  establishedFlows: choice("POLICY_ESTABLISHED", {
    words: ["revoke", "keep"],
    fallback: "revoke",
    meaning: "Flows that a changed policy does not allow any more end, or go on until their ends close them.",
  }),
  policyLog: choice("POLICY_LOG", {
    words: ["off", "drop"],
    fallback: "off",
    meaning: "`drop`: what NetworkPolicies drop is told in the agent's log, some lines a second at most.",
  }),
} as const;
