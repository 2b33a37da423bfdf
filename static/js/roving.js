// Arrow keys in the agenda and on the board. One Tab stop per grid, or per [data-roving-group] in it; arrows go
// to the nearest thing in that direction, across groups.

import { nearest } from "./direction.js";
import { $, $$, on } from "./dom.js";

const ROVING = "[data-roving]";
const ITEMS = ".slot, .appt > a, .visit[data-card], [data-roving-item]";

const boxOf = (item) => (item.closest(".appt") ?? item).getBoundingClientRect();

export const rove = (grid) => {
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

// From a page where nothing has the focus, the first arrow goes to the first late card, else to the first.
const startBoard = () => {
  const idle = [document.body, $("#main"), null].includes(document.activeElement);
  const card = idle && !$("dialog[open]") && ($("#board .visit:has(.timer-late)") ?? $("#board .visit[data-card]"));
  if (!card) return false;
  card.focus();
  card.scrollIntoView({ block: "nearest", inline: "nearest" });
  return true;
};

on("keydown", (event) => {
  if (!event.key.startsWith("Arrow") || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const grid = event.target.closest?.(ROVING);
  if (!grid && startBoard()) { event.preventDefault(); return; }
  if (!grid || event.target.closest("input, select, textarea, .menu-list")) return;
  const from = event.target.closest(ITEMS);
  if (!from) return;
  const others = $$(ITEMS, grid).filter((item) => item !== from && !from.contains(item));
  const best = others[nearest(boxOf(from), others.map(boxOf), event.key)];
  if (!best) return;
  event.preventDefault();
  best.focus();
  best.scrollIntoView({ block: "nearest", inline: "nearest" });
});

const prepare = () => $$(ROVING).forEach(rove);
on("htmx:after:settle", prepare);
prepare();
