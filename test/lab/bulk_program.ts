// Runs inside a machine for bulk.ts: "serve PORT", which gives back what it gets, by TCP and UDP, or
// "fetch ADDRESS PORT BYTES DATAGRAM_BYTES", which sends that and waits for it to come back.

const [verb, ...args] = Deno.args as [string, string, string, string, string];
const ANSWER_MS = 300;
const TRIES = 5;

async function serve(port: number): Promise<never> {
  const listener = Deno.listen({ hostname: "::", port }); // takes IPv4 as well
  const sockets = ["0.0.0.0", "::"].map((hostname) =>
    Deno.listenDatagram({ transport: "udp", hostname, port: port + (hostname === "::" ? 1 : 0) })
  );
  for (const socket of sockets) echo(socket);
  console.log("serving");
  while (true) {
    const connection = await listener.accept();
    connection.readable.pipeTo(connection.writable).catch(() => {});
  }
}

async function echo(socket: Deno.DatagramConn): Promise<void> {
  for await (const [data, from] of socket) await socket.send(data, from).catch(() => {});
}

/** Writes and reads at once: else both ends wait for room in a buffer. */
async function stream(hostname: string, port: number, bytes: number): Promise<number> {
  const connection = await Deno.connect({ hostname, port });
  const chunk = new Uint8Array(65_536);
  const sending = (async () => {
    const writer = connection.writable.getWriter();
    for (let sent = 0; sent < bytes; sent += chunk.length) {
      await writer.write(chunk.subarray(0, Math.min(chunk.length, bytes - sent)));
    }
    await connection.closeWrite();
  })();
  let received = 0;
  for await (const data of connection.readable) received += data.length;
  await sending;
  return received;
}

/** The largest datagram that came back; the kernel sets DF, and says so when it is larger than a path that it knows. */
async function datagram(hostname: string, port: number, bytes: number): Promise<number> {
  const isIpv6 = hostname.includes(":");
  const socket = Deno.listenDatagram({ transport: "udp", hostname: isIpv6 ? "::" : "0.0.0.0", port: 0 });
  const back = socket.receive().then(([data]) => data.length).catch(() => 0);
  const target: Deno.NetAddr = { transport: "udp", hostname, port: port + (isIpv6 ? 1 : 0) };
  for (let i = 0; i < TRIES; i++) {
    await socket.send(new Uint8Array(bytes), target);
    const late = new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), ANSWER_MS));
    const received = await Promise.race([back, late]);
    if (received !== undefined) return received;
  }
  return 0;
}

if (verb === "serve") await serve(Number(args[0]));
const [address, port, bytes, datagramBytes] = [args[0], Number(args[1]), Number(args[2]), Number(args[3])];
const streamed = await stream(address, port, bytes);
const echoed = datagramBytes === 0 ? 0 : await datagram(address, port, datagramBytes);
console.log(JSON.stringify({ streamed, echoed }));
Deno.exit(0); // a pending receive would keep the process
