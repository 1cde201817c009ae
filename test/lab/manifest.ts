// Node manifests as `kubectl get node -o yaml` shows them, as far as the agent reads them.

/** IP version. */
export type Family = 4 | 6;

/** What a kubelet reports of its machine, in the parts that matter here. */
export interface NodeInfo {
  machineID?: string;
  systemUUID?: string;
}

/** A core/v1 Node, in the parts that matter here. */
export interface Manifest {
  apiVersion: "v1";
  kind: "Node";
  metadata: {
    name: string;
    creationTimestamp?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
  };
  spec: { podCIDRs?: string[] };
  status: { addresses: { type: string; address: string }[]; nodeInfo?: NodeInfo };
}

/** Which families nodes and pods of a laboratory have. */
export interface Families {
  /** Addresses of the nodes on the underlay; default both. */
  readonly underlay?: readonly Family[];
  /** Pod CIDRs; default both. */
  readonly pods?: readonly Family[];
}

/** Node n<i>: 10.9.1.<i>, fd09::<i>; pods 10.244.<i>.0/24, fd00:10:244:<i>::/64. */
export function manifestOf(i: number, { underlay = [4, 6], pods = [4, 6] }: Families = {}): Manifest {
  const addresses = underlay.map((family) => family === 4 ? `10.9.1.${i}` : `fd09::${i.toString(16)}`);
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name: `n${i}` },
    spec: {
      podCIDRs: pods.map((family) =>
        family === 4 ? `10.244.${i}.0/24` : `fd00:10:244:${i.toString(16)}::/64`
      ),
    },
    status: { addresses: addresses.map((address) => ({ type: "InternalIP", address })) },
  };
}

/** Addresses that a Node has on the underlay. */
export function addressesOf(manifest: Manifest): string[] {
  return manifest.status.addresses.filter(({ type }) => type === "InternalIP").map(({ address }) => address);
}

/** The family of an address or prefix in text form. */
export function familyOf(text: string): Family {
  return text.includes(":") ? 6 : 4;
}
