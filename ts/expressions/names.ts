/** What a name is, which names are numbers, and the signs that people write where a text wants others. */

import { OptionError } from '../core/errors.js'

/** Digits, letters and signs above the line: they are powers, no part of a name. */
const SUPERSCRIPTS = '⁰¹²³⁴-⁹⁺⁻⁽⁾ʰ-ʸˡ-ˣᴬ-ᵡᶛ-ᶿⁱⁿ'

/** A name as a part of a regular expression: letters of any alphabet, digits, also below the line, and _. */
export const NAME = `(?![${SUPERSCRIPTS}])[\\p{L}_](?:(?![${SUPERSCRIPTS}])[\\p{L}\\p{Nd}\\p{Nl}₀-₉_])*`

/** Names of functions, and of nothing else. */
export const functions = [
  'sqrt',
  'exp',
  'log',
  'sin',
  'cos',
  'tan',
  'tanh',
  'atan',
  'abs',
  'min',
  'max',
  'pow',
] as const

/** Names of functions where a bracket follows, and else names as others: `gamma` is the name of many a parameter. */
export const functionNames = [
  ...(['expm1', 'log1p', 'log2', 'log10', 'sinh', 'cosh', 'cbrt', 'asin', 'acos', 'atan2'] as const),
  ...(['floor', 'sign', 'erf', 'erfc', 'erfcx', 'normpdf', 'normcdf', 'norminv'] as const),
  ...(['gamma', 'lgamma', 'digamma', 'trigamma', 'voigt'] as const),
] as const

/** How to write what other languages have by these names. */
export const foreign: Readonly<Record<string, string>> = {
  ln: 'log, the natural logarithm',
  sqr: 'x^2 for a square, or sqrt(x) for a root',
  square: 'x^2 for a square, or sqrt(x) for a root',
}

/** Names that are numbers. */
export const constants = { pi: Math.PI, π: Math.PI } as const

/** @throws OptionError for the name of a parameter or a column that is the one of a number */
export function checkName(argument: string, name: string): void {
  if (!Object.hasOwn(constants, name)) return
  throw new OptionError(
    argument,
    `another name than ${name}, which is the number π in every expression`,
    name,
  )
}

/** What stands for signs that are no others in a small form. */
const spellings: Readonly<Record<string, string>> = {
  '×': '*',
  '·': '*',
  '⋅': '*',
  '∙': '*',
  '•': '*',
  '∗': '*',
  '÷': '/',
  '∕': '/',
  '⁄': '/',
  '−': '-',
  '‐': '-',
  '–': '-',
  '—': '-',
  '√': 'sqrt(x)',
  '∛': 'cbrt(x)',
  '≤': '<=',
  '≥': '>=',
  '≠': '!=',
  '∧': '&&',
  '∨': '||',
  '¬': '!',
}

const SUPERSCRIPT_PATTERN = new RegExp(`[${SUPERSCRIPTS}]+`, 'uy')
/** All that is in ASCII but blanks, and the point, which would be a part of an ellipsis. */
const PLAIN = /^[!-\-/-~]+$/

/** A sign that a text may not have, and how to write what it means, if that is known. */
export function suggestName(text: string, at: number): { readonly sign: string; readonly spelling?: string } {
  SUPERSCRIPT_PATTERN.lastIndex = at
  const raised = SUPERSCRIPT_PATTERN.exec(text)?.[0]
  const sign = raised ?? String.fromCodePoint(text.codePointAt(at) as number)
  const plain = [...sign.normalize('NFKC')].map((character) => spellings[character] ?? character).join('')
  const isKnown = plain !== sign && PLAIN.test(plain)
  return isKnown ? { sign, spelling: raised === undefined ? plain : `^${plain}` } : { sign }
}
