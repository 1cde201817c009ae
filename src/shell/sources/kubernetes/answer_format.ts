// In which form an API answers: protocol buffers where it can, JSON where it (or a proxy before it) cannot.

import { type Encoding, JSON_ENCODING, PROTOBUF_ENCODING } from "../../../core/kubernetes/node_list.ts";
import { type Cutter, FrameCutter, LineCutter } from "./body.ts";

const PROTOBUF = "application/vnd.kubernetes.protobuf";

/** The `Accept` of who reads either. */
export const ACCEPT_EITHER = `${PROTOBUF},application/json`;

/** How an answer is read. */
export interface AnswerFormat {
  readonly encoding: Encoding;
  /** What is not read of it takes no memory beside its bytes. */
  readonly isCompact: boolean;
  /** Cuts a watch into events. */
  readonly cutter: (maxBytes: number) => Cutter;
}

/** That of an answer. */
export function formatOf({ headers }: Response): AnswerFormat {
  return headers.get("content-type")?.startsWith(PROTOBUF) === true
    ? { encoding: PROTOBUF_ENCODING, isCompact: true, cutter: (maxBytes) => new FrameCutter(maxBytes) }
    : { encoding: JSON_ENCODING, isCompact: false, cutter: (maxBytes) => new LineCutter(maxBytes) };
}
