/** Puts special tokens around the ids of a text. The kinds and their names are those of tokenizer.json. */
export type PostProcessor = TemplateProcessing | PostProcessorSequence;

/** What BertProcessing and RobertaProcessing of tokenizer.json are too; those that only move offsets are left out. */
export interface TemplateProcessing {
  readonly type: "TemplateProcessing";
  /** In order: ids of special tokens, and "text" for those of the text. */
  readonly parts: readonly (number | "text")[];
}

export interface PostProcessorSequence {
  readonly type: "Sequence";
  readonly processors: readonly PostProcessor[];
}

export type PostProcess = (ids: number[]) => number[];

export function createPostProcess(processor: PostProcessor): PostProcess {
  switch (processor.type) {
    case "TemplateProcessing":
      return (ids) => processor.parts.flatMap((part) => (part === "text" ? ids : part));
    case "Sequence": {
      const steps = processor.processors.map(createPostProcess);
      return (ids) => steps.reduce((processed, step) => step(processed), ids);
    }
  }
}
