// Kubeconfigs, and what they name, as an operator puts them onto a node: into its own folder, which an agent as shipped
// knows by another path. All paths in them are relative.

import type { Node } from "../node.ts";
import type { ControlPlane } from "./control_plane.ts";

/** How it says who asks: `token`, `tokenFile`, `client-certificate` and `client-key`. */
export type KubeconfigUser = Readonly<Record<string, string>>;

/** Writes a kubeconfig, and beside it `ca.crt`; returns its path. */
export async function putKubeconfig(node: Node, plane: ControlPlane, user: KubeconfigUser): Promise<string> {
  await putFile(node, "ca.crt", await plane.file("ca.crt"));
  const config = {
    apiVersion: "v1",
    kind: "Config",
    "current-context": "lab",
    clusters: [{ name: "lab", cluster: { server: plane.url, "certificate-authority": "ca.crt" } }],
    users: [{ name: "agent", user }],
    contexts: [{ name: "lab", context: { cluster: "lab", user: "agent" } }],
  };
  return await putFile(node, "kubeconfig", JSON.stringify(config));
}

/** Puts a whole file into the node's folder, in the place of the one of that name; returns its path. */
export async function putFile(node: Node, name: string, text: string): Promise<string> {
  const path = `${node.folder}/${name}`;
  await Deno.writeTextFile(`${path}.draft`, text, { mode: 0o600 });
  await Deno.rename(`${path}.draft`, path);
  return path;
}
