/** Values with their standard errors as text. */

/** Significant digits of an error. */
const ERROR_DIGITS = 2
const MAX_DIGITS = 12
/** Digits of a number without an error. */
const PLAIN_DIGITS = 7

/** Position of the last digit that an error supports, as a power of ten. */
const lastDigit = (error: number) =>
  Number(error.toExponential(ERROR_DIGITS - 1).split('e')[1]) - ERROR_DIGITS + 1

/**
 * Formats a number down to the second significant digit of its error, with at most 12 digits.
 *
 * @param size magnitude that decides on a notation with exponents; default |x|
 */
export function formatWithError(x: number, error: number, size = Math.abs(x)): string {
  if (!isKnown(x, error)) return plain(x, PLAIN_DIGITS)
  const last = lastDigit(error)
  const digits = x === 0 ? 1 : exponentOf(x) - last + 1
  if (digits > MAX_DIGITS) return plain(x, MAX_DIGITS)
  const isFar = last > 0 || (size !== 0 && (size < 1e-3 || size >= 1e6))
  if (digits < 1) return isFar ? '0' : (0).toFixed(-last)
  return signed(isFar ? x.toExponential(digits - 1) : x.toFixed(-last))
}

/** Formats a value down to the second significant digit of its error, followed by the error: 2.975 ± 0.018. */
export function formatEstimate(x: number, error: number): string {
  if (!isKnown(x, error)) return plain(x, PLAIN_DIGITS)
  const size = Math.max(Math.abs(x), error)
  const isPrecise = exponentOf(size) - lastDigit(error) + 1 > MAX_DIGITS
  return `${formatWithError(x, error, size)} ± ${formatWithError(error, error, isPrecise ? error : size)}`
}

const isKnown = (x: number, error: number) => error > 0 && error < Infinity && Number.isFinite(x)
const exponentOf = (x: number) => Number(x.toExponential().split('e')[1])
const plain = (x: number, digits: number) =>
  Number.isNaN(x) ? '–' : signed(`${Number(x.toPrecision(digits))}`.replace('Infinity', '∞'))
const signed = (text: string) => text.replace('e+', 'e').replaceAll('-', '−')

/** Joins parts to lines of at most `length` characters. A part that is longer than a line has its own line. */
export function wrapParts(parts: readonly string[], length: number): string[] {
  const lines: string[] = []
  for (const part of parts) {
    const last = lines.at(-1)
    if (last === undefined || last.length + part.length + 2 > length) lines.push(part)
    else lines[lines.length - 1] = `${last}, ${part}`
  }
  return lines
}
