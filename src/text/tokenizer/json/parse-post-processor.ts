import { FormatError } from "../../../util/errors.ts";
import { quote } from "../../../util/quote.ts";
import type { PostProcessor, TemplateProcessing } from "../post-processors/post-processor.ts";
import { maxVocabSize } from "../vocabulary.ts";
import { Fields } from "./fields.ts";
import { parseList } from "./parse-list.ts";

/** What a template may have; real ones have three parts. */
const maxParts = 64;
const maxIdsOfPart = 64;

/** Throws UnsupportedError for an unknown kind. */
export function parsePostProcessor(fields: Fields): PostProcessor {
  const type = fields.type(["TemplateProcessing", "BertProcessing", "RobertaProcessing", "ByteLevel", "Sequence"]);
  switch (type) {
    case "TemplateProcessing":
      return parseTemplate(fields);
    case "BertProcessing":
    case "RobertaProcessing": // "<s> A </s>"; for pairs, which we do not take, they differ
      return { type: "TemplateProcessing", parts: [idOfPair(fields, "cls"), "text", idOfPair(fields, "sep")] };
    case "ByteLevel":
      return { type: "Sequence", processors: [] }; // only moves offsets
    case "Sequence":
      return { type, processors: parseList(fields, "processors", parsePostProcessor) };
  }
}

function parseTemplate(fields: Fields): TemplateProcessing {
  const special = new Fields(fields.value("special_tokens"), `${fields.where}.special_tokens`);
  const parts = fields.list("single", maxParts).flatMap((value, index): readonly (number | "text")[] => {
    const part = new Fields(value, `${fields.where}.single[${index}]`);
    if (part.has("SpecialToken")) return idsOf(special, nameOf(part, "SpecialToken"));
    const sequence = nameOf(part, "Sequence");
    if (sequence !== "A") throw new FormatError(`${part.where} puts in sequence ${quote(sequence)}; there is only "A"`);
    return ["text"];
  });
  const textCount = parts.filter((part) => part === "text").length;
  if (textCount !== 1) throw new FormatError(`${fields.where}.single has the text ${textCount} times, not once`);
  return { type: "TemplateProcessing", parts };
}

function nameOf(part: Fields, kind: "SpecialToken" | "Sequence"): string {
  return new Fields(part.value(kind), `${part.where}.${kind}`).text("id");
}

function idsOf(special: Fields, name: string): readonly number[] {
  if (!special.has(name)) throw new FormatError(`${special.where} lacks ${quote(name)}, which the template puts in`);
  const ids = new Fields(special.value(name), `${special.where}.${quote(name)}`).list("ids", maxIdsOfPart);
  return ids.map((id) => checkId(id, special.where));
}

/** `["[CLS]", 101]` */
function idOfPair(fields: Fields, name: string): number {
  return checkId(fields.list(name, 2)[1], `${fields.where}.${name}`);
}

function checkId(id: unknown, where: string): number {
  if (typeof id === "number" && Number.isInteger(id) && id >= 0 && id < maxVocabSize) return id;
  throw new FormatError(`${where} holds ${JSON.stringify(id) ?? "nothing"} where an id must stand`);
}
