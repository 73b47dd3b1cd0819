/**
 * Suggestions for misspelled or unknown option names. Node and development bundles include the suggestions. Production
 * bundles omit the suggestions to stay small. Messages then list only the valid names.
 */

/**
 * Other libraries' names of options that do not resemble antigrad's names, in lower case and without punctuation.
 */
const foreignNames: ReadonlyMap<string, string> = new Map([
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
  // Methods of scipy.optimize, NLopt, Optim.jl and MATLAB.
  ...['bfgs', 'lbfgsb', 'ldlbfgs', 'cg', 'conjugategradient', 'tnc', 'ldtnewton', 'fminunc', 'fmincg'].map(
    methodHint('lbfgs()'),
  ),
  ...['newtoncg', 'dogleg', 'trustexact', 'trustncg', 'trustkrylov', 'trustconstr', 'newtontrustregion'].map(
    methodHint('newton()'),
  ),
  ...['fmin', 'fminsearch', 'simplex', 'lnneldermead', 'lnsbplx', 'subplex', 'powell', 'fminpowell'].map(
    methodHint('nelderMead()'),
  ),
  ...['slsqp', 'ldslsqp', 'cobyla', 'cobyqa', 'lncobyla', 'fmincon', 'ipopt', 'auglag'].map(
    methodHint('sqp()'),
  ),
])

function methodHint(own: string): (name: string) => [string, string] {
  return (name) => [name, own]
}

/** The methods for `minimize`, which a message about an invalid rule suggests in addition to the rules. */
export const methodNames: readonly string[] = ['lbfgs()', 'newton()', 'nelderMead()', 'sqp()']

/** Options that belong to a different function. */
const otherCalls: ReadonlyMap<string, string> = new Map([
  ...['groups', 'shapes', 'clip', 'zeroGrads', 'accumulate', 'average', 'lookahead'].map(constructorHint),
  ...['onNonFinite', 'maxConsecutiveSkips', 'recordNorms', 'engine', 'instructionSet', 'threads'].map(
    constructorHint,
  ),
  ['frozen', 'freeze(match)'],
  ['rule', 'new Optimizer(params, rule)'],
])

function constructorHint(name: string): [string, string] {
  return [name, `new Optimizer(params, rule, { ${name} }), whose restore(saved) continues a saved run`]
}

/** The minimum similarity of a suggested name, from 0 to 1. */
const MIN_SIMILARITY = 0.4
/** The maximum number of characters of a name that are compared. */
const MAX_COMPARED_LENGTH = 40

/** A suggestion in parentheses, which is appended to a message; empty if no name is similar. */
export function hintFor(given: unknown, namesOf: () => readonly string[]): string {
  if (typeof given !== 'string') return ''
  const names = [...new Set(namesOf())]
  const name = normalizeName(given).replace(/^b(?=\d$)/, 'beta')
  const own = foreignNames.get(name)
  if (own !== undefined && names.includes(own)) return ` (did you mean ${own}?)`
  const call = otherCalls.get(given)
  if (call !== undefined) return ` (${given} is for ${call})`
  const scores = names.map((known) => similarity(name, normalizeName(known)))
  const best = Math.max(MIN_SIMILARITY, ...scores)
  const closest = names.filter((_, i) => scores[i] === best)
  return closest.length === 0 ? '' : ` (did you mean ${closest.join(', ')}?)`
}

const normalizeName = (name: string) =>
  name
    .slice(0, MAX_COMPARED_LENGTH)
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]/gu, '')

/** The fraction of adjacent letter pairs that two names have in common (Dice, 1945). */
function similarity(a: string, b: string): number {
  const both = [...a.slice(1)].filter((letter, i) => b.includes(a[i] + letter)).length
  return a === b ? 1 : (2 * both) / (a.length + b.length - 2)
}
