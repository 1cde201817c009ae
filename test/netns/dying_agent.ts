// The agent, made to die by its own hand: `dying_agent.ts MOMENT run ...` is `main.ts run ...` with a kill -9 of
// itself at that moment, given by its number or by how it begins. Moments stand around each thing that it does to the
// host: before a command that changes something, while it runs, before each step of putting a file in place. Each is
// told on stderr.

import { main } from "../../main.ts";

const [last, ...argv] = Deno.args;
let moment = 0;

function pass(what: string): void {
  console.error(`moment ${moment} ${what}`);
  if (String(moment++) === last || what.startsWith(last!)) Deno.kill(Deno.pid, "SIGKILL");
}

/** Looks change nothing; what is not known to be a look may. */
function isLook(program: string, args: readonly string[]): boolean {
  if (program.endsWith("/nsenter")) return args[2] !== "cat" && isLook(`/${args[2]}`, args.slice(3));
  const words = args.join(" ");
  if (program.endsWith("/nft")) return /^(monitor|(-\w )*list )/.test(words);
  if (program.endsWith("/ip")) return /\b(show|monitor)\b/.test(words);
  return /[/](ss|stat|cat)$/.test(program) || program.endsWith("/wg") && words.startsWith("show ");
}

class DyingCommand extends Deno.Command {
  readonly #shown: string | undefined;

  constructor(program: string, options: Deno.CommandOptions = {}) {
    super(program, options);
    const args = options.args ?? [];
    if (!isLook(program, args)) this.#shown = `${program.split("/").at(-1)} ${args.slice(0, 3).join(" ")}`;
  }

  override spawn(): Deno.ChildProcess {
    if (this.#shown === undefined) return super.spawn();
    pass(`before ${this.#shown}`);
    const child = super.spawn();
    pass(`during ${this.#shown}`);
    return child;
  }
}

Object.defineProperty(Deno, "Command", { value: DyingCommand });
for (const name of ["open", "rename"] as const) {
  const real = Deno[name] as (...args: unknown[]) => Promise<unknown>;
  const dying = (...args: unknown[]) => {
    pass(`before ${name} ${args[0]}`);
    return real(...args);
  };
  Object.defineProperty(Deno, name, { value: dying });
}

Deno.exit(await main(argv));
