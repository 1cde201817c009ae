// What a run of the layers came to, as text for a person, with a last line for a machine.

/** How a layer ended. */
export interface LayerResult {
  readonly layer: string;
  /** The task that runs this layer alone. */
  readonly task: string;
  readonly passed: number;
  /** Names of the failed tests. */
  readonly failed: readonly string[];
  /** What failed as a whole: a process that ended before its tests did, a layer that could not run under CI. */
  readonly broken: readonly string[];
  readonly ignored: readonly string[];
  readonly seconds: number;
  /** Why nothing ran; undefined when the layer ran. */
  readonly notRun?: string;
  /** A first try that another one followed: shown, not summed. */
  readonly superseded?: true;
}

/** The table, the failed tests with the command for each, and `N passed, N failed`. */
export function describeResults(results: readonly LayerResult[]): string {
  const counted = results.filter((result) => !result.superseded);
  return [...tableOf(results), ...failuresOf(results), ...ignoredOf(counted), "", sumOf(counted)].join("\n");
}

/** True when a layer that counts has failed. */
export function anyFailed(results: readonly LayerResult[]): boolean {
  return results.some((result) => !result.superseded && failuresIn(result) > 0);
}

/** How many failures the result counts for. */
export function failuresIn({ failed, broken }: LayerResult): number {
  return failed.length + broken.length;
}

function tableOf(results: readonly LayerResult[]): string[] {
  const rows = results.map((result) => {
    const name = result.superseded ? `${result.layer}, first try` : result.layer;
    if (result.notRun !== undefined) return `${name.padEnd(18)} ${result.notRun}`;
    return row(name, [result.passed, failuresIn(result), result.ignored.length, result.seconds.toFixed(1)]);
  });
  return ["", row("layer", ["passed", "failed", "ignored", "seconds"]), ...rows];
}

function row(name: string, cells: readonly (string | number)[]): string {
  return name.padEnd(18) + cells.map((cell) => String(cell).padStart(9)).join("");
}

function failuresOf(results: readonly LayerResult[]): string[] {
  const lines = results.flatMap(({ layer, task, failed, broken }) => [
    ...broken.flatMap((what) => [`  ${layer}: ${what}`, `    deno task ${task}`]),
    ...failed.flatMap((name) => [`  ${layer}: ${name}`, `    deno task ${task} --filter ${shellWord(name)}`]),
  ]);
  return lines.length === 0 ? [] : ["", "Failed, and how to run just that:", ...lines];
}

function ignoredOf(results: readonly LayerResult[]): string[] {
  const lines = results.flatMap((result) => result.ignored.map((name) => `  ${result.layer}: ${name}`));
  return lines.length === 0 ? [] : ["", "Ignored:", ...lines];
}

function sumOf(results: readonly LayerResult[]): string {
  const passed = results.reduce((sum, result) => sum + result.passed, 0);
  const failed = results.reduce((sum, result) => sum + failuresIn(result), 0);
  return `${passed} passed, ${failed} failed`;
}

/** A word that a shell passes on as it is. */
function shellWord(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
