// The expression that gives this node's pod CIDRs: loaded and checked before anything is touched, followed when its file
// changes. What it gives is decided in core/expression.

import { compileExpression, type Expression } from "../core/expression/expression.ts";
import type { Interfaces } from "../core/expression/interfaces.ts";
import { seenText } from "../core/expression/seen.ts";
import type { CelLibrary } from "../core/expression/cel_library.ts";
import type { Prefix } from "../core/net/prefix.ts";
import { Refusal, refused } from "../core/net/refusal.ts";
import type { NodeMetadata } from "../core/nodes/node.ts";
import {
  expressionFamilies,
  type GivenSettings,
  MAX_EXPRESSION,
  SETTINGS,
} from "../core/settings/settings.ts";
import { readText } from "./files.ts";
import { readInterfaces } from "./read_facts.ts";

/** The agent cannot start with this. Nothing was changed, and to try again is up to who started it. */
export class CannotStart extends Error {}

/** What the last reading gave. */
interface Given {
  readonly prefixes: readonly Prefix[];
  /** Why the prefixes are older than what was read; undefined: they are not. */
  readonly trouble: string | undefined;
}

const MAX_BYTES = 4 * MAX_EXPRESSION;
const OF_NODE = /\bnode\b/;

/** The expression of the settings. */
export class PodCidrExpression {
  readonly #settings: GivenSettings;
  readonly #cel: CelLibrary;
  #text: string | undefined;
  #expression: Expression | Refusal = new Refusal("it was not read yet");

  private constructor(settings: GivenSettings, cel: CelLibrary) {
    this.#settings = settings;
    this.#cel = cel;
  }

  /**
   * Loads the library, reads the expression and checks its types.
   * @returns undefined when no setting asks for one: the library stays where it is
   * @throws CannotStart when it is none
   */
  static async load(settings: GivenSettings): Promise<PodCidrExpression | undefined> {
    if (expressionFamilies(settings).length === 0) return undefined;
    const cel = await import("@marcbachmann/cel-js") as unknown as CelLibrary;
    const loaded = new PodCidrExpression(settings, cel);
    const read = await loaded.#follow();
    const refusal = refused(read) ? read : loaded.#expression;
    if (refused(refusal)) {
      const interfaces = await readInterfaces(settings).catch(() => new Map());
      throw new CannotStart(`${loaded.name}: ${refusal.reason}; ${seenText({ interfaces })}`);
    }
    return loaded;
  }

  /**
   * Tries it, if it asks for nothing of our Node, which is not known as early as this.
   * @throws CannotStart when it gives no pod CIDRs
   */
  async requireGood(): Promise<void> {
    if (this.#isOfNode) return;
    const node = { name: this.#settings.nodeName, labels: {}, annotations: {} };
    await this.read({ interfaces: await readInterfaces(this.#settings), node }, []);
  }

  get #isOfNode(): boolean {
    return OF_NODE.test(this.#text ?? "");
  }

  /** Where it stands, for messages. */
  get name(): string {
    const { podCidrExpressionPath: path } = this.#settings;
    return path === "" ? SETTINGS.podCidrExpression.env : `${SETTINGS.podCidrExpressionPath.env} ${path}`;
  }

  /**
   * Reads and evaluates.
   * @param last what it gave before: it stays when nothing good comes of this time
   * @throws CannotStart when nothing good comes of it and there is nothing before
   */
  async read(
    { interfaces, node }: { readonly interfaces: Interfaces; readonly node: NodeMetadata },
    last: readonly Prefix[],
  ): Promise<Given> {
    const read = await this.#follow();
    const families = expressionFamilies(this.#settings);
    const result = refused(this.#expression)
      ? this.#expression
      : this.#expression({ interfaces, node, families });
    const reason = refused(read) ? read.reason : refused(result) ? result.reason : undefined;
    if (!refused(result)) {
      return { prefixes: result, trouble: reason && `${reason}; the expression before stays in force` };
    }
    const seen = seenText({ interfaces, ...(this.#isOfNode ? { node } : {}) });
    if (last.length === 0) throw new CannotStart(`${this.name}: ${reason}; ${seen}`);
    return { prefixes: last, trouble: `${reason}; its last CIDRs are kept; ${seen}` };
  }

  /** Takes in the text; a Refusal when that is worse than what is there, which stays then. */
  async #follow(): Promise<Refusal | undefined> {
    const text = await this.#readText();
    if (refused(text)) return text;
    if (text === this.#text) return undefined;
    const expression = compileExpression(this.#cel, text);
    if (refused(expression) && !refused(this.#expression)) return expression;
    this.#text = text;
    this.#expression = expression;
    return undefined;
  }

  async #readText(): Promise<string | Refusal> {
    const { podCidrExpressionPath: path, podCidrExpression } = this.#settings;
    if (path === "") return podCidrExpression;
    try {
      if ((await Deno.stat(path)).size > MAX_BYTES) {
        return new Refusal(`the file is larger than ${MAX_BYTES} bytes`);
      }
      return await readText(path) ?? new Refusal("the file does not exist");
    } catch (error) {
      return new Refusal(
        error instanceof Deno.errors.NotFound ? "the file does not exist" : (error as Error).message,
      );
    }
  }
}
