// What becomes of the bridge that pods hang on when somebody else changes it.

import type { Drift, Victim } from "./drift.ts";

/** What is done to the bridge of that name on a mesh's first node, and what its log says of it. */
export function bridgeDrifts(victim: Victim, bridge: string): Readonly<Record<string, Drift>> {
  const ip = (...args: string[]) => victim.on("ip", ...args);
  const nft = (...args: string[]) => victim.on("nft", ...args);
  const portOf = async () => {
    const ports = JSON.parse(await victim.node.run(["ip", "-j", "link", "show", "master", bridge])) as {
      ifname: string;
    }[];
    return ports[0]!.ifname;
  };
  return {
    "its rules are deleted": {
      act: nft("delete", "table", "bridge", "wigglenet"),
      log: /\+ table bridge wigglenet/,
    },
    "the ruleset is flushed": { act: nft("flush", "ruleset"), log: /\+ table bridge wigglenet/ },
    "one rule comes beside": {
      act: nft("insert", "rule", "bridge", "wigglenet", "between", "accept"),
      log: /~ table bridge wigglenet.*its rules differ/,
    },
    "it is down": { act: ip("link", "set", bridge, "down"), log: /~ interface wigglenet-br.*it is down/ },
    "it has another MAC": {
      act: ip("link", "set", bridge, "address", "02:00:00:00:00:01"),
      log: /~ interface wigglenet-br.*02:00:00:00:00:01/,
    },
    "it loses an address": {
      act: () => victim.node.run(["ip", "address", "flush", "dev", bridge, "scope", "global"]),
      log: /\+ address wigglenet-br/,
    },
    "a port is taken off": {
      act: async () => await victim.node.run(["ip", "link", "set", await portOf(), "nomaster"]),
      log: /hangs on nothing/,
    },
    "it is deleted": { act: ip("link", "del", bridge), log: /\+ interface wigglenet-br/, withinMs: 2_500 },
  };
}
