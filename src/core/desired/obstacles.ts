// What others have on a host that keeps pods from their network: in the same words in `check`, in `status` and in what the
// agent's readiness says. The agent removes none of it.

import type { Waiting } from "./desired_state.ts";

/** Where the container runtime looks for pod networks. */
export interface CniSurroundings {
  /** Of our own configuration. */
  readonly path: string;
  /** Names of other configurations in the same folder. */
  readonly others: readonly string[];
  /** Plugins that are in none of the usual folders. */
  readonly missingPlugins: readonly string[];
}

/** What is looked at. */
export interface Surroundings {
  /** Undefined: FIREWALL_ONLY. */
  readonly cni: CniSurroundings | undefined;
  /** Base chains of others in forward and input whose policy is to drop: `inet firewalld forward`. */
  readonly dropChains: readonly string[];
}

/** One of them. */
export interface Obstacle {
  /** Which, in two words. */
  readonly name: "pod network" | "foreign firewall";
  readonly what: string;
  readonly remedy: string;
  /** False: its own rules may let through what matters. */
  readonly isCertain: boolean;
}

/** All of them. */
export function obstaclesIn({ cni, dropChains }: Surroundings): Obstacle[] {
  return [
    ...(cni === undefined ? [] : cniObstacles(cni)),
    ...dropChains.map((chain): Obstacle => ({
      name: "foreign firewall",
      what: `${chain} drops what no rule of its own accepts: an accept of ours does not change that`,
      remedy:
        `nft list chain ${chain}; let pods and WireGuard's ports pass there, by the second interface too where keys rotate`,
      isCertain: false,
    })),
  ];
}

/** It hands pods on to the next configuration. */
const META_PLUGIN = /multus/i;

function cniObstacles({ path, others, missingPlugins }: CniSurroundings): Obstacle[] {
  const own = path.slice(path.lastIndexOf("/") + 1);
  const first = [...others, own].sort()[0]!;
  return [
    ...(first === own ? [] : [{
      name: "pod network" as const,
      what: `${first} comes before ${own}: pods get another network`,
      remedy: "remove it, or name ours first: CNI_CONFIG_PATH",
      isCertain: !META_PLUGIN.test(first),
    }]),
    ...(missingPlugins.length === 0 ? [] : [{
      name: "pod network" as const,
      what: `CNI plugins are missing: ${missingPlugins.join(", ")}`,
      remedy: "apt-get install containernetworking-plugins, or put them into /opt/cni/bin",
      isCertain: true,
    }]),
  ];
}

/** What the agent says of them. */
export function obstacleWaits(surroundings: Surroundings): Waiting[] {
  return obstaclesIn(surroundings).map(({ name, what, remedy, isCertain }) => ({
    what: name,
    why: what,
    next: remedy,
    ...(isCertain ? { isTrouble: true as const } : { isRemark: true as const }),
  }));
}

const NAMES: readonly string[] = ["pod network", "foreign firewall"] satisfies readonly Obstacle["name"][];

/** True for one of these, by {@link Waiting.what}. */
export function isObstacleWait(what: string): boolean {
  return NAMES.includes(what);
}
