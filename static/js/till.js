// The closing of a till: pieces and amounts are summed while they are typed, in integer cents.
// A help for the eye: the server counts again.
//
//   form[data-count]; input[data-piece="20000"] + output[data-piece-sum]; output[data-pieces-total]
//   tr[data-expected="cents"] > input[data-counted="cash|other"], output[data-difference]
//   output[data-counted-total], output[data-difference-total]

const form = document.querySelector("form[data-count]");
const all = (selector, root = form) => [...root.querySelectorAll(selector)];
const one = (selector, root = form) => root.querySelector(selector);

const toCents = (value) => {
  const match = value.trim().replace(/[\s,]/g, "").match(/^(\d{1,9})(?:\.(\d{0,2}))?$/);
  return match ? Number(match[1]) * 100 + Number((match[2] ?? "").padEnd(2, "0")) : 0;
};

const show = (cents) => {
  const whole = String(Math.floor(Math.abs(cents) / 100)).replace(/\B(?=(\d{3})+$)/g, ",");
  return `${cents < 0 ? "-" : ""}S/ ${whole}.${String(Math.abs(cents) % 100).padStart(2, "0")}`;
};

const write = (output, cents) => {
  if (!output) return;
  output.textContent = cents === null ? "" : show(cents);
  output.classList.toggle("money-neg", cents < 0);
};

const piecesTotal = () => all("[data-piece]").reduce((sum, input) => {
  const pieces = /^\d+$/.test(input.value.trim()) ? Number(input.value) : 0;
  const cents = pieces * Number(input.dataset.piece);
  write(input.nextElementSibling, cents);
  return sum + cents;
}, 0);

const recount = (event) => {
  const pieces = piecesTotal();
  write(one("[data-pieces-total]"), pieces);
  const cash = one('[data-counted="cash"]');
  if (cash && event?.target.matches("[data-piece]")) cash.value = show(pieces).replace(/[^\d.]/g, "");
  let counted = 0;
  let difference = 0;
  for (const input of all("[data-counted]")) {
    const row = input.closest("tr");
    const cents = toCents(input.value);
    counted += cents;
    if (row.dataset.expected === undefined) continue;
    difference += cents - Number(row.dataset.expected);
    write(one("[data-difference]", row), input.value.trim() ? cents - Number(row.dataset.expected) : null);
  }
  write(one("[data-counted-total]"), counted);
  write(one("[data-difference-total]"), all("[data-counted]").some((input) => input.value.trim()) ? difference : null);
};

form.addEventListener("input", recount);
recount();
