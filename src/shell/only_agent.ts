// One agent a network namespace: an abstract socket is bound to the namespace and goes with the process.

let place: Deno.UnixListener | undefined;

/** Takes the place of the namespace's agent; false when another process has it. */
export function becomeOnlyAgent(): boolean {
  try {
    place = Deno.listen({ transport: "unix", path: "\0wigglenet-agent" });
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) return false;
    throw error;
  }
  place.unref();
  return true;
}
