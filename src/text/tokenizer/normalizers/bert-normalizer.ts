import { lowercase } from "./lowercase.ts";

/** What BERT does before it splits; all in this order. */
export interface BertNormalizer {
  readonly type: "BertNormalizer";
  /** Control characters go, white space becomes plain spaces. */
  readonly cleansText: boolean;
  /** Ideographs are set between spaces. */
  readonly spacesIdeographs: boolean;
  readonly stripsAccents: boolean;
  readonly lowercases: boolean;
}

/** What goes as a control character: neither tab and line ends, nor what Unicode has not assigned. */
const control = /(?![\t\n\r])[\p{Cc}\p{Cf}\p{Co}\uFFFD]/gu;
/** The blocks of BERT's first implementation, which are older than some extensions. */
const ideograph =
  /[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b920}-\u{2ceaf}\u{2f800}-\u{2fa1f}]/gu;

export function createBertNormalizer(options: BertNormalizer): (text: string) => string {
  return (given) => {
    let text = given;
    if (options.cleansText) text = text.replace(control, "").replace(/\p{White_Space}/gu, " ");
    if (options.spacesIdeographs) text = text.replace(ideograph, " $& ");
    if (options.stripsAccents) text = text.normalize("NFD").replace(/\p{Mn}/gu, "");
    return options.lowercases ? lowercase(text) : text;
  };
}
