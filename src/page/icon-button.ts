import { element } from "./element.ts";
import { icon, type IconName } from "./icon.ts";

/** A button that shows a drawing; `label` is what it is called by assistive software, and its tooltip. */
export function iconButton(name: IconName, label: string, onClick: () => void): HTMLButtonElement {
  const attributes = { type: "button", class: "icon-button", "aria-label": label, title: label, click: onClick };
  return element("button", attributes, icon(name));
}

/** A button that puts `text()` on the clipboard, and shows for a moment that it has. */
export function copyButton(label: string, text: () => string): HTMLButtonElement {
  const button = iconButton("copy", label, () => {
    copy(text()).then(
      () => show("check", "Copied"),
      () => show("copy", "The browser does not let this page copy"),
    );
  });
  const show = (name: IconName, title: string): void => {
    button.replaceChildren(icon(name));
    button.title = title;
    setTimeout(() => {
      button.replaceChildren(icon("copy"));
      button.title = label;
    }, 1500);
  };
  return button;
}

/** Pages of another host over plain HTTP have no `navigator.clipboard`: a selection and the old command work there. */
async function copy(text: string): Promise<void> {
  if (navigator.clipboard !== undefined) return navigator.clipboard.writeText(text);
  const area = element("textarea", { class: "off-screen", "aria-hidden": "true" });
  area.value = text;
  document.body.append(area);
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  if (!copied) throw new Error("the browser refused to copy");
}
