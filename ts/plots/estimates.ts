/** Values with their standard errors as text. */

/** Significant digits of an error. */
const ERROR_DIGITS = 2
const MAX_DIGITS = 12

/** Position of the last digit that an error supports, as a power of ten. */
const lastDigit = (error: number) =>
  Number(error.toExponential(ERROR_DIGITS - 1).split('e')[1]) - ERROR_DIGITS + 1

/** Formats a value down to the second significant digit of its error, followed by the error: 2.975 ± 0.018. */
export function formatEstimate(x: number, error: number): string {
  if (!(error > 0 && error < Infinity) || !Number.isFinite(x)) return plain(x)
  const last = lastDigit(error)
  const size = Math.abs(x)
  const digits = size === 0 ? 1 : Number(size.toExponential().split('e')[1]) - last + 1
  if (digits > MAX_DIGITS) return `${plain(x)} ± ${signed(error.toPrecision(ERROR_DIGITS))}`
  const isFar = Math.max(size, error) < 1e-3 || Math.max(size, error) >= 1e6
  if (!isFar && last <= 0) return `${signed(x.toFixed(-last))} ± ${signed(error.toFixed(-last))}`
  const text = digits < 1 ? '0' : x.toExponential(digits - 1)
  return `${signed(text)} ± ${signed(error.toExponential(ERROR_DIGITS - 1))}`
}

const plain = (x: number) => (Number.isNaN(x) ? '–' : signed(`${Number(x.toPrecision(7))}`))
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
