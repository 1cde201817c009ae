// One event a line on stderr. The same message at most once a minute, with the number of those left out.

/** Severity, least first. */
export type Level = "debug" | "info" | "warn" | "error";

const LEVELS: readonly Level[] = ["debug", "info", "warn", "error"];
const REPEAT_MS = 60_000;
const REMEMBERED = 1_000;

/** Fields of an event beside its message; values are printed as they are, so they must not hold secrets. */
export type Fields = Readonly<Record<string, string | number | undefined>>;

/** Writes events. */
export class Log {
  #pending = "";
  readonly #seen = new Map<string, { atMs: number; leftOut: number }>();

  constructor(readonly format: "text" | "json", readonly level: Level) {}

  debug(message: string, fields: Fields = {}): void {
    this.#write("debug", message, fields);
  }

  info(message: string, fields: Fields = {}): void {
    this.#write("info", message, fields);
  }

  warn(message: string, fields: Fields = {}): void {
    this.#write("warn", message, fields);
  }

  error(message: string, fields: Fields = {}): void {
    this.#write("error", message, fields);
  }

  #write(level: Level, message: string, fields: Fields): void {
    if (LEVELS.indexOf(level) < LEVELS.indexOf(this.level)) return;
    const repeated = this.#repeated(`${level} ${message} ${JSON.stringify(fields)}`);
    if (repeated === undefined) return;
    const all = repeated === 0 ? fields : { ...fields, repeated };
    const time = new Date().toISOString();
    const line = this.format === "json"
      ? JSON.stringify({ time, level, message, ...all })
      : `${time} ${level.padEnd(5)} ${message}${fieldsText(all)}`;
    // What is said in one go is one write: its reader wakes up for each.
    if (this.#pending === "") queueMicrotask(() => this.#flush());
    this.#pending += `${line}\n`;
  }

  #flush(): void {
    const bytes = new TextEncoder().encode(this.#pending);
    this.#pending = "";
    try {
      for (let done = 0; done < bytes.length;) done += Deno.stderr.writeSync(bytes.subarray(done));
    } catch {
      // Nobody reads any more, which is no reason to end.
    }
  }

  /** How often this event was left out since it was last written; undefined: leave it out again. */
  #repeated(key: string): number | undefined {
    const now = performance.now();
    const seen = this.#seen.get(key);
    if (seen !== undefined && now - seen.atMs < REPEAT_MS) {
      seen.leftOut++;
      return undefined;
    }
    this.#seen.delete(key);
    if (this.#seen.size >= REMEMBERED) this.#seen.delete(this.#seen.keys().next().value!);
    this.#seen.set(key, { atMs: now, leftOut: 0 });
    return seen?.leftOut ?? 0;
  }
}

function fieldsText(fields: Fields): string {
  const shown = Object.entries(fields).filter(([, value]) => value !== undefined);
  return shown.map(([name, value]) =>
    ` ${name}=${/^[\w./:@+-]+$/.test(String(value)) ? value : JSON.stringify(value)}`
  ).join("");
}
