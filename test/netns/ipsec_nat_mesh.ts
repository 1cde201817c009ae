// A mesh by IPsec with two nodes behind NATs: their ESP goes in UDP. On kernels that have XFRM.
//
//   n1-pod ── n1 10.9.1.1 ──┐
//   outsider, who forges  ──┼── 10.9.1.0/24
//             nat2 10.9.1.62 ── n2 192.168.2.2 ── n2-pod
//             nat3 10.9.1.63 ── n3 192.168.3.2 ── n3-pod

import { HAS_XFRM } from "../lab/kernel.ts";
import type { Lab } from "../lab/lab.ts";
import { type Manifest, manifestOf } from "../lab/manifest.ts";
import { Clerk } from "./clerk.ts";
import { Victim } from "./drift.ts";
import type { Mesh } from "./mesh.ts";
import { insideOf, NatRouter, outsideOf } from "./nat_router.ts";

/** UDP port of ESP. */
export const ESP_PORT = 24_606;
/** Settings of all nodes. */
export const IPSEC = { "transport-ipv4": "ipsec", "transport-ipv6": "ipsec" } as const;
const BEHIND = [2, 3];

/** What Nodes say of themselves: all that they take ESP in UDP, some that they are behind a NAT. */
function told(manifest: Manifest): Manifest {
  const { metadata, metadata: { name } } = manifest;
  const i = BEHIND.find((i) => name === `n${i}`);
  const annotations = { ...metadata.annotations, "wigglenet/ipsec-udp-port": `${ESP_PORT}` };
  if (i === undefined) return { ...manifest, metadata: { ...metadata, annotations } };
  return {
    ...manifest,
    metadata: { ...metadata, annotations: { ...annotations, "wigglenet/endpoint": outsideOf(i) } },
    status: { addresses: [{ type: "InternalIP", address: insideOf(i) }] },
  };
}

/** It stands, or the kernel has no XFRM. */
export class NatMesh {
  private constructor(
    readonly victim: Victim,
    /** Writes the Nodes' nonces. */
    readonly clerk: Clerk,
    /** By the numbers of their nodes. */
    readonly routers: ReadonlyMap<number, NatRouter>,
  ) {}

  static async create(): Promise<NatMesh | undefined> {
    if (!HAS_XFRM) return undefined;
    const routers = new Map<number, NatRouter>();
    let clerk: Clerk | undefined;
    const begins = async (lab: Lab) => {
      clerk = new Clerk(lab, "ipv4=ipsec,ipv6=ipsec", told);
      for (const node of lab.nodes) await lab.publish(clerk.manifestOf(node));
      for (const i of BEHIND) {
        const router = await NatRouter.create(lab, i);
        await router.serve(lab.nodes[i - 1]!);
        routers.set(i, router);
      }
    };
    const families = { underlay: [4] } as const;
    const nodes = [1, 2, 3].map((i) => manifestOf(i, families));
    const victim = await Victim.create({ nodes, families }, IPSEC, begins);
    return new NatMesh(victim, clerk!, routers);
  }

  get mesh(): Mesh {
    return this.victim.mesh;
  }

  async close(): Promise<void> {
    this.clerk.close();
    await this.mesh.close();
  }
}
