// Puts CNI plugins of the image onto the node.

import { IMAGE_PLUGINS, lackedPlugins, NODE_PLUGINS, PLUGINS } from "../core/shipped/plugins.ts";
import { copyAtomically, sweepLeftovers } from "./files.ts";

/** Copies what the node lacks, each file at once; returns their paths. Throws Error where one cannot be written. */
export async function installPlugins(): Promise<string[]> {
  // Of an init container that was killed; there is no other beside it.
  await sweepLeftovers(PLUGINS.map((name) => `${NODE_PLUGINS}/${name}`), 0);
  const bytes = new Map<string, number>();
  for await (const { name } of Deno.readDir(NODE_PLUGINS)) {
    const file = await Deno.stat(`${NODE_PLUGINS}/${name}`).catch(() => undefined); // a link to nothing is lacked
    if (file?.isFile) bytes.set(name, file.size);
  }
  const installed: string[] = [];
  for (const name of lackedPlugins(bytes)) {
    const path = `${NODE_PLUGINS}/${name}`;
    await copyAtomically(`${IMAGE_PLUGINS}/${name}`, path, 0o755);
    installed.push(path);
  }
  return installed;
}
