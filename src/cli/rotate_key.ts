// `wigglenet rotate-key`: has the agent put another key in the place of this host's, without a packet lost.

import { secondFindings } from "../core/check/check.ts";
import { usesTunnel } from "../core/settings/settings.ts";
import { inspectSecond, readPorts } from "../shell/inspect_host.ts";
import { requestRotation } from "../shell/key_rotation.ts";
import { readPublicKey } from "../shell/key_file.ts";
import { readStatus } from "../shell/status_socket.ts";
import { parseArguments } from "./arguments.ts";

/** Asks for it and returns at once; 0, or 1 when there is nothing to rotate, it cannot, or a rotation is under way. */
export async function rotateKey(args: readonly string[]): Promise<number> {
  const { settings } = await parseArguments(args, []);
  const { privateKeyPath } = settings;
  const refuse = (why: string) => {
    console.error(`wigglenet: ${why}`);
    return 1;
  };
  if (!usesTunnel(settings)) return refuse("no family is tunnelled: this host has no key");
  const present = await readPublicKey(privateKeyPath);
  if (present === undefined) {
    return refuse(`there is no private key ${privateKeyPath}: the first start makes it`);
  }
  const ports = await readPorts("udp"); // first: what is listened on then, and is ours, is there by now
  const [obstacle] = secondFindings(await inspectSecond(settings), ports);
  if (obstacle !== undefined) return refuse(`${obstacle.what}: ${obstacle.remedy}`);
  const next = await requestRotation(privateKeyPath);
  if (next === undefined) return refuse("a rotation is under way: wigglenet status tells how far it is");
  console.log(`${present} is to be replaced by ${next}`);
  const answer = await readStatus();
  if (answer === undefined) console.error("wigglenet: no agent runs here: it begins when one does");
  if (answer === "hangs") console.error("wigglenet: the agent hangs: it begins when that is restarted");
  return 0;
}
