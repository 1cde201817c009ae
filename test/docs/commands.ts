// Commands and tasks that a Markdown document shows: what a reader would type is what is run.

import type { Document } from "./documents.ts";

/** A command line of a block below `<!-- run -->`, or `<!-- run: 1 -->` where it is to end with that code. */
export interface ShownCommand {
  readonly line: string;
  /** Without the program, which is deno in one of its spellings. */
  readonly args: readonly string[];
  readonly exitCode: number;
}

const MARKED = /^<!-- run(?:: (\d+))? -->\n+```sh\n([\s\S]*?)^```$/gm;
const DENO = /^(?:npx -y deno@\S+|deno) (?<args>.*)$/;

/**
 * The commands to be run. There is no shell: words are separated by blanks.
 * @throws Error for a line that is no deno command or that only a shell could read
 */
export function commandsIn({ path, text }: Document): ShownCommand[] {
  return [...text.matchAll(MARKED)].flatMap(([, code, block]) => {
    const lines = block!.split("\n").map((line) => line.replace(/(^|\s)#.*$/, "").trim());
    return lines.filter((line) => line !== "").map((line) => {
      const args = /["'`$|&;<>\\*]/.test(line) ? undefined : DENO.exec(line)?.groups?.args;
      if (args === undefined) {
        throw new Error(`${path}: "${line}" is no plain deno command: it cannot be run`);
      }
      return { line, args: args.split(/\s+/), exitCode: Number(code ?? 0) };
    });
  });
}

/** Names of the tasks that a document tells to run. */
export function tasksIn({ text }: Document): string[] {
  return [
    ...new Set([...text.matchAll(/\bdeno(?:@\S+)? task ([a-z][a-z0-9:-]*)/g)].map(([, name]) => name!)),
  ];
}
