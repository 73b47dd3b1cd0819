/** The sentence with which the result begins: the estimate that matters most, and whether the model suits the data. */

import { formatEstimate } from '../../../dist/page.js'
import { formatNumber } from '../dom.js'
import { type ShownFit, wholeFit } from './displayed-fit.js'
import { headlines, modelTitles } from './model-list.js'
import { chiSquaredTail, runsTest, serialPValue } from './runs-test.js'
import type { FitPageState } from './state.js'

/** Probability below which residuals count as not random. */
const MAX_P = 0.01
/** Probability below which neighboring residuals count as correlated. */
const MAX_SERIAL_P = 0.001
/** R² below which the model explains little. */
const MIN_R_SQUARED = 0.5
/** Number of parameters that the sentence lists if no parameter matters most. */
const MAX_LISTED = 3

export interface Verdict {
  readonly text: string
  readonly isGood: boolean
}

export interface VerdictContext {
  readonly state: FitPageState
  /** The independent variable of the fitted rows. */
  readonly x: ArrayLike<number>
  /** Whether the model has one independent variable, so that residuals have an order. */
  readonly isCurve: boolean
  /** Parameters of the distribution, which the sentence does not list. */
  readonly noise: readonly string[]
  /** Name of the group, if there are several. */
  readonly group: string | null
}

export function describeVerdict(found: ShownFit, context: VerdictContext): Verdict {
  const { group } = context
  const { text, isGood } = judge(found, context)
  const estimate = describeEstimate(found, context)
  const begin = group === null ? '' : `${group === '' ? '(empty)' : group}: `
  return { text: `${begin}${estimate}${estimate === '' ? capitalize(text) : `; ${text}`}.`, isGood }
}

const capitalize = (text: string) => text.slice(0, 1).toUpperCase() + text.slice(1)

/** The estimate with its standard error, such as 'The half-life is 1.19 ± 0.08'. */
function describeEstimate(found: ShownFit, { state, noise }: VerdictContext): string {
  if (!hasEstimates(found)) return ''
  const { values } = found
  const free = found.free.filter((name) => !noise.includes(name))
  const [derived] = Object.keys(values).filter((name) => isDerived(name, state))
  if (derived !== undefined) return `The ${derived.replaceAll('_', '-')} is ${estimate(found, derived)}`
  if (state.model === 'peaks') return describePeaks(found)
  if (state.logEC50 === 'yes' && 'logEC50' in values) return `The log EC50 is ${estimate(found, 'logEC50')}`
  const headline = state.model === 'own' ? undefined : headlines[state.model]
  if (headline && headline[0] in values) return `The ${headline[1]} is ${estimate(found, headline[0])}`
  if (free.length === 0 || free.length > MAX_LISTED) return `The model has ${free.length} free parameters`
  return free.map((name) => `${name} is ${estimate(found, name)}`).join(', ')
}

const isDerived = (name: string, { derive }: FitPageState) =>
  derive.split(';').some((part) => part.split('=')[0].trim() === name)

function describePeaks(found: ShownFit): string {
  const centers = Object.keys(found.values).filter((name) => /^center\d+$/.test(name))
  const places = centers.map((name) => estimate(found, name))
  const listed = places.length > 1 ? `${places.slice(0, -1).join(', ')} and ${places.at(-1)}` : places[0]
  return `${countWord(places.length)} ${places.length === 1 ? 'peak' : 'peaks'}, at ${listed}`
}

const words = ['No', 'One', 'Two', 'Three', 'Four', 'Five', 'Six', 'Seven', 'Eight', 'Nine', 'Ten']
const countWord = (count: number) => words[count] ?? `${count}`

function estimate({ values, errors }: ShownFit, name: string): string {
  const error = errors[name]
  if (!(error > 0 && error < Infinity)) return formatNumber(values[name], 4)
  return formatEstimate(values[name], error)
}

const hasEstimates = ({ free, values }: ShownFit) => free.every((name) => Number.isFinite(values[name]))

/** Whether the model suits the data, as a clause. */
function judge(found: ShownFit, { state, x, isCurve }: VerdictContext): Verdict {
  const whole = wholeFit(found)
  const bad = (text: string): Verdict => ({ text, isGood: false })
  const { reason, unidentifiable, atBound, errors, values, free } = found
  if (reason === 'too-few-points') return bad('there are too few points for this model')
  if (reason === 'not-finite') return bad('the fit failed, because the model has no finite value')
  if (unidentifiable.length > 0) return bad(`the data do not determine ${unidentifiable.join(', ')}`)
  if (reason === 'singular') return bad('the data determine some parameters only together')
  if (reason !== 'converged') return bad('the fit has not converged')
  if (atBound.length > 0)
    return bad(`${atBound.join(', ')} ${atBound.length === 1 ? 'is' : 'are'} at a bound`)
  const { runs, pValue } = isCurve ? runsTest(x, found.residuals) : { runs: 0, pValue: NaN }
  if (pValue < MAX_P)
    return bad(
      `but the model misses part of the data: the residuals are not random (${runs} runs, p ${formatP(pValue)})`,
    )
  const serial = isCurve ? serialPValue(x, found.residuals) : NaN
  if (serial < MAX_SERIAL_P)
    return bad(
      `but the model misses part of the data: the residuals are not random (neighbors are correlated, p ${formatP(serial)})`,
    )
  if (state.absoluteSigma && 'reducedChiSquared' in whole && whole.degreesOfFreedom > 0) {
    const p = chiSquaredTail(whole.chiSquared, whole.degreesOfFreedom)
    if (p < MAX_P) return bad('but the data scatter more than σ allows')
  }
  if (whole.degreesOfFreedom < 1) return bad('there are too few points to judge the model')
  const vague = free.filter((name) => errors[name] > Math.abs(values[name]) && errors[name] > 0)
  if (vague.length > 0 && vague.length === free.length) return bad('but the data determine no parameter well')
  if ('rSquared' in whole && whole.rSquared < MIN_R_SQUARED)
    return bad(
      `but the model explains only ${Math.max(0, Math.round(100 * whole.rSquared))}% of the variation`,
    )
  return { text: 'the model describes the data well', isGood: true }
}

/** A probability in words' precision: 0.003, or 'less than' a power of ten. */
export const formatP = (p: number) => (p < 1e-4 ? '< 0.0001' : `= ${Number(p.toPrecision(2))}`)

/** How many curves of several suit the data. */
export function describeGroups(verdicts: readonly Verdict[], state: FitPageState): string {
  const good = verdicts.filter(({ isGood }) => isGood).length
  const title = state.model === 'own' ? 'the model' : `the model “${modelTitles[state.model]}”`
  return good === verdicts.length
    ? `${capitalize(title)} describes all ${verdicts.length} curves well.`
    : `${capitalize(title)} describes ${good} of ${verdicts.length} curves well.`
}
