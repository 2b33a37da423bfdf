// What every module uses. Listeners sit on document, so what htmx swaps in works without being wired.

export const $ = (selector, root = document) => root.querySelector(selector);
export const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
export const on = (name, handler, options) => document.addEventListener(name, handler, options);

/** A translated sentence that the page carries for the scripts. */
export const text = (key) => $("#keys-template")?.dataset[key] ?? "";

/** Whether a request was sent by the page itself and not by a person. */
export const isBackground = (context) => ["live", "every"].includes(context?.sourceEvent?.type);
