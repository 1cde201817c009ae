// What init does on a real node: collects the exit status of orphans. The laboratory is process 1 of its
// namespace, and an orphan that nobody waits for (a wireguard-go whose agent was killed) looks alive for ever.

import { ownedPids } from "./process.ts";

let lab: { handle: () => void; close: () => void } | undefined;
let users = 0;

/** Starts reaping, when this is process 1. Every call needs one {@link stopReaping}. */
export function startReaping(): void {
  if (users++ > 0 || Deno.pid !== 1) return;
  const libc = Deno.dlopen("libc.so.6", {
    waitpid: { parameters: ["i32", "pointer", "i32"], result: "i32" },
  });
  const handle = () => {
    for (const pid of orphans()) libc.symbols.waitpid(pid, null, 1 /* WNOHANG */);
  };
  lab = { handle, close: () => libc.close() };
  Deno.addSignalListener("SIGCHLD", handle);
}

/** Stops reaping after the last user. */
export function stopReaping(): void {
  if (--users > 0 || lab === undefined) return;
  lab.handle();
  Deno.removeSignalListener("SIGCHLD", lab.handle);
  lab.close();
  lab = undefined;
}

/** Dead children that Deno does not wait for: it starts its own in its session, and Process names the others. */
function orphans(): number[] {
  const own = statOf(1)?.session;
  return pids().filter((pid) => {
    const stat = ownedPids.has(pid) ? undefined : statOf(pid);
    return stat !== undefined && stat.state === "Z" && stat.parent === 1 && stat.session !== own;
  });
}

/** All process ids of this namespace. */
export function pids(): number[] {
  return [...Deno.readDirSync("/proc")].map((entry) => Number(entry.name)).filter((pid) => pid > 0);
}

function statOf(pid: number): { state: string; parent: number; session: number } | undefined {
  try {
    const text = Deno.readTextFileSync(`/proc/${pid}/stat`);
    const [state, parent, , session] = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return { state: state!, parent: Number(parent), session: Number(session) };
  } catch {
    return undefined; // it is gone
  }
}
