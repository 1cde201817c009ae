// The core is pure: values in, values out. What these rules find, permissions do not (Date.now works without any).

import { placeOf } from "./place.ts";

const SHELL = "Do it in src/shell and pass the result in as a parameter.";
const CLOCK = "Take the time as a parameter: nowMs.";
const CHANCE = "Take the number as a parameter: the shell draws it.";
const WAIT = "Let the shell wait and call the core with what it got.";

const IMPURE: Readonly<Record<string, string>> = {
  Deno: SHELL,
  process: SHELL,
  globalThis: SHELL,
  fetch: SHELL,
  crypto: CHANCE,
  console: "Return what happened as a value: the shell logs it.",
  performance: CLOCK,
  setTimeout: WAIT,
  setInterval: WAIT,
  clearTimeout: WAIT,
  clearInterval: WAIT,
  queueMicrotask: WAIT,
};

const IMPURE_MEMBERS: Readonly<Record<string, string>> = {
  "Date.now": CLOCK,
  "Math.random": CHANCE,
  "Temporal.Now": CLOCK,
};

/** Reports effects, clocks, chance and waiting in src/core. Its tests may wait, but have no permission either. */
export const purity: Deno.lint.Rule = {
  create(context) {
    const place = placeOf(context.filename);
    if (place.part !== "core" || place.isTest) return {};
    const report = (node: Deno.lint.Node, what: string, hint: string) =>
      context.report({ node, message: `${what} in src/core, which is pure`, hint });
    const inFunction = (node: Deno.lint.Node & { async: boolean }) => {
      if (node.async) report(node, "async function", WAIT);
    };
    const inDate = (node: Deno.lint.NewExpression | Deno.lint.CallExpression) => {
      if (isNamed(node.callee, "Date") && (node.type === "CallExpression" || node.arguments.length === 0)) {
        report(node, "the present time", CLOCK);
      }
    };
    return {
      Identifier(node) {
        if (Object.hasOwn(IMPURE, node.name) && !isMemberName(node)) {
          report(node, node.name, IMPURE[node.name]!);
        }
      },
      MemberExpression(node) {
        const name = context.sourceCode.getText(node);
        if (Object.hasOwn(IMPURE_MEMBERS, name)) report(node, name, IMPURE_MEMBERS[name]!);
      },
      NewExpression: inDate,
      CallExpression: inDate,
      FunctionDeclaration: inFunction,
      FunctionExpression: inFunction,
      ArrowFunctionExpression: inFunction,
      AwaitExpression: (node) => report(node, "await", WAIT),
      ForOfStatement(node) {
        if (node.await) report(node, "for await", WAIT);
      },
    };
  },
};

function isNamed(node: Deno.lint.Node, name: string): boolean {
  return node.type === "Identifier" && node.name === name;
}

/** `x.process`, `{ process: 1 }` and `interface X { process: string }` name a member, not the global. */
function isMemberName(node: Deno.lint.Identifier): boolean {
  const parent = node.parent;
  switch (parent.type) {
    case "MemberExpression":
      return !parent.computed && parent.property === node;
    case "Property":
    case "PropertyDefinition":
    case "MethodDefinition":
    case "TSPropertySignature":
    case "TSMethodSignature":
      return !parent.computed && parent.key === node;
    default:
      return false;
  }
}
