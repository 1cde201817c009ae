// A pod of the laboratory: a network namespace that real CNI plugins have attached to its node.

import { addToNetwork, type Attachment, type CniResult, deleteFromNetwork, type PortMapping } from "./cni.ts";
import { hold, Host, type Namespace } from "./host.ts";
import { type Family, familyOf } from "./manifest.ts";

/** What a pod is made of. */
export interface PodOptions {
  readonly name: string;
  readonly node: Host;
  /** Text of the CNI configuration list that the agent wrote. */
  readonly conflist: string;
  readonly portMappings?: readonly PortMapping[];
}

/** A pod. Make it with Node.addPod. */
export class Pod extends Host {
  private constructor(
    namespace: Namespace,
    readonly node: Host,
    private readonly cni: { conflist: string; attachment: Attachment; result: CniResult },
  ) {
    super(namespace);
  }

  /** Makes the namespace and runs the plugins of the configuration list on the node. */
  static async attach({ name, node, conflist, portMappings = [] }: PodOptions): Promise<Pod> {
    const namespace = await hold(name);
    const bare = new Host(namespace);
    // Duplicate address detection would cost each pod a second; nothing here depends on it.
    await bare.sysctl("0", ["net.ipv6.conf.default.accept_dad"]);
    const attachment = { host: node, containerId: `${name}-${bare.pid}`, netns: bare.netns, portMappings };
    const result = await addToNetwork(conflist, attachment);
    return new Pod(namespace, node, { conflist, attachment, result });
  }

  /** The pod's address of a family, without its mask; undefined when it has none. */
  address(family: Family): string | undefined {
    return this.cni.result.ips.map(({ address }) => address.split("/")[0]!).find((ip) =>
      familyOf(ip) === family
    );
  }

  /** Ports of the node that lead to it. */
  get portMappings(): readonly PortMapping[] {
    return this.cni.attachment.portMappings;
  }

  /** Detaches the pod by the plugins, then ends it. */
  async remove(): Promise<void> {
    await deleteFromNetwork(this.cni.conflist, this.cni.attachment, this.cni.result);
    await this.close();
  }
}
