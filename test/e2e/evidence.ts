// What is kept of a cluster in which a test failed, before it is deleted.

import type { Cluster } from "../lab/kind/cluster.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
const AGENTS = ["-n", "kube-system", "-l", "app in (wigglenet, wigglenet-wireguard-go)"];

/** Writes it into a folder of `dist/`, whose path it returns. Tells of a part that it cannot get in its place. */
export async function collectEvidence(cluster: Cluster): Promise<string> {
  const folder = `${ROOT}dist/kind/${cluster.name}/evidence`;
  await Deno.remove(folder, { recursive: true }).catch(() => {});
  await Deno.mkdir(folder, { recursive: true });
  const keep = async (name: string, get: () => Promise<string>) => {
    const text = await get().catch((error: Error) => `could not be had: ${error.message}\n`);
    await Deno.writeTextFile(`${folder}/${name}`, text);
  };
  const ask = (...args: string[]) => () => cluster.kubectl(args);
  await keep("pods.txt", ask("get", "pods", "-A", "-o", "wide"));
  await keep("nodes.yaml", ask("get", "nodes", "-o", "yaml"));
  await keep("events.txt", ask("get", "events", "-A", "--sort-by=.lastTimestamp"));
  await keep("agents.txt", ask("describe", "pods", ...AGENTS));
  const { items } = await cluster.json(["get", "pods", ...AGENTS]).catch(() => ({ items: [] }));
  for (const { metadata: { name }, spec: { nodeName } } of items) {
    await keep(`${nodeName}-${name}.log`, ask("-n", "kube-system", "logs", name, "--all-containers"));
    await keep(
      `${nodeName}-${name}-previous.log`,
      ask("-n", "kube-system", "logs", name, "--all-containers", "--previous"),
    );
  }
  for (const node of await cluster.nodes().catch(() => [])) {
    const onNode = (...argv: string[]) => () => cluster.onNode(node, argv);
    await keep(`${node}-kubelet.log`, onNode("journalctl", "-u", "kubelet", "-n", "500", "--no-pager"));
    await keep(`${node}-nft.txt`, onNode("nft", "list", "ruleset"));
    await keep(`${node}-ip.txt`, onNode("sh", "-c", "ip addr; ip route; ip -6 route"));
  }
  return folder;
}
