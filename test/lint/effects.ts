// One door per effect: programs are started in one file and files are written in one other.

import { onImport } from "./imports.ts";
import { placeOf } from "./place.ts";

interface Door {
  readonly path: string;
  readonly names: RegExp;
}

const PROGRAMS: Door = { path: "src/shell/command.ts", names: /^(Command|spawn.*)$/ };
const WRITES: Door = {
  path: "src/shell/files.ts",
  names:
    /^(write(Text)?File|create|copyFile|rename|remove|mkdir|makeTemp(Dir|File)|symlink|link|truncate|chmod|chown|utime)(Sync)?$/,
};

/** Reports programs started and files written elsewhere in the product than in the two files that may. */
export const effects: Deno.lint.Rule = {
  create(context) {
    const place = placeOf(context.filename);
    if (!place.isProduct) return {};
    const refuse = (node: Deno.lint.Node, what: string, door: Door) => {
      if (place.path === door.path) return;
      context.report({
        node,
        message: `${what} outside ${door.path}`,
        hint: `Call what ${door.path} exports.`,
      });
    };
    return {
      ...onImport((node, specifier) => {
        if (/^(node:)?child_process$/.test(specifier)) refuse(node, specifier, PROGRAMS);
        if (/^(node:)?fs(\/promises)?$/.test(specifier)) refuse(node, specifier, WRITES);
      }),
      Identifier(node) {
        if (node.name !== "Deno") return;
        const name = memberOf(node);
        if (name === undefined) {
          const hint = "Write Deno.name in full, so that this rule sees what is used.";
          context.report({ node, message: "Deno used as a whole", hint });
        } else if (PROGRAMS.names.test(name)) refuse(node, `Deno.${name}`, PROGRAMS);
        else if (WRITES.names.test(name) || opensForWriting(node, name)) refuse(node, `Deno.${name}`, WRITES);
      },
    };
  },
};

/** The `name` of `Deno.name`, in an expression or a type; undefined for any other use of `Deno`. */
function memberOf(node: Deno.lint.Identifier): string | undefined {
  const parent = node.parent;
  if (parent.type === "MemberExpression" && parent.property.type === "Identifier" && !parent.computed) {
    return parent.property.name;
  }
  // A type starts nothing.
  return parent.type === "TSQualifiedName" ? "" : undefined;
}

/** Deno.open reads unless its second argument says otherwise. */
function opensForWriting(node: Deno.lint.Identifier, name: string): boolean {
  if (!/^open(Sync)?$/.test(name) || node.parent.type !== "MemberExpression") return false;
  const call = node.parent.parent;
  return call.type === "CallExpression" && call.arguments.length > 1;
}
