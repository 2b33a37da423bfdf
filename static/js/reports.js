// A file that was asked for in the head of a report is saved as soon as it is there.
//
//   .run-row[data-saves] a[download]

import { $, $$ } from "./dom.js";

const awaited = new Set();
const saved = new Set();

const look = () => {
  $$(".run-row[data-saves]").forEach((row) => awaited.add(row.id));
  awaited.forEach((id) => {
    const link = saved.has(id) ? null : $(`#${id} a[download]`);
    if (!link) return;
    saved.add(id);
    link.click();
  });
};

new MutationObserver(look).observe(document.body, { childList: true, subtree: true });
look();
