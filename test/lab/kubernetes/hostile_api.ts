// An API server that means harm to its agent, on the agent's own machine: what the real one does not do, or not as much.

import { kubeletNode } from "./kubelet_node.ts";
import { mountAccount } from "./agent_account.ts";
import { makeCertificates } from "./certificates.ts";
import type { Manifest } from "../manifest.ts";
import type { Node } from "../node.ts";
import type { Process } from "../process.ts";

const PROGRAM = new URL("hostile_api_program.ts", import.meta.url).pathname;

/** What a pod finds in its environment. */
export const ENVIRONMENT = { KUBERNETES_SERVICE_HOST: "127.0.0.1", KUBERNETES_SERVICE_PORT: "6443" };

/** It ends with its machine. Make it with {@link HostileApi.start}. */
export class HostileApi {
  private constructor(private readonly program: Process) {}

  /** Starts it with the machine's own Node and others, and gives the machine a token. */
  static async start(node: Node, folder: string, others: readonly unknown[]): Promise<HostileApi> {
    await makeCertificates(folder, ["127.0.0.1"]);
    await Deno.writeTextFile(`${folder}/nodes.json`, JSON.stringify([ownOf(node.manifest), ...others]));
    await mountAccount(node, { token: "any", ca: await Deno.readTextFile(`${folder}/ca.crt`) });
    const program = node.start([Deno.execPath(), "run", "--quiet", "--cached-only", "-A", PROGRAM, folder]);
    await program.line("stdout", /^serving$/);
    return new HostileApi(program);
  }

  /** `calm`, `storm SECONDS BYTES`, `endless-line`, `endless-list`: from the next request on, and all watches end. */
  async begin(deed: string): Promise<void> {
    await this.program.write(`${deed}\n`);
  }

  /** Waits until it says so much. */
  says(line: RegExp, deadlineMs?: number): Promise<string> {
    return this.program.line("stdout", line, deadlineMs);
  }
}

function ownOf(manifest: Manifest): unknown {
  const { metadata: { annotations: _, ...metadata }, ...rest } = manifest;
  return kubeletNode({ ...rest, metadata });
}
