// Runs inside a machine for probe.ts: "send ADDRESS PORT RATE" or "receive ADDRESS PORT", each until its input
// closes. The receiver tells every 50 ms of new packets ("seen MILLISECONDS") and at the end of all arrivals.

const [verb, hostname, port, rate] = Deno.args as [string, string, string, string];

/** Milliseconds since 1970 with their fraction: comparable between the processes of one machine. */
function nowMs(): number {
  return performance.timeOrigin + performance.now();
}

async function inputClosed(): Promise<void> {
  for await (const _ of Deno.stdin.readable);
}

async function send(): Promise<void> {
  const family = hostname.includes(":") ? "::" : "0.0.0.0";
  const socket = Deno.listenDatagram({ transport: "udp", hostname: family, port: 0 });
  const target: Deno.NetAddr = { transport: "udp", hostname, port: Number(port) };
  const packet = new DataView(new ArrayBuffer(16));
  const startMs = nowMs();
  let sent = 0;
  const timer = setInterval(async () => {
    const due = Math.floor((nowMs() - startMs) * Number(rate) / 1000);
    while (sent < due) {
      packet.setUint32(0, ++sent);
      await socket.send(new Uint8Array(packet.buffer.slice(0)), target).catch(() => {}); // refused is lost
    }
  }, 1);
  console.log("ready");
  await inputClosed();
  clearInterval(timer);
  console.log(sent);
}

async function receive(): Promise<void> {
  const socket = Deno.listenDatagram({ transport: "udp", hostname, port: Number(port) });
  const arrivals: { number: number; timeMs: number }[] = [];
  let told = 0;
  const timer = setInterval(() => {
    if (arrivals.length > told) console.log(`seen ${arrivals.at(-1)!.timeMs}`);
    told = arrivals.length;
  }, 50);
  console.log("ready");
  inputClosed().then(() => socket.close());
  for await (const [data] of socket) {
    arrivals.push({ number: new DataView(data.buffer, data.byteOffset).getUint32(0), timeMs: nowMs() });
  }
  clearInterval(timer);
  console.log(JSON.stringify(arrivals));
}

await (verb === "send" ? send() : receive());
