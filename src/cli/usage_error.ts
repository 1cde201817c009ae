// A command line that cannot be understood: exit code 2, and what to write instead.

/** Wrong arguments or settings. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
