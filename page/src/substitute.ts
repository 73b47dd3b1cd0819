/** Substitutes values for the symbols of equations. */

import { formatNumber } from './dom.js'
import type { OptionValue } from './rules.js'

/** Symbols of options in equations. */
const written: Readonly<Record<string, string>> = {
  lr: 'η',
  momentum: 'α',
  eps: 'ε',
  weightDecay: 'λ',
  beta1: 'β₁',
  beta2: 'β₂',
  beta3: 'β₃',
  decay: 'ρ',
  rho: 'ρ',
}

/** Values of a rule's options by symbol. In some rules `momentum` has the symbol μ. */
export function symbols(given: (name: string) => OptionValue | undefined): Record<string, number> {
  const found: Record<string, number> = {}
  for (const [name, symbol] of Object.entries(written)) {
    const value = given(name)
    if (typeof value !== 'number') continue
    found[symbol] = value
    if (name === 'momentum') found.μ = value
  }
  return found
}

/** Substitutes values for known symbols in an equation; unknown symbols stay. A prime may be ' or ’. */
export function formula(equation: string, numbers: Readonly<Record<string, number>>): string {
  return equation
    .replace(/[A-Za-zα-ωΑ-Ωθ]+[₀-₉]*['’]?/gu, (symbol) => {
      const key = symbol.replace("'", '’')
      if (!Object.hasOwn(numbers, key)) return symbol
      const text = formatNumber(numbers[key], 3)
      return text.startsWith('−') ? `(${text})` : text
    })
    .replace(/^\((\S+)\)/, '$1')
}

/** Substitutes values for known names in a line of code; names may contain digits. */
export function line(text: string, numbers: Readonly<Record<string, number>>): string {
  return text.replace(/(?<![.\d])[\p{L}_][\p{L}\p{N}_]*/gu, (name) => {
    if (!Object.hasOwn(numbers, name)) return name
    const number = formatNumber(numbers[name], 3)
    return number.startsWith('−') ? `(${number})` : number
  })
}
