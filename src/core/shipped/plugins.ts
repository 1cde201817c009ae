// The CNI plugins that pods are attached by: where the image has them, and where a node's container runtime looks.

/** All that the image brings: `ptp`, `host-local` and `portmap` are ours to use, the others what people expect. */
export const PLUGINS: readonly string[] = ["bridge", "host-local", "loopback", "portmap", "ptp"];
/** In the image. Not where a node has them, which is mounted there. */
export const IMAGE_PLUGINS = "/opt/wigglenet/cni";
/** On a node: containerd's and CRI-O's own folder. */
export const NODE_PLUGINS = "/opt/cni/bin";

/**
 * The plugins that a node lacks. Whatever has a name and bytes stays: it may be newer, patched, or somebody's own.
 * @param bytes size of each file in the node's folder
 */
export function lackedPlugins(bytes: ReadonlyMap<string, number>): string[] {
  return PLUGINS.filter((name) => (bytes.get(name) ?? 0) === 0);
}
