import { element } from "./element.ts";
import { renderMarkdown, type MarkdownBlock } from "./render-markdown.ts";

/**
 * Markdown that may grow. Blocks that are over keep their nodes, and with them what is selected in them and how far code was scrolled; they are
 * not read again, so that a piece of a long answer costs no more than one of a short one.
 */
export class MarkdownView {
  readonly node = element("div", { class: "markdown" });
  /** A block is over when another one has begun behind it. What is defined for links further down changes it no more. */
  #settled: readonly MarkdownBlock[] = [];
  #growing: readonly MarkdownBlock[] = [];

  show(given: string): void {
    const text = given.replaceAll(/\r\n?/g, "\n"); // as the parser has it
    const before = this.#settled.map(({ raw }) => raw).join("");
    const isLonger = text.startsWith(before);
    if (!isLonger) this.#drop(this.#settled);
    this.#drop(this.#growing);
    const settled = isLonger ? this.#settled : [];
    const added = blocksOf(isLonger ? text.slice(before.length) : text);
    this.node.append(...added.flatMap(({ nodes }) => nodes));
    const last = added.findLastIndex(({ nodes }) => nodes.length > 0);
    this.#settled = [...settled, ...added.slice(0, Math.max(0, last))];
    this.#growing = added.slice(Math.max(0, last));
  }

  #drop(blocks: readonly MarkdownBlock[]): void {
    for (const { nodes } of blocks) for (const node of nodes) (node as ChildNode).remove();
  }
}

/** A text too deeply nested for the parser's stack is shown as it is. */
function blocksOf(text: string): readonly MarkdownBlock[] {
  try {
    return renderMarkdown(text);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return [{ raw: text, nodes: [element("p", { class: "as-typed" }, text)] }];
  }
}
