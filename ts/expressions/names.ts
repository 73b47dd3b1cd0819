/** Syntax of names, the reserved names of functions and constants, and suggestions for invalid characters. */

import { OptionError } from '../core/errors.js'

/** Superscript digits, letters and operators. Superscripts denote powers and are not part of a name. */
const SUPERSCRIPTS = '⁰¹²³⁴-⁹⁺⁻⁽⁾ʰ-ʸˡ-ˣᴬ-ᵡᶛ-ᶿⁱⁿ'

/** A regular expression for a name: letters of any alphabet, digits, subscript digits and `_`. */
export const NAME = `(?![${SUPERSCRIPTS}])[\\p{L}_](?:(?![${SUPERSCRIPTS}])[\\p{L}\\p{Nd}\\p{Nl}₀-₉_])*`

/** Reserved names of functions. */
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

/**
 * Names that are functions before a parenthesis, and ordinary names elsewhere. An example is `gamma`, which is a common
 * parameter name.
 */
export const functionNames = [
  ...(['expm1', 'log1p', 'log2', 'log10', 'sinh', 'cosh', 'cbrt', 'asin', 'acos', 'atan2'] as const),
  ...(['floor', 'sign', 'erf', 'erfc', 'erfcx', 'normpdf', 'normcdf', 'norminv'] as const),
  ...(['gamma', 'lgamma', 'digamma', 'trigamma', 'voigt'] as const),
] as const

/** Function names of other languages, with the names that expressions use. */
export const foreign: Readonly<Record<string, string>> = {
  ln: 'log, the natural logarithm',
  sqr: 'x^2 for a square, or sqrt(x) for a root',
  square: 'x^2 for a square, or sqrt(x) for a root',
}

/** Names of constants, such as π. */
export const constants = { pi: Math.PI, π: Math.PI } as const

/** @throws OptionError if a parameter or a column has the name of a constant */
export function checkName(argument: string, name: string): void {
  if (!Object.hasOwn(constants, name)) return
  throw new OptionError(
    argument,
    `another name than ${name}, which is the number π in every expression`,
    name,
  )
}

/** Replacements for characters that Unicode normalization does not map to ASCII. */
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
/** Printable ASCII characters except for the space and the dot, which could be part of an ellipsis. */
const PLAIN = /^[!-\-/-~]+$/

/** An invalid character of an expression, with a valid spelling of the same meaning if such a spelling exists. */
export function suggestName(text: string, at: number): { readonly sign: string; readonly spelling?: string } {
  SUPERSCRIPT_PATTERN.lastIndex = at
  const raised = SUPERSCRIPT_PATTERN.exec(text)?.[0]
  const sign = raised ?? String.fromCodePoint(text.codePointAt(at) as number)
  const plain = [...sign.normalize('NFKC')].map((character) => spellings[character] ?? character).join('')
  const isKnown = plain !== sign && PLAIN.test(plain)
  return isKnown ? { sign, spelling: raised === undefined ? plain : `^${plain}` } : { sign }
}
