/**
 * What was meant by a name that no option has. Node has it, and bundles for development; those for production say which
 * names there are, and are smaller.
 */

/** What other libraries call options, without signs and capitals, where it is not like our name. */
const foreign: ReadonlyMap<string, string> = new Map([
  ['learningrate', 'lr'],
  ['decay', 'alpha'],
  ['rho', 'alpha'],
  ['clippingthreshold', 'd'],
  ['adjustlrfn', 'scale'],
  ['tmax', 'steps'],
  ['t0', 'steps'],
  ['totaliters', 'steps'],
  ['tmult', 'factor'],
  ['etamin', 'endValue'],
  ['minlr', 'minValue'],
  ['maxlr', 'maxValue'],
  ...['bounds', 'params', 'p0', 'guess', 'initialvalues'].map((name): [string, string] => [name, 'start']),
  ...['ftol', 'xtol', 'gtol', 'errortolerance'].map((name): [string, string] => [name, 'tolerance']),
  ...['maxfev', 'maxnfev', 'maxiter'].map((name): [string, string] => [name, 'maxIterations']),
  ['timeout', 'signal'],
  ['callback', 'onProgress'],
  ['nanpolicy', 'missing'],
  ['ema', 'average'],
  ['θ', 'theta'],
])

/** What other calls do. */
const calls: ReadonlyMap<string, string> = new Map([
  ...['groups', 'shapes', 'clip', 'zeroGrads', 'accumulate', 'average', 'lookahead'].map(ofConstructor),
  ...['onNonFinite', 'maxSkips', 'norms', 'engine', 'instructionSet', 'threads'].map(ofConstructor),
  ['frozen', 'freeze(match)'],
  ['rule', 'new Optimizer(params, rule)'],
])

function ofConstructor(name: string): [string, string] {
  return [name, `new Optimizer(params, rule, { ${name} }), where restore(saved) goes on with another run`]
}

/** How alike names have to be, from 0 to 1. */
const ALIKE = 0.4
/** Characters of a name that are looked at. */
const LONGEST = 40

/** In brackets, behind what came; nothing where nothing is like it. */
export function hintFor(given: unknown, namesOf: () => readonly string[]): string {
  if (typeof given !== 'string') return ''
  const names = [...new Set(namesOf())]
  const name = plain(given).replace(/^b(?=\d$)/, 'beta')
  const own = foreign.get(name)
  if (own !== undefined && names.includes(own)) return ` (did you mean ${own}?)`
  const call = calls.get(given)
  if (call !== undefined) return ` (${given} is for ${call})`
  const scores = names.map((known) => likeness(name, plain(known)))
  const best = Math.max(ALIKE, ...scores)
  const closest = names.filter((_, i) => scores[i] === best)
  return closest.length === 0 ? '' : ` (did you mean ${closest.join(', ')}?)`
}

const plain = (name: string) =>
  name
    .slice(0, LONGEST)
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]/gu, '')

/** The part of pairs of neighbouring letters that both have (Dice, 1945). */
function likeness(a: string, b: string): number {
  const both = [...a.slice(1)].filter((letter, i) => b.includes(a[i] + letter)).length
  return a === b ? 1 : (2 * both) / (a.length + b.length - 2)
}
