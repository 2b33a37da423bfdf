// Keyboard shortcuts, declared where they act:
//   data-key="l"         on a control inside a [data-card]: pressed for the card with the focus,
//                        else the selected one, else the one under the pointer
//   data-key-global="/"  anywhere: a field gets the focus, a control is pressed
//   data-key-label="…"   the words for the list, where the control's own text does not serve
// "?" opens the list. The cookie keys=off switches them off (WCAG 2.1.4); Esc and arrows stay.

import { openDialog } from "./dialog.js";
import { $, $$, on, text } from "./dom.js";
import { say } from "./toasts.js";

const enabled = () => !/(?:^|; )keys=off/.test(document.cookie);

const typing = (target) =>
  target.isContentEditable || target.matches?.("textarea, select, input:not([type=checkbox], [type=radio], [type=button], [type=submit])");

const shown = (element) => element.checkVisibility?.() ?? true;
const usable = (element) => !element.matches(':disabled, [aria-disabled="true"], [aria-busy="true"]');

const card = () =>
  document.activeElement?.closest("[data-card]")
  ?? $("[data-card][data-selected]")
  ?? $("[data-card]:hover");

const press = (element) => {
  if (element.matches("input, textarea, select")) { element.focus(); element.select?.(); } else element.click();
};

on("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.repeat || typing(event.target) || !enabled()) return;
  if ($("dialog[open]")) return;
  const key = event.key.toLowerCase();
  const wanted = (name) => `[${name}="${CSS.escape(key)}"]`;
  const inCard = card() && $$(wanted("data-key"), card()).find(usable);
  const inPanel = !inCard && $$(`#panel ${wanted("data-key")}`).find((element) => usable(element) && shown(element));
  const anywhere = $$(wanted("data-key-global")).find((element) => usable(element) && (shown(element) || element.matches("[data-keys-help]")));
  const element = inCard || inPanel || anywhere;
  if (!element) { refuse(key); return; }
  event.preventDefault();
  if (element.matches("[data-keys-help]")) openHelp(); else press(element);
});

// A step that the card does not offer now: which, why, and which ones it does.
const refuse = (key) => {
  const step = JSON.parse($("#board[data-steps]")?.dataset.steps ?? "{}")[key];
  const here = step && card();
  if (!here) return;
  const possible = $$("[data-key]", here).filter(usable).map((element) => `${label(element)} (${element.dataset.key.toUpperCase()})`);
  const words = { step, state: $(".visit-icon", here).getAttribute("aria-label"), steps: [...new Set(possible)].join(", ") };
  const sentence = text(possible.length ? "refused" : "refusedAll");
  say(sentence.replace(/%\((\w+)\)s/g, (_, name) => words[name]), "info", "key");
};

on("click", (event) => {
  if (event.target.closest?.("[data-keys-help]")) {
    event.target.closest("[popover]")?.hidePopover?.();
    openHelp();
  }
});

on("change", (event) => {
  if (!event.target.matches?.("[data-keys-switch]")) return;
  document.cookie = event.target.checked
    ? "keys=; path=/; max-age=0; samesite=lax"
    : "keys=off; path=/; max-age=31536000; samesite=lax";
});

const label = (element) => {
  if (element.dataset.keyLabel) return element.dataset.keyLabel;
  const copy = element.cloneNode(true);
  copy.querySelectorAll?.("kbd, svg").forEach((node) => node.remove());
  return element.getAttribute("aria-label") || copy.textContent.trim() || element.placeholder || element.title;
};

function openHelp() {
  const dialog = $("#dialog");
  const template = $("#keys-template");
  if (!dialog || !template || dialog.open) return;
  const content = template.content.cloneNode(true);
  fill(content.querySelector("[data-keys-card]"), "data-key");
  fill(content.querySelector("[data-keys-global]"), "data-key-global");
  content.querySelector("[data-keys-switch]").checked = enabled();
  $("#dialog-body").replaceChildren(content);
  openDialog();
}

function fill(section, attribute) {
  const seen = new Map();
  for (const element of $$(`[${attribute}]`)) {
    const key = element.getAttribute(attribute);
    if (!seen.has(key)) seen.set(key, label(element));
  }
  const list = section.querySelector("dl");
  for (const [key, words] of [...seen].sort()) {
    const term = document.createElement("dt");
    const mark = document.createElement("kbd");
    mark.textContent = key.toUpperCase();
    term.append(mark);
    const meaning = document.createElement("dd");
    meaning.textContent = words;
    list.append(term, meaning);
  }
  section.hidden = !seen.size;
}
