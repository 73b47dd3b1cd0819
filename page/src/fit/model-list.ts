/** Names of the library's models. The models themselves are loaded when one is chosen. */

import type { ModelName } from 'antigrad/fit'

/** The library's models by subject, with their names on the page. */
export const modelGroups = {
  Curves: {
    line: 'line',
    polynomial: 'polynomial',
    exponential: 'exponential decay or growth',
    power: 'power law',
    logistic: 'logistic growth',
    sinusoid: 'sinusoid',
  },
  'Dose and response': {
    fourPL: 'four-parameter logistic',
    fivePL: 'five-parameter logistic',
    hill: 'Hill',
  },
  Enzymes: {
    michaelisMenten: 'Michaelis-Menten',
    inhibition: 'inhibition, two columns',
    substrateInhibition: 'substrate inhibition',
    tightBinding: 'tight binding',
  },
  Peaks: {
    peaks: 'several peaks',
    gaussian: 'Gaussian',
    lorentzian: 'Lorentzian',
    pseudoVoigt: 'pseudo-Voigt',
    voigt: 'Voigt',
    exponentialGaussian: 'exponential Gaussian',
    skewedGaussian: 'skewed Gaussian',
  },
} as const satisfies Readonly<Record<string, Readonly<Partial<Record<ModelName, string>>>>>

export const modelTitles = Object.assign({}, ...Object.values(modelGroups)) as Readonly<
  Record<ModelName, string>
>

export const modelNames = Object.keys(modelTitles) as ModelName[]

export const isModelName = (name: string): name is ModelName => Object.hasOwn(modelTitles, name)

/** The options of models that the page offers, with their values. Numbers have an empty list. */
export const modelOptions = {
  count: [],
  shape: ['gaussian', 'lorentzian', 'pseudoVoigt', 'voigt', 'exponentialGaussian', 'skewedGaussian'],
  baseline: ['constant', 'none', 'line', 'quadratic'],
  degree: [],
  kind: ['mixed', 'competitive', 'uncompetitive', 'noncompetitive'],
  logEC50: ['no', 'yes'],
} as const satisfies Readonly<Record<string, readonly string[]>>

export type ModelOptionName = keyof typeof modelOptions

/** The options of each model. */
export const optionsOf: Readonly<Partial<Record<ModelName, readonly ModelOptionName[]>>> = {
  peaks: ['count', 'shape', 'baseline'],
  polynomial: ['degree'],
  inhibition: ['kind'],
  fourPL: ['logEC50'],
  fivePL: ['logEC50'],
}

/** Columns that a model needs in addition to x, by the name in the library. */
export const extraColumnsOf: Readonly<Partial<Record<ModelName, string>>> = { inhibition: 'i' }

/** The quantity that the first sentence states, with its name in words. */
export const headlines: Readonly<Partial<Record<ModelName, readonly [parameter: string, words: string]>>> = {
  line: ['slope', 'slope'],
  exponential: ['rate', 'rate'],
  power: ['exponent', 'exponent'],
  logistic: ['rate', 'growth rate'],
  sinusoid: ['frequency', 'frequency'],
  fourPL: ['ec50', 'EC50'],
  fivePL: ['ec50', 'EC50'],
  hill: ['k', 'half-maximal dose k'],
  michaelisMenten: ['km', 'Michaelis constant km'],
  inhibition: ['ki', 'inhibition constant ki'],
  substrateInhibition: ['km', 'Michaelis constant km'],
  tightBinding: ['ki', 'apparent ki'],
  gaussian: ['center', 'center of the peak'],
  lorentzian: ['center', 'center of the peak'],
  pseudoVoigt: ['center', 'center of the peak'],
  voigt: ['center', 'center of the peak'],
  exponentialGaussian: ['center', 'center of the Gaussian'],
  skewedGaussian: ['center', 'position of the peak'],
}
