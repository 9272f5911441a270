import { lexer, type MarkedToken, type Token, type Tokens } from "marked";
import { element } from "./element.ts";
import { copyButton } from "./icon-button.ts";

/**
 * Markdown as DOM nodes. The text comes from a model, and through it from whoever wrote what the model has read: HTML in it stays
 * visible text, links lead only to web and mail addresses, and nothing is loaded: an image is a link to it.
 */
export function renderMarkdown(text: string): readonly MarkdownBlock[] {
  return lexer(text).map((token) => ({ raw: token.raw, nodes: block(token as MarkedToken) }));
}

export interface MarkdownBlock {
  /** Its part of the text: put together, those of all blocks are the text. */
  readonly raw: string;
  readonly nodes: readonly Node[];
}

function blocks(tokens: readonly Token[]): readonly Node[] {
  return tokens.flatMap((token) => block(token as MarkedToken));
}

function block(token: MarkedToken): readonly Node[] {
  switch (token.type) {
    case "space":
    case "def":
      return [];
    case "heading":
      // The page itself has the first heading.
      return [element(headings[Math.min(token.depth, headings.length) - 1], {}, ...inlines(token.tokens))];
    case "paragraph":
      return [element("p", {}, ...inlines(token.tokens))];
    case "code":
      return [codeBlock(token)];
    case "blockquote":
      return [element("blockquote", {}, ...blocks(token.tokens))];
    case "list":
      return [list(token)];
    case "table":
      return [table(token)];
    case "hr":
      return [element("hr")];
    case "text":
      return token.tokens === undefined ? [plain(token.text)] : inlines(token.tokens);
    default:
      return inline(token);
  }
}

const headings = ["h3", "h4", "h5", "h6"] as const;

function inlines(tokens: readonly Token[]): readonly Node[] {
  return tokens.flatMap((token) => inline(token as MarkedToken));
}

function inline(token: MarkedToken): readonly Node[] {
  switch (token.type) {
    case "strong":
      return [element("strong", {}, ...inlines(token.tokens))];
    case "em":
      return [element("em", {}, ...inlines(token.tokens))];
    case "del":
      return [element("del", {}, ...inlines(token.tokens))];
    case "codespan":
      return [element("code", {}, plain(token.text))];
    case "br":
      return [element("br")];
    case "link":
      return [link(token.href, inlines(token.tokens))];
    case "image":
      return [link(token.href, [document.createTextNode(token.text === "" ? token.href : token.text)])];
    case "checkbox":
      return [];
    case "text":
    case "escape":
      return [plain(token.text)];
    default:
      return [document.createTextNode(token.raw)];
  }
}

function plain(text: string): Text {
  return document.createTextNode(text);
}

function link(href: string, children: readonly Node[]): Node {
  if (!URL.canParse(href)) return element("span", {}, ...children);
  const url = new URL(href);
  if (!["http:", "https:", "mailto:"].includes(url.protocol)) return element("span", {}, ...children);
  return element("a", { href: url.href, target: "_blank", rel: "noopener noreferrer" }, ...children);
}

function codeBlock({ lang, text }: Tokens.Code): HTMLElement {
  const name = lang?.split(/\s/, 1)[0] ?? "";
  const bar = element(
    "figcaption",
    {},
    element("span", {}, name),
    copyButton("Copy code", () => text),
  );
  // Wide code scrolls by itself: whoever uses keys alone has to reach it.
  return element("figure", { class: "code" }, bar, element("pre", { tabindex: 0 }, element("code", {}, text)));
}

function list({ ordered, start, items }: Tokens.List): HTMLElement {
  const entries = items.map(({ task, checked, tokens }) => {
    const box = task && element("input", { type: "checkbox", disabled: true, checked: checked === true });
    return element("li", { class: task ? "task" : undefined }, box, ...blocks(tokens));
  });
  if (!ordered) return element("ul", {}, ...entries);
  return element("ol", { start: start === "" || start === 1 ? undefined : start }, ...entries);
}

function table({ header, rows }: Tokens.Table): HTMLElement {
  const row = (cells: readonly Tokens.TableCell[], name: "td" | "th"): HTMLElement =>
    element(
      "tr",
      {},
      ...cells.map(({ align, tokens }) => element(name, { class: align ?? undefined }, ...inlines(tokens))),
    );
  const body = element("tbody", {}, ...rows.map((cells) => row(cells, "td")));
  const whole = element("table", {}, element("thead", {}, row(header, "th")), body);
  return element("div", { class: "table", tabindex: 0 }, whole);
}
