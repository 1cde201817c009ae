// The agent with real programs that go wrong: `faulty_agent.ts TROUBLE FIRST COUNT run ...` is `main.ts run ...` in which that befalls
// so many of its programs, from the FIRST-th on, counted from 0. Each is told on stderr.

import { main } from "../../main.ts";

/** What runs in a program's place, by what an operator would call it; "$@" is the program. */
const PLACES: Readonly<Record<string, string>> = {
  "fails": `echo "it was made to fail" >&2; exit 1`,
  "fails when it is done": `"$@"; exit 1`,
  "hangs": "exec sleep 3600",
  "crashes": "kill -SEGV $$",
  "is killed for its memory": "kill -KILL $$",
  "is cut short": `"$@" | head -c 100`,
  "prints nonsense": `echo '\u0001]{"nonsense'`,
  "does nothing and says it did": "exit 0",
};

const [trouble, first, count, ...argv] = Deno.args;
const place = PLACES[trouble!];
if (place === undefined) throw new Error(`unknown trouble ${trouble}`);
let started = 0;

/** What is started: the program, or what befalls it. */
function startOf(program: string, options: Deno.CommandOptions): [string, Deno.CommandOptions] {
  const number = started++;
  if (number < Number(first) || number >= Number(first) + Number(count)) return [program, options];
  const args = options.args ?? [];
  console.error(`befallen ${number} ${program} ${args.join(" ")}`);
  return ["/bin/sh", { ...options, args: ["-c", place!, "sh", program, ...args] }];
}

class FaultyCommand extends Deno.Command {
  constructor(program: string, options: Deno.CommandOptions = {}) {
    super(...startOf(program, options));
  }
}

Object.defineProperty(Deno, "Command", { value: FaultyCommand });
Deno.exit(await main(argv));
