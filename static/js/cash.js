// Counting cash, in integer cents and without the page.

/** What is given back (positive) or still missing (negative); null when the amount given is unreadable. */
export const change = (due, given) => (given === null || due === null ? null : given - due);

/** How many pieces a field says; anything but digits is none. */
export const pieces = (value) => (/^\d+$/.test(value.trim()) ? Number(value) : 0);

/** [{pieces, cents}] in cents. */
export const total = (counted) => counted.reduce((sum, row) => sum + row.pieces * row.cents, 0);

/**
 * [{expected: cents or null, counted: cents or null}], null being not counted yet, as
 * {counted, difference, differences}; a difference is null while nothing has been counted.
 */
export const settle = (rows) => {
  const differences = rows.map(({ expected, counted }) => (expected === null || counted === null ? null : counted - expected));
  const known = rows.some((row) => row.counted !== null);
  const missing = rows.map(({ expected, counted }) => (expected === null ? 0 : (counted ?? 0) - expected));
  return {
    counted: rows.reduce((sum, row) => sum + (row.counted ?? 0), 0),
    difference: known ? missing.reduce((sum, cents) => sum + cents, 0) : null,
    differences,
  };
};
