import type { PageStorage } from "./page-storage.ts";

/** `auto` follows the system. */
export const themes = ["auto", "light", "dark"] as const;
export type Theme = (typeof themes)[number];

const key = "fewbit.theme";

export function loadTheme(storage: PageStorage): Theme {
  const found = storage.read(key);
  return themes.find((theme) => theme === found) ?? "auto";
}

/** Shows it from now on, here and in pages to come. */
export function applyTheme(storage: PageStorage, theme: Theme): void {
  document.documentElement.dataset.theme = theme;
  storage.write(key, theme);
}
