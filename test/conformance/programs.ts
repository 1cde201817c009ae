// The programs of the conformance run, from Go modules: cyclonus' cases with a main of ours, and what asks in the pods.

import { createHash } from "node:crypto";
import casesSource from "./go/cases.go" with { type: "text" };
import connectSource from "./go/connect.go" with { type: "text" };
import { Objection } from "../lab/kind/engine.ts";
import { buildPrograms, go, type GoModule, type GoProgram, pathOf } from "../lab/kubernetes/go_program.ts";

/** The cases. */
export const CYCLONUS = "v0.5.6";
const CYCLONUS_MODULE = "github.com/mattfenwick/cyclonus";

function program(name: string, text: string, needs: readonly string[]): GoProgram {
  const module: GoModule = {
    name,
    make: async (folder) => {
      await go(["mod", "init", `local/${name}`], folder);
      await Deno.writeTextFile(`${folder}/main.go`, text);
      if (needs.length > 0) await go(["get", ...needs], folder);
    },
  };
  // Its text is its version: after a change it is built anew.
  const digest = createHash("sha256").update([text, ...needs].join("\n")).digest("hex").slice(0, 12);
  return { name: `wigglenet-${name}`, version: digest, package: ".", module };
}

const packages = ["connectivity", "generator", "kube", "matcher"].map((name) =>
  `${CYCLONUS_MODULE}/pkg/${name}@${CYCLONUS}`
);
const CASES = program("cyclonus", casesSource, packages);
const CONNECT = program("connect", connectSource, []);

/** Where they are. */
export const CASES_PATH = pathOf(CASES), CONNECT_PATH = pathOf(CONNECT);

/** Builds what is missing, saying so. Throws {@link Objection}. */
export async function prepareCases(): Promise<void> {
  const objection = await buildPrograms([CASES, CONNECT]);
  if (objection !== undefined) {
    throw new Objection(`The conformance run ${objection}`, "see above, then again");
  }
}
