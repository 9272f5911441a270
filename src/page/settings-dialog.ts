import type { ServedModel } from "./chat-api.ts";
import { element } from "./element.ts";
import { iconButton } from "./icon-button.ts";
import { numberFields, type NumberSetting, type Settings } from "./settings.ts";
import { themes, type Theme } from "./theme.ts";

export interface SettingsDialogEvents {
  readonly onSettings: (settings: Settings) => void;
  readonly onTheme: (theme: Theme) => void;
  readonly onKey: (key: string) => void;
}

interface SettingsDialogState {
  readonly settings: Settings;
  readonly theme: Theme;
  readonly key: string;
  readonly model: ServedModel | undefined;
}

/** Fills the dialog and opens it. A change counts from the next message on. */
export function openSettingsDialog(
  dialog: HTMLDialogElement,
  { settings, theme, key, model }: SettingsDialogState,
  { onSettings, onTheme, onKey }: SettingsDialogEvents,
): void {
  let current = settings;
  const change = (part: Partial<Settings>): void => {
    current = { ...current, ...part };
    onSettings(current);
  };
  const system = element("textarea", {
    rows: 3,
    placeholder: "Empty: the model's own",
    input: ({ target }) => change({ system: (target as HTMLTextAreaElement).value }),
  });
  system.value = settings.system;
  const numbers = (Object.keys(numberFields) as NumberSetting[]).map((name) =>
    numberRow(name, settings[name], (value) => change({ [name]: value })),
  );
  const look = element("select", { change: ({ target }) => onTheme((target as HTMLSelectElement).value as Theme) });
  look.append(...themes.map((name) => element("option", { value: name, selected: name === theme }, themeLabels[name])));
  const keyField = element("input", {
    type: "password",
    autocomplete: "off",
    placeholder: "none",
    input: ({ target }) => onKey((target as HTMLInputElement).value.trim()),
  });
  keyField.value = key;

  const close = iconButton("check", "Close settings", () => dialog.close());
  const form = element(
    "form",
    { method: "dialog" },
    element("header", {}, element("h2", {}, "Settings"), close),
    labelled("System prompt", system),
    element("div", { class: "numbers" }, ...numbers, labelled("Look", look), labelled("API key", keyField)),
    model && modelFacts(model),
  );
  dialog.replaceChildren(form);
  dialog.showModal();
}

const themeLabels: Readonly<Record<Theme, string>> = { auto: "As the system", light: "Light", dark: "Dark" };

function labelled(label: string, control: HTMLElement): HTMLElement {
  return element("label", {}, element("span", {}, label), control);
}

function numberRow(
  name: NumberSetting,
  value: number | undefined,
  onChange: (value: number | undefined) => void,
): HTMLElement {
  const { label, hint, min, max, step } = numberFields[name];
  const field = element("input", {
    type: "number",
    inputmode: "decimal",
    placeholder: "default",
    title: hint,
    min,
    max,
    step,
    input: () => {
      if (field.value === "" && !field.validity.badInput) onChange(undefined);
      else if (!field.validity.badInput && field.valueAsNumber >= min && field.valueAsNumber <= max)
        onChange(field.valueAsNumber);
    },
  });
  field.value = value === undefined ? "" : String(value);
  return element("label", {}, element("span", {}, label), field, element("small", {}, hint));
}

function modelFacts({ id, facts }: ServedModel): HTMLElement {
  const rows = Object.entries(facts).flatMap(([name, value]) => [
    element("dt", {}, name),
    element("dd", {}, typeof value === "number" ? value.toLocaleString("en") : value),
  ]);
  return element("section", { class: "model" }, element("h3", {}, id), element("dl", {}, ...rows));
}
