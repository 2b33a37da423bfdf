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

on("htmx:before:request", (event) => {
  const { sourceElement: source, request } = event.detail.ctx;
  if (request.method === "GET") return;
  markBusy(source, request.submitter ?? (source.matches("button") ? source : $("[type=submit], button:not([type])", source)));
});

on("htmx:finally:request", (event) => clearBusy(event.detail.ctx.sourceElement));

addEventListener("pageshow", () => $$("form").forEach(clearBusy));
