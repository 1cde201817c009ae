// Reads what tells this machine from all others, from where the kubelet reads it.

import { type HostIds, parseMachineId, parseSystemUuid } from "../core/nodes/host_node.ts";
import { attempt, locate } from "./command.ts";
import { readText } from "./files.ts";

const MACHINE_ID_FILES = ["/etc/machine-id", "/var/lib/dbus/machine-id"];
const UUID_FILE = "/sys/class/dmi/id/product_uuid";

/** The ids of this host. A container has files of its own unless the host's are mounted; /sys is the host's. */
export async function readHostIds(): Promise<HostIds> {
  return { machineId: await readMachineId(), systemUuid: await readSystemUuid() };
}

async function readMachineId(): Promise<string | undefined> {
  for (const path of MACHINE_ID_FILES) {
    const id = parseMachineId(await readText(path).catch(() => undefined));
    if (id !== undefined) return id;
  }
  return undefined;
}

/** By a program: Deno (2.9.6) lets nobody read in /sys who may not do everything. Root alone may read it at all. */
async function readSystemUuid(): Promise<string | undefined> {
  if (locate("cat") === undefined) return undefined;
  const { stdout, failure } = await attempt({ program: "cat", args: [UUID_FILE] });
  return failure === undefined ? parseSystemUuid(stdout) : undefined;
}
