// Objects as they were read last: one that cannot be read any more goes on as it was, with its names and ports, which are nobody
// else's until it is deleted. An agent that starts has none of that: then what such an object has is spared (diff_declared.ts).

import type {
  DeclaredId,
  DeclaredObject,
  ParsedDeclared,
  RejectedPart,
} from "../../core/declared/declared_object.ts";

/** What there is to go by. */
export interface Known {
  readonly objects: readonly DeclaredObject[];
  /** Why some cannot be read as they say now. */
  readonly unread: readonly RejectedPart[];
  /** It goes on as it was. */
  readonly isHeld: (id: DeclaredId) => boolean;
}

/** Holds them. */
export class LastGood {
  #objects = new Map<string, DeclaredObject>();
  #parsed: readonly ParsedDeclared[] | undefined;
  #known: Known | undefined;

  /** What was read; the same for the same list. */
  take(parsed: readonly ParsedDeclared[]): Known {
    if (parsed === this.#parsed && this.#known !== undefined) return this.#known;
    const unread = parsed.flatMap(({ rejected }) => rejected ?? []);
    const held = unread.flatMap((id) => this.#objects.get(keyOf(id)) ?? []);
    const objects = [...parsed.flatMap(({ object }) => object ?? []), ...held];
    const heldKeys = new Set(held.map(keyOf));
    this.#objects = new Map(objects.map((object) => [keyOf(object), object]));
    this.#parsed = parsed;
    return this.#known = { objects, unread, isHeld: (id) => heldKeys.has(keyOf(id)) };
  }
}

function keyOf({ kind, name }: DeclaredId): string {
  return `${kind} ${name}`;
}
