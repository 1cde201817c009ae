// `wigglenet install-cni`: for an init container of the image. A node without CNI plugins gets them.

import { NODE_PLUGINS } from "../core/shipped/plugins.ts";
import { SETTINGS } from "../core/settings/settings.ts";
import { installPlugins } from "../shell/install_plugins.ts";
import { parseArguments } from "./arguments.ts";

/** Says what it has put there; nothing is ever overwritten. */
export async function installCni(args: readonly string[]): Promise<number> {
  const { settings } = await parseArguments(args, []);
  if (!settings.arePluginsInstalled) {
    console.log(`${SETTINGS.arePluginsInstalled.env} is false: ${NODE_PLUGINS} is left as it is`);
    return 0;
  }
  const installed = await installPlugins();
  for (const path of installed) console.log(`+ ${path}`);
  if (installed.length === 0) console.log(`${NODE_PLUGINS} has every plugin`);
  return 0;
}
