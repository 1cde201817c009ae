// Runs a program while an image is built.

/** Runs it to its end; returns what it prints. Throws Error with the last lines of what it says. */
export async function command(
  argv: readonly string[],
  options: { readonly env?: Readonly<Record<string, string>>; readonly clearEnv?: boolean } = {},
): Promise<string> {
  const [program, ...args] = argv;
  const { code, stdout, stderr } = await new Deno.Command(program!, {
    args,
    stdin: "null",
    ...options,
    env: { LC_ALL: "C", ...options.env },
  }).output();
  if (code === 0) return new TextDecoder().decode(stdout);
  const said = new TextDecoder().decode(stderr).trim().split("\n").slice(-4).join("\n");
  throw new Error(`${argv.filter((arg) => !/^-o$|::/.test(arg)).join(" ")} exited ${code}: ${said}`);
}
