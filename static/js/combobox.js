// A search list: input[role=combobox] and [role=listbox] inside [data-combo].

import { $, $$, on } from "./dom.js";

const comboParts = (input) => {
  const box = input.closest("[data-combo]");
  const list = box && $("[role=listbox]", box);
  return list ? { box, list, options: $$("[role=option]", list) } : null;
};

const closeCombo = (input) => {
  comboParts(input)?.list.replaceChildren();
  input.setAttribute("aria-expanded", "false");
  input.removeAttribute("aria-activedescendant");
};

// After the choice the work goes on at the control that its form names.
const goOn = (store) => store?.form && $("[data-after-choice]", store.form)?.focus();

const pick = (input, option) => {
  const link = option.querySelector("a[href]") ?? (option.matches("a[href]") ? option : null);
  if (link) { link.click(); return; }
  const store = $("[data-combo-value]", input.closest("[data-combo]"));
  if (store) {
    store.value = option.dataset.value ?? "";
    store.dispatchEvent(new Event("change", { bubbles: true }));
  }
  input.value = option.dataset.text ?? option.textContent.trim();
  closeCombo(input);
  goOn(store);
};

on("keydown", (event) => {
  const input = event.target;
  if (!input.matches?.("[data-combo] [role=combobox]")) return;
  const { list, options } = comboParts(input);
  const at = options.findIndex((option) => option.getAttribute("aria-selected") === "true");
  if (event.key === "Escape" && options.length) { event.preventDefault(); closeCombo(input); return; }
  if (event.key === "Enter" && options.length) {
    event.preventDefault();
    pick(input, options[Math.max(at, 0)]);
    return;
  }
  if (!["ArrowDown", "ArrowUp"].includes(event.key) || !options.length) return;
  event.preventDefault();
  const next = (at + (event.key === "ArrowDown" ? 1 : -1) + options.length) % options.length;
  options.forEach((option, index) => option.setAttribute("aria-selected", String(index === next)));
  options[next].id ||= `${list.id}-${next}`;
  input.setAttribute("aria-activedescendant", options[next].id);
  options[next].scrollIntoView({ block: "nearest" });
});

on("input", (event) => {
  if (!event.target.matches?.("[data-combo] [role=combobox]")) return;
  const store = $("[data-combo-value]", event.target.closest("[data-combo]"));
  if (store) store.value = "";
});

on("click", (event) => {
  const option = event.target.closest?.("[data-combo] [role=option]");
  if (option && !event.target.closest("a[href]")) pick($("[role=combobox]", option.closest("[data-combo]")), option);
  $$("[data-combo] [role=combobox][aria-expanded=true]").forEach((input) => {
    if (!input.closest("[data-combo]").contains(event.target)) closeCombo(input);
  });
});

on("htmx:after:settle", (event) => {
  if (event.target.matches?.("[data-chosen]")) goOn($("[data-combo-value]", event.target));
  const list = event.target.closest?.("[data-combo] [role=listbox]");
  if (list) $("[role=combobox]", list.closest("[data-combo]")).setAttribute("aria-expanded", String(!!list.childElementCount));
});
