// Short messages at the edge of the page. Kinds: success, error, warning, info.

import { $, $$, isBackground, on, text } from "./dom.js";

const TOAST_MS = 6000;
const timers = new WeakMap();

const startToast = (toast) => {
  clearTimeout(timers.get(toast));
  timers.set(toast, setTimeout(() => toast.remove(), Number(toast.dataset.toast) || TOAST_MS));
};

// What an older one said about the same visit is no longer so, nor what it would undo.
const replaceOlder = (area, toast) => {
  const { about } = toast.dataset;
  if (about) $$("[data-about]", area).filter((other) => other !== toast && other.dataset.about === about).forEach((other) => other.remove());
};

const watchToasts = () => {
  const area = $("#toasts");
  if (!area) return;
  $$("[data-toast]", area).forEach(startToast);
  new MutationObserver((changes) => {
    for (const change of changes) for (const node of change.addedNodes) {
      if (node instanceof Element && node.matches("[data-toast]")) { startToast(node); replaceOlder(area, node); }
    }
    while (area.childElementCount > 3) area.firstElementChild.remove();
  }).observe(area, { childList: true });
  for (const name of ["pointerenter", "focusin"]) {
    area.addEventListener(name, () => $$("[data-toast]", area).forEach((toast) => clearTimeout(timers.get(toast))), true);
  }
  for (const name of ["pointerleave", "focusout"]) {
    area.addEventListener(name, () => { if (!area.matches(":hover, :focus-within")) $$("[data-toast]", area).forEach(startToast); }, true);
  }
};

export const say = (message, kind = "info", about = "") => {
  const toast = $("#toast-template")?.content.firstElementChild.cloneNode(true);
  if (!toast || !message) return;
  toast.classList.add(`toast-${kind}`);
  $("p", toast).textContent = message;
  if (about) toast.dataset.about = about;
  $("#toasts").append(toast);
};

on("click", (event) => event.target.closest?.("[data-toast-close]")?.closest("[data-toast]").remove());
on("toast", (event) => say(event.detail.text ?? event.detail.value, event.detail.kind));
on("submit", (event) => { const toast = event.target.closest?.("[data-toast]"); if (toast) setTimeout(() => toast.remove()); });

// Answers of 5xx are not swapped: what was typed stays, and one sentence says so.
on("htmx:response:error", (event) => {
  const { ctx } = event.detail;
  if (ctx.response.status >= 500 && !isBackground(ctx)) say(text("error"), "error");
});
on("htmx:error", (event) => {
  const { ctx, error } = event.detail;
  if (ctx && error?.name !== "AbortError" && !isBackground(ctx)) say(text("offline"), "error");
});

watchToasts();
