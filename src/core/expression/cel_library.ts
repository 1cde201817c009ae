// What is used of npm:@marcbachmann/cel-js. The shell imports it, and only where a setting asks for an expression; so
// the core is given it, and the interfaces here are all that the core knows of it.

/** The package. */
export interface CelLibrary {
  readonly Environment: new (options: { limits: Readonly<Record<string, number>> }) => CelEnvironment;
  readonly EvaluationError: new (problem: { code: string; message: string; node?: CelStep }) => Error;
}

/** What an expression may use. Each registration returns the environment itself. */
export interface CelEnvironment {
  registerType(name: string, type: CelType): CelEnvironment;
  registerConstant(name: string, type: string, value: unknown): CelEnvironment;
  registerVariable(name: string, type: string): CelEnvironment;
  registerFunction(signature: string, run: (...values: never[]) => unknown): CelEnvironment;
  registerOperator(signature: string, run: (a: never, b: never) => unknown): CelEnvironment;
  /** Throws a {@link CelError} at what is no expression. */
  parse(text: string): CelProgram;
  evaluate(text: string): unknown;
}

/** A type of our own: `fields` are all that an expression sees of its values. */
export interface CelType {
  readonly ctor: new (...values: never[]) => unknown;
  readonly fields: Readonly<Record<string, string>>;
}

/** A parsed expression. To run it throws a {@link CelError}, or what a function of ours threw. */
export interface CelProgram {
  (variables: Readonly<Record<string, unknown>>): unknown;
  check(): { readonly valid: boolean; readonly type?: string; readonly error?: CelError };
}

/** Why an expression cannot be parsed, checked or run. `message` has several lines, `summary` one. */
export interface CelError extends Error {
  readonly summary?: string;
  readonly range?: { readonly start: number; readonly end: number };
}

/** A piece of a parsed expression. */
export interface CelStep {
  readonly op: string;
  readonly args: unknown;
  evaluate(evaluator: CelEvaluator, step: CelStep, context: unknown): unknown;
}

/** Runs the pieces of an expression, each by `run`; macros are given it. */
export interface CelEvaluator {
  run(step: CelStep, context: unknown): unknown;
}
