// Amounts in integer cents. A help for the eye: the server counts again.

/** "1,234.5" as 123450; null for what is no amount. */
export const toCents = (value) => {
  const match = String(value).trim().replace(/[\s,]/g, "").match(/^(\d{1,9})(?:\.(\d{0,2}))?$/);
  return match ? Number(match[1]) * 100 + Number((match[2] ?? "").padEnd(2, "0")) : null;
};

/** 123450 as "1,234.50". */
export const fromCents = (cents) => {
  const sign = cents < 0 ? "-" : "";
  const whole = String(Math.floor(Math.abs(cents) / 100)).replace(/\B(?=(\d{3})+$)/g, ",");
  return `${sign}${whole}.${String(Math.abs(cents) % 100).padStart(2, "0")}`;
};
