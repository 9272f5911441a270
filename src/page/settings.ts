import type { PageStorage } from "./page-storage.ts";

/** What a person may choose; undefined is the model's own default. */
export interface Settings {
  readonly system: string;
  readonly temperature?: number;
  readonly topP?: number;
  readonly topK?: number;
  readonly minP?: number;
  readonly repetitionPenalty?: number;
  readonly maxTokens?: number;
  readonly seed?: number;
}

export type NumberSetting = Exclude<keyof Settings, "system">;

export interface NumberField {
  readonly label: string;
  readonly hint: string;
  readonly min: number;
  readonly max: number;
  readonly step: number;
}

/** In the order in which they are shown. */
export const numberFields: Readonly<Record<NumberSetting, NumberField>> = {
  temperature: { label: "Temperature", hint: "0 takes the likeliest token", min: 0, max: 2, step: 0.05 },
  topP: { label: "Top-p", hint: "keeps the likeliest tokens of this share", min: 0.01, max: 1, step: 0.01 },
  topK: { label: "Top-k", hint: "keeps so many tokens; 0 keeps all", min: 0, max: 1000, step: 1 },
  minP: { label: "Min-p", hint: "drops what is this much less likely than the best", min: 0, max: 1, step: 0.01 },
  repetitionPenalty: { label: "Repetition penalty", hint: "1 is none", min: 0.5, max: 2, step: 0.05 },
  maxTokens: { label: "Most tokens", hint: "of one answer", min: 1, max: 1_000_000, step: 1 },
  seed: { label: "Seed", hint: "the same one gives the same answer", min: 0, max: 2 ** 31 - 1, step: 1 },
};

const key = "fewbit.settings";

export function loadSettings(storage: PageStorage): Settings {
  const found = (storage.read(key) ?? {}) as Partial<Record<string, unknown>>;
  const numbers: Partial<Record<string, number>> = {};
  for (const [name, { min, max }] of Object.entries(numberFields)) {
    const value = found[name];
    if (typeof value === "number" && value >= min && value <= max) numbers[name] = value;
  }
  return { ...numbers, system: typeof found.system === "string" ? found.system : "" };
}

export function saveSettings(storage: PageStorage, settings: Settings): void {
  storage.write(key, settings);
}
