// All that diff compares, read at once.

import type { DesiredState } from "../core/desired/desired_state.ts";
import type { ObservedState } from "../core/observed/observed_state.ts";
import {
  mayHaveSecond,
  observeCni,
  observeFastpath,
  observeNetwork,
  observeSecond,
  observeServers,
  observeSuperseded,
  observeTable,
  observeWireguard,
} from "./observe.ts";
import { observeFastpathReference, observeReference } from "./observe_reference.ts";
import { observeBridge } from "./observe_bridge.ts";
import { observeIpsec } from "./observe_ipsec.ts";
import { observeHostRouting } from "./observe_host_routing.ts";
import { observeOverlay } from "./observe_overlay.ts";

/** Everything at once, for a command that looks once. */
export async function observeAll(desired: DesiredState): Promise<ObservedState> {
  const [table, reference, fastpath, fastpathReference, network, wireguard, cni, second, ...beside] =
    await Promise.all([
      observeTable(),
      observeReference(desired.table),
      observeFastpath(),
      observeFastpathReference(desired.fastpath),
      observeNetwork(desired.interfaceName),
      desired.link === undefined
        ? observeServers(desired.interfaceName)
        : observeWireguard(desired.interfaceName, undefined),
      observeCni(desired.cniPath),
      mayHaveSecond(desired) ? observeSecond(desired.rotation.name) : undefined,
      observeHostRouting(desired),
      observeOverlay(desired),
      observeBridge(desired.bridge),
      observeIpsec(desired),
    ]);
  const [routing, overlay, bridge, ipsec] = beside;
  return {
    ...network,
    ...routing,
    ...overlay,
    ...ipsec,
    ...wireguard,
    ...await observeSuperseded(desired, network.link),
    table,
    reference,
    fastpath,
    fastpathReference,
    cni,
    second,
    ...(bridge && { bridge }),
  };
}
