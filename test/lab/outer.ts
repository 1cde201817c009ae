// The one outer namespace (network, mount, process) that every laboratory lives in.
// Ending its first process in any way, kill -9 included, ends all others and takes the networks and files along.

/** Set inside the outer namespace. */
const INSIDE = "WIGGLENET_LAB_INSIDE";

const NAMESPACES = ["--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"];

/** True when this process already runs inside an outer namespace made by {@link runInside}. */
export function isInside(): boolean {
  return Deno.env.get(INSIDE) !== undefined;
}

/** Throws with the remedy when the laboratory is used without its namespace. */
export function assertInside(): void {
  if (isInside()) return;
  throw new Error("This needs the laboratory's namespace: start it with deno task test, or deno task demo");
}

/**
 * Runs a command as process 1 of a new outer namespace and returns its exit code. Input is closed: the
 * first line on it is the process id by which `nsenter` on the outside finds the namespace. An abort kills it.
 * Output that is held is shown when all has ended, not between the lines of others.
 */
export async function runInside(
  argv: readonly string[],
  { signal, isHeld = false }: { readonly signal?: AbortSignal; readonly isHeld?: boolean } = {},
): Promise<number> {
  // A user without root has one in a user namespace: enough for nft and veth, not for TUN devices.
  const flags = Deno.uid() === 0 ? NAMESPACES : ["--map-root-user", ...NAMESPACES];
  // The parent-death signal covers the one kill that --kill-child does not: that of this very process.
  const child = new Deno.Command("setpriv", {
    args: ["--pdeathsig", "KILL", "--", "unshare", ...flags, "--", ...argv],
    env: { [INSIDE]: "1" },
    stdin: "piped",
    stdout: isHeld ? "piped" : "inherit",
  }).spawn();
  const output = isHeld ? new Response(child.stdout).text() : "";
  const wait = () => {}; // Ctrl-C reaches the inside as well, and its exit code is ours
  const end = () => child.kill("SIGKILL");
  Deno.addSignalListener("SIGINT", wait);
  Deno.addSignalListener("SIGTERM", end);
  signal?.addEventListener("abort", end);
  try {
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(`${child.pid}\n`)).catch(() => {});
    await writer.close().catch(() => {});
    const { code } = await child.status;
    if (isHeld) console.log((await output).trim());
    return code;
  } finally {
    Deno.removeSignalListener("SIGINT", wait);
    Deno.removeSignalListener("SIGTERM", end);
    signal?.removeEventListener("abort", end); // a layer's deadline may pass while another one runs
  }
}

/** Process id, on the outside, of the process that holds the outer namespace. Reads standard input: call once. */
export async function outsidePid(): Promise<number> {
  return Number((await new Response(Deno.stdin.readable).text()).trim());
}
