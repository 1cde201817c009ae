// In which form an API answers: protocol buffers where it can, JSON where it (or a proxy before it) cannot.

import { type Encoding, JSON_ENCODING, PROTOBUF_ENCODING } from "../../../core/kubernetes/object_list.ts";
import { skimEvent, type Skimmed } from "../../../core/kubernetes/skim_event.ts";
import { type Cutter, FrameCutter, LineCutter } from "./body.ts";
import { SEED } from "../../seed.ts";

const PROTOBUF = "application/vnd.kubernetes.protobuf";

/** The `Accept` of who reads either. */
export const ACCEPT_EITHER = `${PROTOBUF},application/json`;

/** How an answer is read. */
export interface AnswerFormat {
  readonly encoding: Encoding;
  /** What is not read of it takes no memory beside its bytes. */
  readonly isCompact: boolean;
  /** Sees of an event what tells whether it changes anything; undefined: it must be read. */
  readonly skim: (event: Uint8Array) => Skimmed | undefined;
  /** Cuts a watch into events. */
  readonly cutter: (maxBytes: number) => Cutter;
}

const FORMATS = {
  protobuf: {
    encoding: PROTOBUF_ENCODING,
    isCompact: true,
    skim: (event) => skimEvent(event, SEED),
    cutter: (maxBytes) => new FrameCutter(maxBytes),
  },
  json: {
    encoding: JSON_ENCODING,
    isCompact: false,
    skim: () => undefined,
    cutter: (maxBytes) => new LineCutter(maxBytes),
  },
} satisfies Record<string, AnswerFormat>;

/** That of an answer. */
export function formatOf({ headers }: Response): AnswerFormat {
  const isProtobuf = headers.get("content-type")?.startsWith(PROTOBUF) === true;
  return isProtobuf ? FORMATS.protobuf : FORMATS.json;
}
