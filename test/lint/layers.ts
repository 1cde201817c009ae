// Layers: cli -> shell -> core, and nothing looks back up.

import { posix } from "node:path";
import { onImport } from "./imports.ts";
import { type Part, type Place, placeOf } from "./place.ts";

// Templates are texts: an import of one needs no permission, so the core may.
const MAY_IMPORT: Record<Part, readonly Part[]> = {
  core: ["core", "templates"],
  shell: ["core", "shell", "templates"],
  cli: ["core", "shell", "cli", "templates", "other"],
  main: ["core", "shell", "cli", "other"],
  deploy: ["core", "deploy"],
  test: ["core", "shell", "cli", "main", "deploy", "test", "templates", "other"],
  templates: [],
  other: ["other"],
};

const CORE_PACKAGES: readonly string[] = ["ipaddr.js", "js-yaml"];

const REMEDY: Partial<Record<Part, string>> = {
  core: "Take the value as a parameter: the shell reads it and passes it in.",
  shell: "Move what both need into src/core, or let the cli pass it in.",
  cli: "Product code does not depend on tests: move what it needs into src.",
};

/** Reports an import that leaves its layer upwards, and packages in the core beyond the two it may use. */
export const layers: Deno.lint.Rule = {
  create(context) {
    const place = placeOf(context.filename);
    if (place.isTest) return {};
    return onImport((node, specifier) => {
      const message = objection(place, specifier);
      if (message === undefined) return;
      const hint = REMEDY[place.part];
      context.report(hint === undefined ? { node, message } : { node, message, hint });
    });
  },
};

function objection(place: Place, specifier: string): string | undefined {
  if (!specifier.startsWith(".")) {
    if (place.part !== "core" || CORE_PACKAGES.includes(specifier)) return;
    return `src/core imports "${specifier}", but only ${CORE_PACKAGES.join(" and ")} are pure enough for it`;
  }
  const target = placeOf(posix.join(posix.dirname(place.path), specifier));
  if (target.isTest) return `${place.path} imports the test file ${target.path}`;
  if (MAY_IMPORT[place.part].includes(target.part)) return;
  return `${place.path} imports ${target.path}, but the layers are cli -> shell -> core`;
}
