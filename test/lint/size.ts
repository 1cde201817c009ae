// Sizes: what does not fit here has more than one idea in it.

const FILE_LINES = 300;
const FUNCTION_LINES = 50;
const PARAMETERS = 3;

type AnyFunction =
  | Deno.lint.FunctionDeclaration
  | Deno.lint.FunctionExpression
  | Deno.lint.ArrowFunctionExpression;

/** Reports files over 300 lines, functions over 50 lines and more than three parameters. */
export const size: Deno.lint.Rule = {
  create(context) {
    const text = context.sourceCode.text;
    const inFunction = (node: AnyFunction) => {
      const lines = linesOf(text.slice(...node.range));
      if (lines > FUNCTION_LINES) {
        const hint = "Give a step of it a name of its own.";
        context.report({ node, message: `Function of ${lines} lines, at most ${FUNCTION_LINES}`, hint });
      }
      if (node.params.length > PARAMETERS) {
        const hint = "Take one options object.";
        context.report({ node, message: `${node.params.length} parameters, at most ${PARAMETERS}`, hint });
      }
    };
    return {
      Program(node) {
        const lines = linesOf(text.trimEnd());
        if (lines <= FILE_LINES) return;
        const hint = "Split it by what it is about, each part named after its main export.";
        context.report({ node, message: `File of ${lines} lines, at most ${FILE_LINES}`, hint });
      },
      FunctionDeclaration: inFunction,
      FunctionExpression: inFunction,
      ArrowFunctionExpression: inFunction,
    };
  },
};

function linesOf(text: string): number {
  return text.split("\n").length;
}
