// One socket per page. A refresh names topics, never content: a region that shows one of them
// fetches its own fragment with its own rights.
//
//   <section id="board" data-live="desk:3:2026-11-20"
//            hx-get="/front-desk/board?day=2026-11-20" hx-trigger="live" hx-swap="outerMorph">
//
// data-live may hold several topics, separated by spaces. Inside a region, data-live-hold marks
// a form: while it is being typed in, the refresh waits. data-live-minutely refreshes a region each
// minute too: what it says depends on the time.
//
// To the server:   {"type": "subscribe", "topics": [...], "since": seconds}   the full set, at open and on
//                  change; since, when the page was rendered, only the first time
// From the server: {"type": "refresh", "topics": [...], "by": client?}, {"type": "fragment", "topic", "html"},
//                  {"type": "left", "topics": [...]} (no longer allowed), {"type": "paused"}, {"type": "resumed"}
// Close 4401: the session ended.
//
// Each page has an id, sent with its requests. The response to a change names the topics it touched
// (HX-Trigger live:changed); the refresh frame of that change repeats the id and is ignored here.

import { $, $$, isBackground, on } from "./dom.js";

const COALESCE_MS = 30;
const POLL_MS = 15_000;
const HOLD_MS = 1_000;
const MINUTE_MS = 60_000;
const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 30_000;

// randomUUID exists under https alone.
const randomBytes = [...crypto.getRandomValues(new Uint8Array(16))];
const clientId = randomBytes.map((byte) => byte.toString(16).padStart(2, "0")).join("");

const regions = () => $$("[data-live]");
const topicsOf = (region) => region.dataset.live.split(/\s+/).filter(Boolean);
const regionsOf = (topics) => regions().filter((region) => topicsOf(region).some((topic) => topics.includes(topic)));

let socket = null;
let announced = "";
let attempts = 0;
let retryTimer = null;
let pollTimer = null;
let everOpen = false;
const pending = new Set();
let flushTimer = null;

// ------------------------------------------------------------------ refreshing

const held = (region) => {
  if (region.querySelector("details[open], :popover-open")) return true;
  return [...region.querySelectorAll("[data-live-hold]")].some((form) => {
    if (form.hasAttribute("data-dirty")) return true;
    const active = document.activeElement;
    return form.contains(active) && active.matches("input:not([type=submit], [type=button]), textarea, select");
  });
};

const wake = (some) => {
  for (const region of some) pending.add(region);
  if (flushTimer === null) flushTimer = setTimeout(flush, COALESCE_MS);
};

const flush = () => {
  flushTimer = null;
  for (const region of [...pending]) {
    if (!region.isConnected) { pending.delete(region); continue; }
    if (held(region)) continue;
    pending.delete(region);
    region.dispatchEvent(new CustomEvent("live", { bubbles: false }));
  }
  if (pending.size) flushTimer = setTimeout(flush, HOLD_MS);
};

// A held region is marked changed here, so that data-live-hold works outside dialogs as well.
on("input", (event) => {
  const form = event.target.closest?.("[data-live] [data-live-hold]");
  if (form) form.dataset.dirty = "";
});

// What the person of this page has just changed: shown at once, unless the response brought the region itself.
const swapped = new Set();
on("htmx:after:swap", (event) => {
  const { ctx } = event.detail;
  if (ctx.request && ctx.request.method !== "GET") swapped.add(ctx.target);
});
on("live:changed", (event) => wake(regionsOf(event.detail.topics).filter((region) => !swapped.has(region))));
on("htmx:finally:request", (event) => swapped.delete(event.detail.ctx.target));

// The response to a change is lost: whether it was made is not known, and its frame would be ignored.
on("htmx:error", (event) => {
  const method = event.detail.ctx?.request?.method;
  if (method && method !== "GET") wake(regions());
});

// Requests that nobody asked for must not keep an idle session alive.
on("htmx:config:request", (event) => {
  const { ctx } = event.detail;
  ctx.request.headers["X-Client-Id"] = clientId;
  if (isBackground(ctx)) ctx.request.headers["X-Background"] = "1";
});

// A refresh that fails leaves the region as it is. A refused one means that the session is over, or that the
// content is no longer this person's to see.
on("htmx:before:response", (event) => {
  const { ctx } = event.detail;
  if (ctx.sourceEvent?.type !== "live" || ctx.response.status < 400) return;
  event.preventDefault();
  if (ctx.response.status === 401) leave();
  if ([403, 404].includes(ctx.response.status)) ctx.sourceElement.replaceChildren();
});

// ------------------------------------------------------------------ the state people see

const show = (state) => {
  const mark = $("#live-status");
  if (!mark || mark.dataset.state === state) return;
  mark.dataset.state = state;
  const words = mark.querySelector(".live-text");
  if (words) words.textContent = mark.dataset[state] ?? "";
};

const startPolling = () => {
  pollTimer ??= setInterval(() => { if (!document.hidden) wake(regions()); }, POLL_MS);
};

const stopPolling = () => { clearInterval(pollTimer); pollTimer = null; };

on("visibilitychange", () => {
  if (document.hidden) return;
  wake(pollTimer ? regions() : regions().filter((region) => "liveMinutely" in region.dataset));
});

setInterval(() => {
  if (!document.hidden) wake(regions().filter((region) => "liveMinutely" in region.dataset));
}, MINUTE_MS);

const leave = () => {
  location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
};

// ------------------------------------------------------------------ the socket

const announce = () => {
  const topics = [...new Set(regions().flatMap(topicsOf))].sort();
  if (!socket && topics.length && !retryTimer) { connect(); return; }
  const wanted = topics.join(" ");
  if (socket?.readyState !== WebSocket.OPEN || wanted === announced) return;
  announced = wanted;
  // What changed between the rendering of the page and this first subscription is sent at once.
  const since = everOpen ? undefined : Number(document.body.dataset.renderedAt) || undefined;
  socket.send(JSON.stringify({ type: "subscribe", topics, since }));
};

const connect = () => {
  retryTimer = null;
  socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws/live`);
  socket.addEventListener("open", () => {
    attempts = 0;
    announced = "";
    stopPolling();
    show("on");
    announce();
    if (everOpen) wake(regions());
    everOpen = true;
  });
  socket.addEventListener("message", (event) => {
    let message;
    try { message = JSON.parse(event.data); } catch { return; }
    if (message.type === "refresh") {
      if (message.by !== clientId) wake(regionsOf(message.topics));
    } else if (message.type === "left") {
      wake(regionsOf(message.topics));
    } else if (message.type === "fragment") {
      window.htmx.swap({ text: message.html, sourceElement: document.body, target: document.body, swap: "none" });
    } else if (message.type === "paused") {
      show("paused");
      startPolling();
    } else if (message.type === "resumed") {
      show("on");
      stopPolling();
      wake(regions());
    }
  });
  socket.addEventListener("close", (event) => {
    socket = null;
    if (event.code === 4401) { leave(); return; }
    startPolling();
    if (attempts > 0 || everOpen) show("off");
    const ceiling = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** attempts);
    attempts += 1;
    everOpen = true; // the first connection failed: what comes later is a reconnection
    retryTimer = setTimeout(connect, ceiling / 2 + Math.random() * ceiling / 2);
  });
};

addEventListener("online", () => { if (retryTimer) { clearTimeout(retryTimer); connect(); } });
// A page kept in the back-forward cache has a dead socket and old content.
addEventListener("pageshow", (event) => { if (event.persisted) wake(regions()); });

on("htmx:after:swap", announce);
on("htmx:after:settle", announce);
announce();
