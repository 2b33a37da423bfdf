// The dialog and the side panel: what opens them, and where the focus returns.

import { $, $$, on, text } from "./dom.js";

const openers = { dialog: null, panel: null };

const remember = (which, element) => { if (element) openers[which] = { element, id: element.id }; };

const giveFocusBack = (which) => {
  const opener = openers[which];
  openers[which] = null;
  if (!opener) return;
  const target = opener.element.closest("#finder") ? $("#finder-text")
    : opener.element.isConnected ? opener.element : document.getElementById(opener.id || "-");
  target?.focus({ preventScroll: true });
};

const isDirty = (root) => !!$("form[data-dirty]", root);

const closeDialog = () => { const dialog = $("#dialog"); if (dialog?.open) dialog.close(); };

// The address names the ticket that the panel collects, so that the panel survives a reload.
const setAddress = (ticket) => {
  const address = new URL(location.href);
  if (ticket === address.searchParams.get("cobrar")) return;
  if (ticket) address.searchParams.set("cobrar", ticket);
  else address.searchParams.delete("cobrar");
  history.replaceState(history.state, "", address);
};

const closePanel = () => {
  const panel = $("#panel");
  if (!panel?.childElementCount) return;
  panel.replaceChildren();
  setAddress(null);
  $$("[data-card][data-selected]").forEach((card) => card.removeAttribute("data-selected"));
  giveFocusBack("panel");
};

// Everything outside a modal dialog is inert, toasts too: while it is open they live inside it.
const showDialog = (dialog) => {
  dialog.showModal();
  dialog.append($("#toasts"));
};

export const openDialog = (opener = document.activeElement) => {
  const dialog = $("#dialog");
  if (!dialog || dialog.open) return;
  remember("dialog", opener);
  showDialog(dialog);
};

on("htmx:before:request", (event) => {
  const { sourceElement, target } = event.detail.ctx;
  if (target?.id === "dialog-body" && !$("#dialog").open) remember("dialog", sourceElement);
  if (target?.id === "panel" && !$("#panel").contains(sourceElement)) {
    const card = sourceElement.closest("[data-card]");
    remember("panel", card ?? sourceElement);
  }
});

on("htmx:after:settle", (event) => {
  const target = event.target;
  if (target.id === "dialog-body" && target.childElementCount) {
    const dialog = $("#dialog");
    if (!dialog.open) showDialog(dialog);
    const wanted = $("[autofocus]", target) ?? $("input:not([type=hidden]), select, textarea", target);
    (wanted ?? $(".btn-primary", target) ?? $("#dialog-title", target))?.focus();
  }
  if (target.id === "panel") {
    setAddress($("form[data-collect]", target)?.action.match(/\/tickets\/(\d+)\/payments$/)?.[1] ?? null);
    const card = openers.panel?.element.closest?.("[data-card]");
    $$("[data-card][data-selected]").forEach((other) => other.removeAttribute("data-selected"));
    if (target.childElementCount) {
      card?.setAttribute("data-selected", "");
      const wanted = $("[autofocus]", target) ?? $("[data-panel-title]", target);
      wanted?.focus({ preventScroll: true });
      wanted?.select?.();
    }
  }
});

// What a change put on the page gets the focus, as soon as a refresh has brought it and nobody went on meanwhile.
const AWAIT_MS = 5000;
let awaited = null;

const focusAwaited = () => {
  if (!awaited || $("#dialog")?.open) return;
  const element = awaited.ids.map((id) => document.getElementById(id)).find(Boolean);
  if (!element && performance.now() < awaited.until) return;
  awaited = null;
  (element?.matches("[tabindex]") ? element : element && $("a[href]", element))?.focus();
};

on("focus:on", (event) => { awaited = { ids: event.detail.ids, until: performance.now() + AWAIT_MS }; setTimeout(focusAwaited); });
on("htmx:after:settle", focusAwaited);
for (const name of ["keydown", "pointerdown"]) on(name, () => { awaited = null; }, true);

on("dialog:close", closeDialog);
on("panel:close", closePanel);

on("close", (event) => {
  if (event.target.id !== "dialog") return;
  $("#dialog-body").replaceChildren();
  document.body.append($("#toasts"));
  giveFocusBack("dialog");
}, true);

// Esc must not throw away what was typed: ask first.
on("cancel", (event) => {
  if (event.target.id === "dialog" && isDirty(event.target) && !confirm(text("leave"))) event.preventDefault();
}, true);

on("keydown", (event) => {
  if (event.key !== "Escape" || event.defaultPrevented || $("#dialog")?.open) return;
  const menu = event.target.closest?.("details.menu[open]");
  if (menu) { menu.open = false; $("summary", menu).focus(); return; }
  const panel = $("#panel");
  if (panel?.contains(event.target) || event.target.matches?.("[data-card], body")) {
    if (!isDirty(panel ?? document.createElement("i")) || confirm(text("leave"))) closePanel();
  }
});

on("click", (event) => {
  const target = event.target;
  if (!(target instanceof Element)) return;
  if (target.closest("[data-dialog-close]")) closeDialog();
  if (target.closest("[data-panel-close]")) closePanel();
  if (target.id === "dialog" && !isDirty(target)) closeDialog();
  $$("details.menu[open]").forEach((menu) => {
    if (!menu.contains(target) || target.closest(".menu-list :is(a, button)")) menu.open = false;
  });
});
