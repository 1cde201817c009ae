// Runs inside a machine for hostile_api.ts: "hostile_api_program.ts FOLDER", an API server at 127.0.0.1:6443 with the
// certificate and the Nodes (`nodes.json`) of the folder. Each line of standard input is something that it does to whoever
// lists and watches it, and it says on standard output what it has done.

import { FakeApi, type Fault, refusal } from "../../sources/fake_api.ts";
import { LIST } from "../../sources/scene.ts";

type Json = Record<string, unknown>;

/** Of Nodes: to whoever asks for policies it is an ordinary server that has none. */
const WATCH = /\/nodes\?.*watch=1/;
const PORT = 6443;
const PART_BYTES = 64 << 10;
const ENDLESS_BYTES = 100 << 20;

const folder = Deno.args[0]!;
const read = (name: string) => Deno.readTextFileSync(`${folder}/${name}`);
const nodes = JSON.parse(read("nodes.json")) as Json[];
const api = new FakeApi(PORT, { cert: read("server.crt"), key: read("server.key") });
for (const node of nodes) api.put(node);

/**
 * Events as fast as they are taken, for so long: of all Nodes by turns what their kubelets report, which is of no use to
 * an agent, and of each tenth an address that comes and goes. In the end all are as they were, and there is one Node
 * more: who knows it has read everything.
 */
function storm(seconds: number, bytes: number): Fault {
  const texts = nodes.slice(1).flatMap((node, i) => {
    const beat = { lastHeartbeatTime: `${i}`, message: "x".repeat(bytes) };
    const { addresses } = node.status as { addresses: Json[] };
    const other = i % 10 === 0
      ? [...addresses, { type: "ExternalIP", address: `192.0.2.${i / 10 + 1}` }]
      : addresses;
    return [other, addresses].map((addresses) =>
      event({ ...node, status: { addresses, conditions: [beat] } })
    );
  });
  const parts = texts.map((text) => new TextEncoder().encode(text));
  let isOver = false;
  return only(WATCH, () => {
    if (isOver) return undefined;
    let sent = 0;
    const start = performance.now();
    const pull = (controller: ReadableStreamDefaultController<Uint8Array>) => {
      const passed = (performance.now() - start) / 1000;
      const isRound = sent % parts.length === 0;
      if (passed > seconds && isRound) {
        isOver = true; // whoever watches anew has nothing to hear
        ending = controller;
        const last = {
          apiVersion: "v1",
          kind: "Node",
          metadata: { name: `behind-${bytes}` },
          spec: {},
          status: {},
        };
        controller.enqueue(new TextEncoder().encode(event(last, "ADDED")));
        console.log(`storm of ${bytes} bytes: ${sent} events in ${passed.toFixed(1)} s`);
        return new Promise<void>(() => {}); // until the next deed
      }
      // As many as a server would write at once.
      for (let size = 0; size < PART_BYTES && (size === 0 || sent % parts.length !== 0); sent++) {
        const part = parts[sent % parts.length]!;
        size += part.length;
        controller.enqueue(part);
      }
    };
    return new Response(new ReadableStream({ pull }, { highWaterMark: 1 }));
  });
}

function event(object: Json, type = "MODIFIED"): string {
  const metadata = { ...object.metadata as Json, resourceVersion: "1000000" };
  return `${JSON.stringify({ type, object: { ...object, metadata } })}\n`;
}

/** A hundred megabytes without an end. */
function endless(what: string): Response {
  let sent = 0;
  const part = new TextEncoder().encode(" ".repeat(PART_BYTES));
  const pull = (controller: ReadableStreamDefaultController<Uint8Array>) => {
    if ((sent += part.length) > ENDLESS_BYTES) controller.close();
    else controller.enqueue(part);
  };
  console.log(`${what}: asked for`);
  return new Response(new ReadableStream({ pull }));
}

function only(pattern: RegExp, answer: () => Response | undefined): Fault {
  return (request) => pattern.test(request.url) ? answer() : undefined;
}

const DEEDS: Readonly<Record<string, (...args: number[]) => Fault>> = {
  calm: () => () => undefined,
  storm: (seconds, bytes) => storm(seconds!, bytes!),
  "endless-line": () => only(WATCH, () => endless("endless-line")),
  "endless-list": () => (request) => {
    if (LIST.test(request.url)) return endless("endless-list");
    return WATCH.test(request.url) ? refusal(410, "too old resource version") : undefined;
  },
};

/** A watch that has nothing more to say. */
let ending: ReadableStreamDefaultController<Uint8Array> | undefined;

console.log("serving");
const lines = Deno.stdin.readable.pipeThrough(new TextDecoderStream());
for await (const line of lines) {
  const [deed, ...args] = line.trim().split(" ") as [string, ...string[]];
  api.fault = DEEDS[deed]!(...args.map(Number));
  api.endWatches();
  try {
    ending?.close();
  } catch {
    // whoever watched has gone meanwhile
  }
  ending = undefined;
  console.log(`now ${deed}`);
}
