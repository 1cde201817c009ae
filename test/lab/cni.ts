// What a container runtime does with a CNI configuration list: runs its plugins in order (ADD) or backwards
// (DEL) with the previous result. CNI specification 0.3.1 to 1.0.0, sections 3 and 4.

import type { Host } from "./host.ts";

/** A port of the node that leads to one of the pod. */
export interface PortMapping {
  readonly hostPort: number;
  readonly containerPort: number;
  readonly protocol: "tcp" | "udp";
}

/** The result of the last plugin, as far as it is read here. */
export interface CniResult {
  readonly ips: readonly { readonly address: string; readonly gateway?: string }[];
  readonly interfaces?: readonly { readonly name: string; readonly sandbox?: string }[];
}

interface Plugin {
  readonly type: string;
  readonly capabilities?: Readonly<Record<string, boolean>>;
}

interface ConfigList {
  readonly cniVersion: string;
  readonly name: string;
  readonly plugins: readonly Plugin[];
}

/** One attachment of a container to the network of a node. */
export interface Attachment {
  readonly host: Host;
  readonly containerId: string;
  /** Path of the container's network namespace. */
  readonly netns: string;
  readonly portMappings: readonly PortMapping[];
}

const PLUGIN_PATH = "/opt/cni/bin:/usr/lib/cni";

/** Attaches a container by the text of a configuration list. */
export async function addToNetwork(conflist: string, attachment: Attachment): Promise<CniResult> {
  const list = JSON.parse(conflist) as ConfigList;
  let result: unknown;
  for (const plugin of list.plugins) {
    const text = await call("ADD", configOf(list, plugin, { attachment, previous: result }), attachment);
    result = JSON.parse(text);
  }
  return result as CniResult;
}

/** Detaches it again; `result` is what {@link addToNetwork} gave. */
export async function deleteFromNetwork(
  conflist: string,
  attachment: Attachment,
  result: CniResult,
): Promise<void> {
  const list = JSON.parse(conflist) as ConfigList;
  for (const plugin of [...list.plugins].reverse()) {
    await call("DEL", configOf(list, plugin, { attachment, previous: result }), attachment);
  }
}

type Config = Plugin & Readonly<Record<string, unknown>>;

function configOf(
  { cniVersion, name }: ConfigList,
  plugin: Plugin,
  { attachment, previous }: { attachment: Attachment; previous: unknown },
): Config {
  const { portMappings } = attachment;
  const hasPorts = plugin.capabilities?.["portMappings"] === true && portMappings.length > 0;
  return {
    ...plugin,
    cniVersion,
    name,
    ...(hasPorts ? { runtimeConfig: { portMappings } } : {}),
    ...(previous === undefined ? {} : { prevResult: previous }),
  };
}

async function call(command: "ADD" | "DEL", config: Config, attachment: Attachment): Promise<string> {
  const { host, containerId, netns } = attachment;
  const { stdout, stderr, code } = await host.attempt([await findPlugin(config.type)], {
    stdin: JSON.stringify(config),
    env: {
      CNI_COMMAND: command,
      CNI_CONTAINERID: containerId,
      CNI_NETNS: netns,
      CNI_IFNAME: "eth0",
      CNI_PATH: PLUGIN_PATH,
    },
  });
  if (code === 0) return stdout;
  throw new Error(`CNI plugin ${config.type} ${command} exited ${code}: ${(stdout || stderr).trim()}`);
}

async function findPlugin(type: string): Promise<string> {
  for (const folder of PLUGIN_PATH.split(":")) {
    const isThere = await Deno.stat(`${folder}/${type}`).then(() => true, () => false);
    if (isThere) return `${folder}/${type}`;
  }
  throw new Error(`CNI plugin ${type} is in none of ${PLUGIN_PATH}`);
}
