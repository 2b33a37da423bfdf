// Behaviour shared by every page. All listeners sit on document, so what htmx swaps in works
// without being wired. docs/design.md lists the attributes.

const $ = (selector, root = document) => root.querySelector(selector);
const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
const on = (name, handler, options) => document.addEventListener(name, handler, options);
const text = (key) => $("#keys-template")?.dataset[key] ?? "";

// ------------------------------------------------------------------ dialog and side panel

const openers = { dialog: null, panel: null };

const remember = (which, element) => { if (element) openers[which] = { element, id: element.id }; };

const giveFocusBack = (which) => {
  const opener = openers[which];
  openers[which] = null;
  if (!opener) return;
  const target = opener.element.isConnected ? opener.element : document.getElementById(opener.id || "-");
  target?.focus({ preventScroll: true });
};

const isDirty = (root) => !!$("form[data-dirty]", root);

const closeDialog = () => { const dialog = $("#dialog"); if (dialog?.open) dialog.close(); };

const closePanel = () => {
  const panel = $("#panel");
  if (!panel || !panel.childElementCount) return;
  panel.replaceChildren();
  $$("[data-card][data-selected]").forEach((card) => card.removeAttribute("data-selected"));
  giveFocusBack("panel");
};

// Everything outside a modal dialog is inert, toasts too: while it is open they live inside it.
const showDialog = (dialog) => { dialog.showModal(); dialog.append($("#toasts")); };

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
    ($("[autofocus]", target) ?? $("input:not([type=hidden]), select, textarea", target))?.focus();
  }
  if (target.id === "panel") {
    const card = openers.panel?.element.closest?.("[data-card]");
    $$("[data-card][data-selected]").forEach((other) => other.removeAttribute("data-selected"));
    if (target.childElementCount) {
      card?.setAttribute("data-selected", "");
      const wanted = $("[autofocus]", target) ?? $("[data-panel-title]", target);
      wanted?.focus({ preventScroll: true });
      wanted?.select?.();
    }
  }
  prepare();
});

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

// ------------------------------------------------------------------ one submission at a time

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

// ------------------------------------------------------------------ unsaved changes

on("input", (event) => {
  const form = event.target.closest?.("form[data-unsaved], #dialog form, #panel form");
  if (form) form.dataset.dirty = "";
});

addEventListener("beforeunload", (event) => { if ($("form[data-unsaved][data-dirty]")) event.preventDefault(); });

// ------------------------------------------------------------------ toasts

const TOAST_MS = 6000;
const timers = new WeakMap();

const startToast = (toast) => {
  clearTimeout(timers.get(toast));
  timers.set(toast, setTimeout(() => toast.remove(), Number(toast.dataset.toast) || TOAST_MS));
};

const watchToasts = () => {
  const area = $("#toasts");
  if (!area) return;
  $$("[data-toast]", area).forEach(startToast);
  new MutationObserver((changes) => {
    for (const change of changes) for (const node of change.addedNodes) {
      if (node instanceof Element && node.matches("[data-toast]")) startToast(node);
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

export const say = (message, kind = "info") => {
  const toast = $("#toast-template")?.content.firstElementChild.cloneNode(true);
  if (!toast || !message) return;
  toast.classList.add(`toast-${kind}`);
  $("p", toast).textContent = message;
  $("#toasts").append(toast);
};

on("click", (event) => event.target.closest?.("[data-toast-close]")?.closest("[data-toast]").remove());
on("toast", (event) => say(event.detail.text ?? event.detail.value, event.detail.kind));
on("submit", (event) => { const toast = event.target.closest?.("[data-toast]"); if (toast) setTimeout(() => toast.remove()); });

// Answers of 5xx are not swapped: what was typed stays, and one sentence says so.
const isBackground = (ctx) => ["live", "every"].includes(ctx?.sourceEvent?.type);
on("htmx:response:error", (event) => {
  const { ctx } = event.detail;
  if (ctx.response.status >= 500 && !isBackground(ctx)) say(text("error"), "bad");
});
on("htmx:error", (event) => {
  const { ctx, error } = event.detail;
  if (ctx && error?.name !== "AbortError" && !isBackground(ctx)) say(text("offline"), "bad");
});

// ------------------------------------------------------------------ combobox

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
  const list = event.target.closest?.("[data-combo] [role=listbox]");
  if (list) $("[role=combobox]", list.closest("[data-combo]")).setAttribute("aria-expanded", String(!!list.childElementCount));
});

// ------------------------------------------------------------------ collecting money
// Everything is counted in integer cents; the server counts again.

const toCents = (value) => {
  const match = String(value).trim().replace(/[\s,]/g, "").match(/^(\d{1,9})(?:\.(\d{0,2}))?$/);
  return match ? Number(match[1]) * 100 + Number((match[2] ?? "").padEnd(2, "0")) : null;
};

const fromCents = (cents) => {
  const sign = cents < 0 ? "-" : "";
  const whole = String(Math.floor(Math.abs(cents) / 100)).replace(/\B(?=(\d{3})+$)/g, ",");
  return `${sign}${whole}.${String(Math.abs(cents) % 100).padStart(2, "0")}`;
};

const recount = (form, from) => {
  const charges = $$("[data-charge]", form);
  const amount = $("[data-amount]", form);
  if (charges.length && from?.matches("[data-charge]")) {
    const total = charges.filter((box) => box.checked).reduce((sum, box) => sum + Number(box.dataset.charge), 0);
    $$("[data-total]", form).forEach((place) => { place.textContent = fromCents(total); });
    if (amount) amount.value = fromCents(total);
  }
  const tendered = $("[data-tendered]", form);
  const change = $("[data-change]", form);
  if (!tendered || !change) return;
  const due = toCents(amount?.value ?? "") ?? Number(form.dataset.due ?? 0);
  const given = tendered.value.trim() === "" ? due : toCents(tendered.value);
  const line = change.closest(".change-line");
  tendered.toggleAttribute("aria-invalid", given === null);
  if (given === null) { change.textContent = "—"; line?.removeAttribute("data-short"); return; }
  change.textContent = fromCents(Math.abs(given - due));
  line?.setAttribute("data-short", String(given < due));
  const label = line && $(".change-label", line);
  if (label?.dataset.wordChange) label.textContent = given < due ? label.dataset.wordMissing : label.dataset.wordChange;
};

on("input", (event) => { const form = event.target.closest?.("[data-collect]"); if (form) recount(form, event.target); });
on("click", (event) => {
  const button = event.target.closest?.("[data-tender]");
  const form = button?.closest("[data-collect]");
  if (!form) return;
  const tendered = $("[data-tendered]", form);
  tendered.value = fromCents(Number(button.dataset.tender));
  tendered.dispatchEvent(new Event("input", { bubbles: true }));
  tendered.focus();
});

// ------------------------------------------------------------------ arrow keys in the agenda and on the board
// One Tab stop per grid, or per [data-roving-group] in it; arrows go to the nearest thing in that
// direction, across groups.

const ROVING = "[data-roving]";
const ITEMS = ".slot, .appt > a, .visit[data-card], [data-roving-item]";

const boxOf = (item) => (item.closest(".appt") ?? item).getBoundingClientRect();
const gap = (a1, a2, b1, b2) => Math.max(0, a1 - b2, b1 - a2);

const rove = (grid) => {
  const groups = $$("[data-roving-group]", grid);
  (groups.length ? groups : [grid]).forEach(roveGroup);
};

const roveGroup = (grid) => {
  const items = $$(ITEMS, grid);
  if (!items.length) return;
  const active = document.activeElement;
  const current = items.find((item) => item === active || item.contains(active))
    ?? items.find((item) => item.id && item.id === grid.dataset.rovingAt)
    ?? items.find((item) => item.matches(".visit, .appt > a")) ?? items[0];
  for (const item of items) {
    item.tabIndex = item === current ? 0 : -1;
    if (item.matches("[data-card]")) {
      $$("a[href], button, summary", item).forEach((inner) => { inner.tabIndex = item === current ? 0 : -1; });
    }
  }
  grid.dataset.rovingAt = current.id;
};

on("focusin", (event) => { const grid = event.target.closest?.(ROVING); if (grid) rove(grid); });

on("keydown", (event) => {
  if (!event.key.startsWith("Arrow") || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const grid = event.target.closest?.(ROVING);
  if (!grid || event.target.closest("input, select, textarea, .menu-list")) return;
  const from = event.target.closest(ITEMS);
  if (!from) return;
  const a = boxOf(from);
  const horizontal = ["ArrowLeft", "ArrowRight"].includes(event.key);
  const sign = ["ArrowRight", "ArrowDown"].includes(event.key) ? 1 : -1;
  let best = null;
  let bestCost = Infinity;
  for (const item of $$(ITEMS, grid)) {
    if (item === from || from.contains(item)) continue;
    const b = boxOf(item);
    if (!b.width) continue;
    const along = (horizontal ? b.left - a.left : b.top - a.top) * sign;
    const across = horizontal ? gap(a.top, a.bottom, b.top, b.bottom) : gap(a.left, a.right, b.left, b.right);
    if (along <= 1 || (!horizontal && across > 0)) continue;
    const cost = along + across * 3 + (horizontal ? Math.abs(b.top - a.top) * 0.2 : 0);
    if (cost < bestCost) { bestCost = cost; best = item; }
  }
  if (!best) return;
  event.preventDefault();
  best.focus();
  best.scrollIntoView({ block: "nearest", inline: "nearest" });
});

// ------------------------------------------------------------------ small things

const nextTheme = { light: "dark", dark: "system", system: "light" };
const chosenTheme = () => (document.cookie.match(/(?:^|; )theme=(light|dark)/) ?? [])[1] ?? "system";

const paintTheme = () => $$("[data-theme-next]").forEach((button) => {
  const label = $("span", button);
  if (label) label.textContent = button.dataset[chosenTheme()];
});

on("click", (event) => {
  const target = event.target;
  if (!(target instanceof Element)) return;
  if (target.closest("[data-theme-next]")) {
    const theme = nextTheme[chosenTheme()];
    document.cookie = theme === "system"
      ? "theme=; path=/; max-age=0; samesite=lax"
      : `theme=${theme}; path=/; max-age=31536000; samesite=lax`;
    document.documentElement.dataset.bsTheme = theme === "system"
      ? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light") : theme;
    paintTheme();
  }
  const reveal = target.closest("[data-reveal]");
  if (reveal) {
    const input = document.getElementById(reveal.dataset.reveal);
    const shown = input.type === "text";
    input.type = shown ? "password" : "text";
    reveal.setAttribute("aria-pressed", String(!shown));
  }
  const fill = target.closest("[data-fill-email]");
  if (fill) { $("#email").value = fill.dataset.fillEmail; $("#password").focus(); }
  const print = target.closest("[data-print]");
  if (print) window.print();
});

// A field that is submitted as soon as it changes: <select data-autosubmit>
on("change", (event) => { if (event.target.matches?.("[data-autosubmit]")) event.target.form?.requestSubmit(); });

function prepare() {
  $$(ROVING).forEach(rove);
}

watchToasts();
prepare();
paintTheme();
// Bring what matters into view once: the current hour, the chosen day.
$$("[data-into-view]").forEach((element) => element.scrollIntoView({ block: "center", inline: "nearest" }));
