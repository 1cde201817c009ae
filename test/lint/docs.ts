// Comments that a reader may rely on: what a file is for, and what an export means.

import { placeOf } from "./place.ts";

const HEAD = /^(?:#!.*\n)?((?:\/\/.*\n)+)/;
const HEAD_LINES = 5;

/** Reports product files without a head comment (one to five `//` lines) and exports without a docstring. */
export const docs: Deno.lint.Rule = {
  create(context) {
    if (!placeOf(context.filename).isProduct) return {};
    const { sourceCode } = context;
    return {
      Program(node) {
        const head = HEAD.exec(sourceCode.text)?.[1]?.trimEnd().split("\n").length ?? 0;
        if (head > 0 && head <= HEAD_LINES) return;
        const message = head === 0
          ? "No head comment"
          : `Head comment of ${head} lines, at most ${HEAD_LINES}`;
        const hint = "Begin the file with // lines: what it is for, and what it must not do.";
        context.report({ node, message, hint });
      },
      ExportNamedDeclaration(node) {
        if (node.declaration === null || hasDocstring(node)) return;
        report(node, node.declaration);
      },
      ExportDefaultDeclaration(node) {
        if (!hasDocstring(node)) report(node, node.declaration);
      },
    };

    function hasDocstring(node: Deno.lint.Node): boolean {
      const last = sourceCode.getCommentsBefore(node).at(-1);
      if (last?.type !== "Block" || !/^\*\s*\S/.test(last.value)) return false;
      return /^\s*$/.test(sourceCode.text.slice(last.range[1], node.range[0]));
    }

    function report(node: Deno.lint.Node, declaration: Deno.lint.Node): void {
      const message = `Export without a docstring: ${
        sourceCode.getText(declaration).split("\n")[0]!.slice(0, 60)
      }`;
      context.report({
        node,
        message,
        hint: "Say in /** */ what it is or gives: shape, unit, errors, source.",
      });
    }
  },
};
