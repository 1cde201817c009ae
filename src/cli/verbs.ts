// The verb table: it is the usage text too.

import { check } from "./check.ts";
import { cleanup } from "./cleanup.ts";
import { diffVerb } from "./diff.ts";
import { explain } from "./explain.ts";
import { exportVerb } from "./export_node.ts";
import { graph } from "./graph.ts";
import { installCni } from "./install_cni.ts";
import { nearest } from "./nearest.ts";
import { nodeVerb } from "./node.ts";
import { render } from "./render.ts";
import { rotateKey } from "./rotate_key.ts";
import { runAgent } from "./run.ts";
import { status } from "./status.ts";
import { UsageError } from "./usage_error.ts";
import { version } from "./version.ts";

/** One thing that the program does. */
export interface Verb {
  readonly name: string;
  readonly meaning: string;
  /** Runs with the arguments behind the verb; returns the exit code. */
  readonly run: (args: readonly string[]) => Promise<number>;
}

const VERBS: readonly Verb[] = [
  {
    name: "run",
    meaning: "keep this node as its Nodes want it, until ended; the data plane stays",
    run: runAgent,
  },
  {
    name: "render",
    meaning: "print what run would put on this node; needs no root and no node",
    run: render,
  },
  {
    name: "diff",
    meaning: "compare with the kernel; exit 0 in sync, 1 differs, 2 cannot tell",
    run: diffVerb,
  },
  { name: "status", meaning: "what the running agent does; without one, what the kernel has", run: status },
  {
    name: "check",
    meaning: "can this host do it, is it well; a remedy for each trouble; --mtu tries each tunnel",
    run: check,
  },
  {
    name: "graph",
    meaning: "draw the mesh as this node sees it, as SVG; with --mermaid as text",
    run: graph,
  },
  {
    name: "node",
    meaning: "print this host's own Node manifest, for the folders of the others",
    run: nodeVerb,
  },
  {
    name: "rotate-key",
    meaning: "have the agent replace this host's key, without a packet lost; status tells how far it is",
    run: rotateKey,
  },
  {
    name: "export",
    meaning:
      "print the WireGuard file, and the QR code, of NODE, a declared plan's machine without an agent, with a new key",
    run: exportVerb,
  },
  {
    name: "cleanup",
    meaning: "remove all that is ours from this host (the key only with --purge)",
    run: cleanup,
  },
  {
    name: "install-cni",
    meaning: "in an init container of the image: put CNI plugins onto a node that lacks them",
    run: installCni,
  },
  {
    name: "explain",
    meaning:
      "may --from ns/pod reach --to ns/pod:80/tcp, by which policy; exit 0 yes, 1 no, 2 the kernel differs",
    run: explain,
  },
  { name: "version", meaning: "print the version; --warm fills the runtime's cache", run: version },
];

/** The verb of that name. Throws UsageError with the nearest one. */
export function findVerb(name: string): Verb {
  const verb = VERBS.find((candidate) => candidate.name === name);
  if (verb !== undefined) return verb;
  const guess = nearest(name, VERBS.map((candidate) => candidate.name));
  throw new UsageError(`there is no verb ${JSON.stringify(name)}: did you mean \`wigglenet ${guess}\`?`);
}

/** The usage text. */
export function usage(): string {
  const lines = VERBS.map(({ name, meaning }) => `  ${name.padEnd(12)}${meaning}`);
  return [
    "wigglenet: a pod network out of Node objects",
    "",
    "usage: wigglenet VERB [--json] [--SETTING=VALUE ...]",
    "",
    ...lines,
    "",
    "Settings come from flags, then from the environment: NODE_NAME is --node-name, WIGGLENET_WG_PORT is --wg-port.",
    "README.md has the table. Example: wigglenet render --node-name n1 --nodes /etc/wigglenet/nodes.d",
  ].join("\n");
}
