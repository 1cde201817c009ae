// What came of the cases, as it is printed and as docs/conformance.md has it.

/** What `go/cases.go` prints of a case. */
export interface CaseResult {
  readonly name: string;
  readonly tags: readonly string[];
  readonly steps: number;
  readonly connections: number;
  /** Of these, answered by a refusal; it counts as blocked. */
  readonly refused: number;
  /** The most that a step took until all was as expected. */
  readonly tries: number;
  readonly seconds: number;
  readonly differences: readonly string[];
  readonly policies?: unknown;
  /** It could not be run to its end. */
  readonly error?: string;
}

/** Rows of the table; a case is in the first whose tag it has. */
const GROUPS: readonly (readonly [name: string, tag: RegExp])[] = [
  ["upstream's own e2e cases", /^upstream-e2e$/],
  ["examples", /^example$/],
  ["policies that contradict each other", /^conflict$/],
  ["policies, pods, namespaces that come, change and go", /^(create|delete|update|set)-/],
  ["pairs of peers", /^multi-peer$/],
  ["ipBlock, with and without except", /^ip-block-/],
  [
    "ports by number, name and range, protocols",
    /^(numbered-port|named-port|end-port|any-port|multi-port\/protocol)$/,
  ],
  ["namespaces by their own label", /^namespaces-by-default-label$/],
  [
    "pods and namespaces as peers",
    /^(all-pods|pods-by-label|all-namespaces|namespaces-by-label|policy-namespace)$/,
  ],
  ["who is selected", /^target-/],
];
const OTHERS = "all and nothing";

/** Whether all of it was as expected. */
export function passed({ differences, error }: CaseResult): boolean {
  return differences.length === 0 && error === undefined;
}

/** One line while it runs. */
export function caseLine(result: CaseResult, number: number, count: number): string {
  const mark = passed(result) ? "✓" : "✗";
  const again = result.tries > 1 ? `, ${result.tries} tries` : "";
  return `  ${mark} ${String(number).padStart(3)}/${count} ${result.name} (${
    result.seconds.toFixed(1)
  } s${again})`;
}

/** What is printed of a case that failed. */
export function failureLines({ differences, error, policies }: CaseResult): string[] {
  const shown = differences.slice(0, 10).map((text) => `      ${text}`);
  if (differences.length > shown.length) {
    shown.push(`      and ${differences.length - shown.length} more`);
  }
  if (error !== undefined) shown.push(`      ${error}`);
  if (policies !== undefined) shown.push(`      ${JSON.stringify(policies)}`);
  return shown;
}

/** The table, in Markdown. */
export function table(results: readonly CaseResult[]): string {
  const rows = [...GROUPS.map(([name]) => name), OTHERS].flatMap((name) => {
    const own = results.filter((result) => groupOf(result) === name);
    return own.length === 0 ? [] : [row(name, own)];
  });
  return [
    "| cases | number | steps | connections | passed | failed |",
    "| --- | --- | --- | --- | --- | --- |",
    ...rows,
    row("**all**", results),
  ].join("\n");
}

function groupOf({ tags }: CaseResult): string {
  return GROUPS.find(([, tag]) => tags.some((own) => tag.test(own)))?.[0] ?? OTHERS;
}

function row(name: string, results: readonly CaseResult[]): string {
  const sum = (of: (result: CaseResult) => number) =>
    results.reduce((total, result) => total + of(result), 0);
  const good = results.filter(passed).length;
  const cells = [name, results.length, sum(({ steps }) => steps), sum(({ connections }) => connections)];
  return `| ${[...cells, good, results.length - good].join(" | ")} |`;
}
