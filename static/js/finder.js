// The one search of every page: "/" or Ctrl+K; Enter takes the first hit, arrows go through them, Esc leaves.

import { $, $$, on } from "./dom.js";

const field = () => $("#finder-text");
const hits = () => $("#finder-hits");
const links = () => $$("a[href]", hits());
let waiting = false; // Enter was pressed before the answer to the last letter was there

const isCurrent = () => hits().dataset.q === field().value.trim();

const take = () => {
  if (isCurrent()) { waiting = false; links()[0]?.click(); return; }
  waiting = true;
  field().dispatchEvent(new Event("find"));
};

const clear = () => {
  waiting = false;
  field().value = "";
  hits().replaceChildren();
  delete hits().dataset.q;
};

const leave = () => { clear(); document.activeElement.blur(); };

on("keydown", (event) => {
  if (!field()) return;
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k" && !$("dialog[open]")) {
    event.preventDefault();
    field().focus();
    field().select();
    return;
  }
  if (!event.target.closest?.("#finder")) return;
  const isTyping = event.target === field();
  if (event.key === "Escape") { event.preventDefault(); leave(); }
  if (event.key === "Enter" && isTyping) { event.preventDefault(); if (field().value.trim()) take(); }
  if (event.key === "ArrowDown" && isTyping && links().length) { event.preventDefault(); links()[0].focus(); }
  if (event.key === "ArrowUp" && event.target.closest(".hit") === $(".hit", hits())) { event.preventDefault(); field().focus(); }
}, true);

on("input", (event) => { if (event.target === field() && !field().value.trim()) clear(); });
on("htmx:after:settle", (event) => { if (event.target === hits() && waiting && isCurrent()) take(); });

/** The focus on an element that a page shows: a card of the board. */
const show = (id) => {
  const element = document.getElementById(id);
  element?.focus();
  element?.scrollIntoView({ block: "nearest", inline: "nearest" });
  return element !== null;
};

on("click", (event) => {
  const link = event.target.closest?.("#finder a[href]");
  if (!link) return;
  if (link.dataset.shownAt && document.getElementById(link.dataset.shownAt)) {
    event.preventDefault();
    clear();
    show(link.dataset.shownAt);
  }
});

// An address that names a card: the board was opened to see it.
if (location.hash.startsWith("#visit-")) show(location.hash.slice(1));
