// Everything that `wigglenet render` prints. Its JSON is documented in README; fields are only ever added.

import type { DesiredState, HostRouting, Waiting } from "../desired/desired_state.ts";
import type { Rejected } from "../nodes/node.ts";
import { renderBridge } from "../bridge/render_bridge.ts";
import { renderCni, renderWireguard } from "./render_network.ts";
import { renderPolicyDelta, wholeDelta } from "./render_policy.ts";
import { renderFastpath, renderTable } from "./render_table.ts";

/** The desired state as the texts that nft, wg, ip and CNI read. */
export interface Rendered {
  readonly links: readonly {
    readonly name: string;
    readonly kind: string;
    readonly mtu: number;
    /** UDP; left out: it has none. */
    readonly port?: number;
  }[];
  readonly addresses: readonly { readonly address: string; readonly dev: string }[];
  readonly routes: readonly {
    readonly destination: string;
    readonly type: "tunnel" | "clear" | "unreachable";
    readonly dev?: string;
    readonly text: string;
  }[];
  /** The rules and routes of HOST_ENCRYPTION, or of ESP in UDP, by family, as {@link DesiredState} has them; left out where there are none. */
  readonly hostRouting?: HostRouting;
  /** For `wg addconf`; holds no private key. */
  readonly wireguard: string;
  /** For `nft -f`: one transaction. */
  readonly nft: string;
  /** For `nft -f`, by itself; undefined without ENABLE_FLOWTABLE. */
  readonly fastpath: string | undefined;
  /** For `nft -f`, by itself: the rules of the bridge; left out without CNI_BRIDGE. */
  readonly bridge?: string;
  /** The conflist; undefined when the node gets none. */
  readonly cni: string | undefined;
  readonly rejected: readonly Rejected[];
  readonly waiting: readonly Waiting[];
}

/** Renders a desired state. */
export function renderAll(desired: DesiredState): Rendered {
  const { link, overlay, ipsec, interfaceName, rejected, waiting } = desired;
  return {
    links: [
      ...(link === undefined ? [] : [linkOf("wireguard", link)]),
      ...(overlay.link === undefined ? [] : [linkOf(overlay.link.kind, overlay.link)]),
      ...(ipsec.link === undefined ? [] : [{ name: ipsec.name, kind: "xfrm", mtu: ipsec.link.mtuBytes }]),
    ],
    addresses: [
      ...(link?.addresses ?? []).map((address) => ({ address, dev: interfaceName })),
      ...(overlay.link?.addresses ?? []).map((address) => ({ address, dev: overlay.name })),
      ...(desired.bridge?.addresses ?? []).map((address) => ({ address, dev: desired.bridge!.name })),
      ...(ipsec.link?.addresses ?? []).map((address) => ({ address, dev: ipsec.name })),
    ],
    routes: desired.routes.map((route) => ({
      destination: route.destination,
      type: route.type,
      ...(route.type === "tunnel" ? { dev: interfaceName } : {}),
      text: route.text,
    })),
    ...(desired.hostRouting && { hostRouting: desired.hostRouting }),
    wireguard: renderWireguard(desired),
    nft: renderTable(desired.table, desired.policy && renderPolicyDelta(wholeDelta(desired.policy))),
    fastpath: desired.fastpath && renderFastpath(desired.fastpath),
    ...(desired.bridge?.isOn && { bridge: renderBridge(desired.bridge.name) }),
    cni: desired.cni && renderCni(desired.cni),
    rejected,
    waiting,
  };
}

function linkOf(
  kind: string,
  { name, mtuBytes: mtu, port }: { readonly name: string; readonly mtuBytes: number; readonly port?: number },
): Rendered["links"][number] {
  return { name, kind, mtu, ...(port !== undefined && { port }) };
}
