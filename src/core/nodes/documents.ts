// YAML or JSON text -> the raw objects in it, piece by piece: a caller holds one object at a time and can
// tell the pieces it has read before. Knows of an object only what tells it from other documents.

import { boolCoreTag, FAILSAFE_SCHEMA, intJsonTag, loadAll, nullCoreTag, YAMLException } from "js-yaml";
import { API_VERSION } from "../declared/kinds/kind.ts";
import { Refusal } from "../net/refusal.ts";

/** A part of a text that is read on its own: a document, or one item of a block-style YAML List. Offsets in characters. */
export interface Piece {
  readonly start: number;
  readonly end: number;
  readonly isItem: boolean;
}

/** Kinds of objects that a file may hold for us, with the version that each is read in. */
const API_VERSIONS = {
  Node: "v1",
  Pod: "v1",
  Namespace: "v1",
  NetworkPolicy: "networking.k8s.io/v1",
  WireGuardNetworkPlan: API_VERSION,
  WireGuardInterface: API_VERSION,
  NetlinkInterface: API_VERSION,
  PodWireGuardInterface: API_VERSION,
  PodNetlinkInterface: API_VERSION,
  PodInterfaceGrant: API_VERSION,
} as const;

/** One of these. */
export type DocumentKind = keyof typeof API_VERSIONS;

/** Nodes, and nothing else. */
const NODES_ONLY: ReadonlySet<DocumentKind> = new Set(["Node"]);

/** What is wrong, and where in the text that was parsed. */
class Fault {
  constructor(readonly reason: string, readonly position: number) {}
}

// Kubernetes' limit for an object is 1.5 MB. js-yaml 5.5.0 takes up to twelve times the text in memory (measured 2026-11).
const MAX_YAML_CHARACTERS = 8 << 20;
const MAX_FLOW_YAML_CHARACTERS = 1 << 20;
const MAX_DEPTH = 100;
const NEITHER = "neither a Node nor a List";
// No floats and no timestamps: `name: 1e3` and `creationTimestamp: 2024-01-01T00:00:00Z` stay what was written.
const SCHEMA = FAILSAFE_SCHEMA.withTags(nullCoreTag, boolCoreTag, intJsonTag);
// `(?<![^\n\r])` is the start of a line: JavaScript's own `^` also stands behind U+2028, which is mere text in YAML.
const SOME_CONTENT = /(?<![^\n\r])(?!(?:---|\.\.\.)[ \t]*(?:[\n\r#]|$))[ \t]*[^\s#]/;
const DIRECTIVE = /(?<![^\n\r])%/;
const DOCUMENT_START = /(?<![^\n\r])---(?=[ \t\n\r]|$)/g;
const BRACE_FIRST = /^(?:---)?\s*\{/;
const ITEMS_LINE = /(?<![^\n\r])items:[ \t]*(?:#.*)?\r?\n(?=( *)-[ \n\r])/;

/**
 * Cuts a text into its documents, and a block-style YAML List, as kubectl prints it, into its items: 5,000 Nodes of
 * 12 KB then peak at 0.15 GB instead of 0.7 (so an alias cannot refer to another item). A List without its
 * `kind` line, as a half-written one is, is refused here; what is wrong inside a piece, by {@link readPiece}.
 */
export function splitDocuments(text: string): Piece[] | Refusal {
  if (!SOME_CONTENT.test(text)) return new Refusal("holds no object");
  const pieces: Piece[] = [];
  for (const document of documentsOf(text)) {
    const items = itemsOf(text.slice(document.start, document.end));
    if (items instanceof Fault) return refusal(text, document.start, items);
    const moved = items?.map(({ start, end }) => pieceAt(document.start + start, document.start + end, true));
    for (const piece of moved ?? [document]) pieces.push(piece);
  }
  return pieces;
}

/** The objects of these kinds in one piece of a text, in its order; documents of other kinds are left out. */
export function readPiece(
  text: string,
  piece: Piece,
  kinds: ReadonlySet<DocumentKind> = NODES_ONLY,
): unknown[] | Refusal {
  const body = text.slice(piece.start, piece.end);
  const documents = parse(body);
  if (documents instanceof Fault) return refusal(text, piece.start, documents);
  const found: Found = { objects: [], kinds };
  for (const document of piece.isItem ? documents[0] as unknown[] : documents) {
    if (document === null && !piece.isItem) continue;
    const reason = fits(document, body.length) ?? collect(document, found, piece.isItem ? "Node" : undefined);
    if (reason !== undefined) return refusal(text, piece.start, new Fault(reason, 0));
  }
  return found.objects;
}

function pieceAt(start: number, end: number, isItem: boolean): Piece {
  return { start, end, isItem };
}

/** `---` in the first column ends a document whatever it stands in (YAML 1.2.2, 9.1.4); a %directive belongs to the next one. */
function documentsOf(text: string): Piece[] {
  const starts = [0];
  if (!DIRECTIVE.test(text)) {
    for (const { index } of text.matchAll(DOCUMENT_START)) if (index > 0) starts.push(index);
  }
  return starts.map((start, i) => pieceAt(start, starts[i + 1] ?? text.length, false));
}

/** Where the items of a block-style List stand; null for any other document. */
function itemsOf(document: string): { start: number; end: number }[] | Fault | null {
  const line = BRACE_FIRST.test(document) ? null : ITEMS_LINE.exec(document);
  if (line === null) return null;
  const first = line.index + line[0].length;
  // What an item holds is indented deeper than its dash, and the List's next key stands in the first column.
  const boundary = new RegExp(`(?<![^\\n\\r])(?: {${line[1]!.length}}-(?=[ \\n\\r])|[^\\s#-])`, "g");
  const starts: number[] = [];
  let end = document.length;
  for (const { 0: found, index } of document.slice(first).matchAll(boundary)) {
    if (found.endsWith("-")) {
      starts.push(first + index);
    } else {
      end = first + index;
      break;
    }
  }
  const around = parse(document.slice(0, first) + document.slice(end));
  if (around instanceof Fault) {
    return new Fault(
      around.reason,
      around.position < first ? around.position : around.position + end - first,
    );
  }
  if (around.length !== 1) return null;
  const reason = collect(around[0], { objects: [], kinds: NODES_ONLY }, undefined);
  if (reason !== undefined) return new Fault(reason, 0);
  return isList(around[0]) ? starts.map((start, i) => ({ start, end: starts[i + 1] ?? end })) : null;
}

function parse(text: string): unknown[] | Fault {
  if (BRACE_FIRST.test(text)) {
    try {
      return [JSON.parse(text.startsWith("-") ? text.slice(3) : text)];
    } catch {
      // YAML in flow style is written by hand and small; a large text is JSON, and its YAML events would not fit in memory.
      if (text.length > MAX_FLOW_YAML_CHARACTERS) return new Fault("this is not JSON, or not all of it", 0);
    }
  }
  if (text.length > MAX_YAML_CHARACTERS) return new Fault("an object of more than 8 MB", 0);
  try {
    return loadAll(text, { schema: SCHEMA, maxDepth: MAX_DEPTH });
  } catch (error) {
    if (!(error instanceof YAMLException)) return new Fault("this cannot be parsed", 0);
    return new Fault(error.reason, error.mark?.position ?? 0);
  }
}

/** Without aliases a text has fewer values than characters: more of them are an alias bomb, and a cycle never ends. */
function fits(value: unknown, characters: number): string | undefined {
  let left = characters + 1;
  let reason: string | undefined;
  const visit = (value: unknown, depth: number): boolean => {
    if (--left < 0) reason = "its aliases repeat more than the text itself holds";
    else if (depth > MAX_DEPTH) reason = `nested deeper than ${MAX_DEPTH} levels`;
    else if (typeof value !== "object" || value === null) return true;
    else return Object.values(value).every((child) => visit(child, depth + 1));
    return false;
  };
  visit(value, 0);
  return reason;
}

interface Found {
  readonly objects: unknown[];
  readonly kinds: ReadonlySet<DocumentKind>;
}

/**
 * Adds what is found in a document; the reason when it is nothing that Kubernetes would take for an object.
 * @param listed the kind of a list's items, which they themselves may leave out
 */
function collect(value: unknown, found: Found, listed: DocumentKind | undefined): string | undefined {
  if (!isObject(value)) return NEITHER;
  const { apiVersion, kind, items } = value;
  if (listed !== undefined && apiVersion === undefined && kind === undefined) {
    if (found.kinds.has(listed)) {
      found.objects.push({ apiVersion: API_VERSIONS[listed], kind: listed, ...value });
    }
    return undefined;
  }
  if (typeof kind !== "string") return `${NEITHER}: no kind`;
  if (typeof apiVersion !== "string") return `${NEITHER}: no apiVersion`;
  if (isWanted(value, found.kinds)) {
    found.objects.push(value);
    return undefined;
  }
  // A kind cut short (`Lis`, `No`) is not another kind: every object has metadata, and only lists have items.
  const ofList = listedIn(value);
  if (ofList === undefined) {
    return isObject(value.metadata) && (items === undefined || kind.endsWith("List")) ? undefined : NEITHER;
  }
  if (items === null) return undefined;
  if (!Array.isArray(items)) return "a List without items";
  for (const item of items) {
    const reason = collect(item, found, ofList);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

/** Declared kinds of any API: of the operator's that has them too it is told that they are not read, and why. */
function isWanted({ apiVersion, kind }: Record<string, unknown>, kinds: ReadonlySet<DocumentKind>): boolean {
  const version = API_VERSIONS[kind as DocumentKind];
  return kinds.has(kind as DocumentKind) && (apiVersion === version || version === API_VERSION);
}

/** The kind of a list's items, where they leave it out; of a List: Node. undefined: it is no list that is read. */
function listedIn({ apiVersion, kind }: Record<string, unknown>): DocumentKind | undefined {
  if (apiVersion === "v1" && kind === "List") return "Node";
  const [listed] = Object.entries(API_VERSIONS).find(([of, version]) => {
    return kind === `${of}List` && apiVersion === version;
  }) ?? [];
  return listed as DocumentKind | undefined;
}

/** One whose items may be read on their own: they say their kind, or are Nodes. */
function isList(value: unknown): boolean {
  return isObject(value) && listedIn(value) === "Node";
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function refusal(text: string, start: number, fault: Fault): Refusal {
  const line = text.slice(0, start + fault.position).split("\n").length;
  // The parser's words may hold a piece of the text: one printable line of it is enough.
  return new Refusal(`line ${line}: ${fault.reason.replace(/[^ -~]/g, "?").slice(0, 120)}`);
}
