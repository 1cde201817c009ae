// File names: a file is named after what it exports, so a name that fits anything is refused.

import { placeOf } from "./place.ts";

const VAGUE = /^(utils?|helpers?|common|types|manager|service)$/;

/** Reports file and folder names that say nothing, and file names that are not snake_case. */
export const names: Deno.lint.Rule = {
  create: (context) => ({
    Program(node) {
      const parts = placeOf(context.filename).path.split("/");
      const stem = parts.at(-1)!.replace(/\.ts$/, "");
      const vague = parts.flatMap((part) => part.replace(/\.ts$/, "").split(/[_-]/)).find((w) =>
        VAGUE.test(w)
      );
      if (vague !== undefined) {
        const hint = "Name the file after its main export: the one noun it is about.";
        context.report({ node, message: `"${vague}" in a file name says nothing`, hint });
      }
      if (!/^[a-z0-9_]+$/.test(stem)) {
        context.report({
          node,
          message: `File name "${stem}" is not snake_case`,
          hint: "Use a-z, 0-9 and _.",
        });
      }
    },
  }),
};
