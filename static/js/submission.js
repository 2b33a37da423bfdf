// One submission at a time: the button is busy until the request has ended.

import { $, $$, on } from "./dom.js";

const busy = new WeakMap();

const markBusy = (element, button) => {
  busy.set(element, button);
  button?.setAttribute("aria-busy", "true");
  button?.setAttribute("aria-disabled", "true");
};

const clearBusy = (element) => {
  const button = busy.get(element);
  busy.delete(element);
  button?.removeAttribute("aria-busy");
  button?.removeAttribute("aria-disabled");
};

on("submit", (event) => {
  const form = event.target;
  if (busy.has(form)) { event.preventDefault(); event.stopImmediatePropagation(); return; }
  delete form.dataset.dirty;
  const usesHtmx = form.matches("[hx-post], [hx-put], [hx-patch], [hx-delete], [hx-get]");
  if (!usesHtmx && form.method !== "dialog" && form.target !== "_blank") {
    const button = event.submitter ?? $("[type=submit], button:not([type])", form);
    setTimeout(() => { if (!event.defaultPrevented) markBusy(form, button); });
  }
}, true);

on("click", (event) => {
  if (event.target instanceof Element && event.target.closest('[aria-busy="true"], [aria-disabled="true"]')) {
    event.preventDefault();
    event.stopImmediatePropagation();
  }
}, true);

// Enter in a choice sends a form marked data-enter, as in a line of text; so does Enter in the patient already chosen.
// Ctrl+Enter sends what is open from anywhere in it.
const chosenFor = (input) => {
  const store = input.matches?.("[data-combo] [role=combobox]") && $("[data-combo-value]", input.closest("[data-combo]"));
  return store?.value ? store.form : null;
};

on("keydown", (event) => {
  if (event.key !== "Enter" || event.defaultPrevented || event.isComposing) return;
  const { target } = event;
  if (event.ctrlKey || event.metaKey) {
    const button = $(".btn-primary:is([type=submit], button:not([type]))", target.closest?.("#dialog, #panel, main") ?? document);
    if (button) { event.preventDefault(); button.click(); }
    return;
  }
  const form = target.matches?.("select") ? target.form : chosenFor(target);
  if (form?.matches("[data-enter]")) { event.preventDefault(); form.requestSubmit(); }
});

on("htmx:before:request", (event) => {
  const { sourceElement: source, request } = event.detail.ctx;
  if (request.method === "GET") return;
  markBusy(source, request.submitter ?? (source.matches("button") ? source : $("[type=submit], button:not([type])", source)));
});

on("htmx:finally:request", (event) => clearBusy(event.detail.ctx.sourceElement));

addEventListener("pageshow", () => $$("form").forEach(clearBusy));
