// The programs of the conformance run, from Go modules: cyclonus' cases with a main of ours, and what asks in the pods.

import casesSource from "./go/cases.go" with { type: "text" };
import connectSource from "./go/connect.go" with { type: "text" };
import { Objection } from "../lab/kind/engine.ts";
import { buildPrograms, ownProgram, pathOf } from "../lab/kubernetes/go_program.ts";

/** The cases. */
const CYCLONUS = "v0.5.6";
const CYCLONUS_MODULE = "github.com/mattfenwick/cyclonus";

const packages = ["connectivity", "generator", "kube", "matcher"].map((name) =>
  `${CYCLONUS_MODULE}/pkg/${name}@${CYCLONUS}`
);
const CASES = ownProgram("cyclonus", casesSource, packages);
const CONNECT = ownProgram("connect", connectSource);

/** Where they are. */
export const CASES_PATH = pathOf(CASES), CONNECT_PATH = pathOf(CONNECT);

/** Builds what is missing, saying so. Throws {@link Objection}. */
export async function prepareCases(): Promise<void> {
  const objection = await buildPrograms([CASES, CONNECT]);
  if (objection !== undefined) {
    throw new Objection(`The conformance run ${objection}`, "see above, then again");
  }
}
