// The imports of a file, whatever their syntax, for the rules about them.

/** A visitor that calls back with each imported specifier: static, re-exported, dynamic or in a type. */
export function onImport(found: (node: Deno.lint.Node, specifier: string) => void): Deno.lint.LintVisitor {
  const see = (node: Deno.lint.Node, source: { type: string; value?: unknown } | null) => {
    if (typeof source?.value === "string") found(node, source.value);
  };
  return {
    ImportDeclaration: (node) => see(node, node.source),
    ExportAllDeclaration: (node) => see(node, node.source),
    ExportNamedDeclaration: (node) => see(node, node.source),
    ImportExpression: (node) => see(node, node.source),
    TSImportType: (node) => see(node, node.argument.type === "TSLiteralType" ? node.argument.literal : null),
  };
}
