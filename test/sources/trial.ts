// A source under test: the Nodes that it shows as one line of text, and every line that it ever told.

import type { NodeSource, SourceOptions } from "../../src/shell/sources/node_source.ts";
import { until } from "../lab/until.ts";

/** What a test keeps of a Node: `n1=a`, its name and its label `v`. */
export interface Item {
  readonly text: string;
}

/** A core/v1 Node that is shown as `name=value`. */
export function nodeOf(name: string, value = "a"): Record<string, unknown> {
  return { apiVersion: "v1", kind: "Node", metadata: { name, labels: { v: value } }, spec: {} };
}

/** The same as people write it. */
export function manifest(name: string, value = "a"): string {
  return `apiVersion: v1\nkind: Node\nmetadata:\n  name: ${name}\n  labels:\n    v: ${value}\nspec: {}\n`;
}

/** Of a Node what {@link Item} is made of. */
export function pickItem(json: unknown): unknown {
  const { name, labels } = (json as { metadata: Record<string, unknown> }).metadata;
  return { metadata: { name, labels } };
}

function parse(json: unknown): Item {
  const { name, labels } = (json as { metadata: { name: string; labels: { v: string } } }).metadata;
  return { text: `${name}=${labels.v}` };
}

/** Opens a source and closes it with the test. */
export class Trial implements AsyncDisposable {
  /** What was shown after the start and at each change. */
  readonly told: string[] = [];
  /** Every problem that was ever told, one a line. */
  everyProblem = "";
  parses = 0;
  onTold = () => {};
  readonly source: NodeSource<Item>;

  constructor(open: (options: SourceOptions<Item>) => NodeSource<Item>) {
    this.source = open({
      parse: (json) => {
        this.parses++;
        return parse(json);
      },
      nameOf: ({ text }) => text.split("=")[0],
      onChange: () => {
        this.told.push(this.shown);
        if (this.problems !== "") this.everyProblem += `${this.problems}\n`;
        this.onTold();
      },
    });
  }

  static async start(open: (options: SourceOptions<Item>) => NodeSource<Item>): Promise<Trial> {
    const trial = new Trial(open);
    await trial.source.start();
    if (trial.told.length > 0) throw new Error("onChange was called by start");
    trial.told.push(trial.shown);
    return trial;
  }

  get shown(): string {
    return this.source.state().items.map(({ text }) => text).join(" ");
  }

  /** `name of file: reason`, one a line. */
  get problems(): string {
    return this.source.state().problems.map(({ path, reason }) => `${path.split("/").at(-1)}: ${reason}`)
      .join("\n");
  }

  /** Waits until exactly these Nodes are shown, in this order. */
  async shows(expected: string, deadlineMs = 8_000): Promise<void> {
    await this.#until(`"${expected}"`, () => this.shown === expected, deadlineMs);
  }

  /** Waits until the problems match. */
  async complains(expected: RegExp, deadlineMs = 8_000): Promise<void> {
    await this.#until(`problems like ${expected}`, () => expected.test(this.problems), deadlineMs);
  }

  async #until(what: string, look: () => boolean, deadlineMs: number): Promise<void> {
    const seen = () =>
      `told: ${this.told.slice(-10).join(" | ").slice(-1_000)}\nshown: ${
        this.shown.slice(0, 1_000)
      }\nproblems: ${this.problems}`;
    await until(what, look, { deadlineMs, pauseMs: 2, seen });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.source.close();
  }
}
