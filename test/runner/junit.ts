// Reads the report of `deno test --junit-path`: the one form of its results that does not mix with what tests print.

/** One test, as it ended. */
export interface TestResult {
  readonly name: string;
  readonly file: string;
  readonly outcome: "passed" | "failed" | "ignored";
}

const CASE = /<testcase name="([^"]*)" classname="([^"]*)"[^>]*>([\s\S]*?)<\/testcase>/g;

/** The tests of a report. Steps are left out: a test with a failed step has failed itself. */
export function parseJunit(xml: string): TestResult[] {
  const results: TestResult[] = [];
  for (const [, name, file, body] of xml.matchAll(CASE)) {
    const outcome = /<(failure|error)\b/.test(body!)
      ? "failed"
      : body!.includes("<skipped/>")
      ? "ignored"
      : "passed";
    results.push({ name: unescape(name!), file: unescape(file!), outcome });
  }
  // A step that a helper's file makes is told as of that file; so is a test.
  const isOf = (test: TestResult, step: TestResult) =>
    (test.file === step.file || !step.file.endsWith("_test.ts")) && step.name.startsWith(`${test.name} > `);
  const isStep = (step: TestResult) => results.some((test) => isOf(test, step));
  return results.filter((result) => !isStep(result));
}

const ENTITIES: Readonly<Record<string, string>> = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };

function unescape(text: string): string {
  return text.replace(/&(\w+);/g, (entity, name: string) => ENTITIES[name] ?? entity);
}
