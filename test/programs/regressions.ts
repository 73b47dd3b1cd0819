/** Programs that have found bugs. Add new programs in the form that `npm run fuzz` prints. */

import type { FitsProgram, RunsProgram } from './calls.js'
import type { Command, ModelProgram } from './models.js'
import type { Program } from './program.js'

const call = { pollution: null, isAsync: false, isFickle: false, abort: null, isOne: false } as const

const runs = (given: Partial<RunsProgram>): RunsProgram => ({
  ...{ kind: 'runs', ...call, places: ['typescript'], text: 'a*a', dtype: 'float64', runs: 1, starts: [[1]] },
  ...{ rule: { name: 'adam' }, options: { maxIterations: 3 } },
  ...given,
})

const fits = (given: Partial<FitsProgram>): FitsProgram => ({
  ...{ kind: 'fits', ...call, places: ['typescript'], model: 'a*t + b', fits: 1 },
  ...{ data: { t: [0, 0.5, 1], y: [4, 3.4, 2.9] }, options: { start: { a: 0.5, b: 0 } } },
  ...given,
})

const life = (commands: readonly Command[], given: Partial<ModelProgram> = {}): ModelProgram => ({
  ...{ commands, kind: 'model', places: ['typescript'], isLate: false, pollution: null },
  ...{ specs: [{ length: 3, form: 1 }], groups: [], around: {}, dtype: 'float64', structure: 1 },
  ...{ rule: { name: 'adam' }, seed: 1 },
  ...given,
})

const step: Command = { call: 'step', inPlace: false, seed: 1, holes: 0, wild: null }
const wide = ['native', 'native avx512', 'native avx2', 'wasm'] as const

export const found: Readonly<Record<string, Program>> = {
  'a getter could step in the middle of a step that went straight': life([
    { ...step, times: 3, intrusion: { by: 'getter', calls: ['step'], end: null, spared: 1 } },
  ]),
  'after a step with holes the next one went straight with segments of those that had gradients': life(
    [
      { ...step, times: 2 },
      { ...step, times: 1, holes: 1 },
      { ...step, times: 2 },
    ],
    {
      specs: [
        { length: 3, form: 1 },
        { length: 2, form: 1 },
      ],
      structure: 2,
    },
  ),
  'far tangents in lanes beyond the sixteenth ended the process': runs({
    ...{ places: wide, text: 'tan(b)', runs: 33, starts: [[1], [1e6], [1e22]] },
  }),
  'so did sines in float32': runs({
    ...{ places: wide, dtype: 'float32', text: 'sin(a)', runs: 67, starts: [[2 ** 30], [1]] },
  }),
  "what Prodigy's tensors share was lost where none used it": life(
    [step, step, step, { call: 'set', picker: { kind: 'all', tensor: 0 }, options: { lr: 0.5 } }],
    { rule: { name: 'prodigy' } },
  ),
  'the dtype of many runs was read from the prototype': runs({ pollution: { key: 'dtype', value: 0.5 } }),
  'and of minimize': runs({ isOne: true, pollution: { key: 'tolerance', value: 'no' } }),
  'so was a bound of a fit': fits({ pollution: { key: 'max', value: 0.5 } }),
  'so were the starts of a fit': fits({ pollution: { key: 'multiStart', value: 0.5 } }),
  'so was the root mean square to clip to': life([{ ...step, wild: 0 }], {
    pollution: { key: 'rms', value: 0.5 },
  }),
  'so was what an option of a clip is read by': life([step], {
    ...{ around: { clip: { norm: 1 } }, pollution: { key: 'norm', value: 2 } },
  }),
  'a signal that is none was a TypeError': runs({ isAsync: true, options: { signal: 1 } }),
  'tensors that a partial restore left out no longer shared with those of their rule': life(
    [
      {
        ...{
          call: 'add',
          specs: [
            { length: 0, form: 0 },
            { length: 1, form: 0 },
          ],
          inner: false,
          frozen: null,
        },
        change: { lr: 0.003 },
      },
      { call: 'remember' },
      { call: 'appendRows', tensor: 2, rows: 1 },
      { call: 'restore', partial: true },
    ],
    { rule: { name: 'prodigy' } },
  ),
  'nor did one that has grown': life(
    [
      { call: 'remember' },
      { call: 'appendRows', tensor: 0, rows: 1 },
      { call: 'restore', partial: true },
      step,
      step,
    ],
    {
      ...{ rule: { name: 'prodigy' }, around: { accumulate: { batches: 2, reduce: 'mean' } }, seed: 0 },
      specs: [
        { length: 1, form: 1 },
        { length: 1, form: 0 },
      ],
    },
  ),
  'and then one with a schedule had no numbers': life(
    [
      { call: 'remember' },
      {
        ...{ call: 'add', specs: [{ length: 1, form: 0 }], inner: false, frozen: null },
        change: null,
      },
      { call: 'restore', partial: true },
    ],
    {
      rule: {
        ...{ name: 'gradientDescent' },
        lr: { schedule: 'linear', value: 0.1, endValue: 0.01, steps: 5, begin: 0 },
      },
      seed: 0,
    },
  ),
  'a look at the point of a model that was all frozen did not count': life(
    [
      { call: 'load', shift: 0 },
      { call: 'freeze', picker: { kind: 'name', tensor: 0 } },
      { call: 'load', shift: 0 },
      { call: 'unfreeze', picker: { kind: 'name', tensor: 0 } },
      step,
    ],
    { places: ['typescript', ...wide], rule: { name: 'scheduleFreeRAdam' } },
  ),
  'tensors whose options had become alike still shared apart, and together in a run that was loaded': life(
    [
      { call: 'set', picker: { kind: 'name', tensor: 0 }, options: { lr: 0.02 } },
      step,
      { call: 'set', picker: null, options: { lr: 0.02 } },
      step,
    ],
    {
      rule: { name: 'prodigy' },
      specs: [
        { length: 1, form: 0 },
        { length: 17, form: 0 },
      ],
    },
  ),
  'an array of state was taken for one that every object had, when subnormal numbers became 0': life(
    [{ ...step, times: 258 }],
    { pollution: { key: 'lr', value: null } },
  ),
  'the same in many runs': runs({
    places: ['typescript', 'wasm'],
    pollution: { key: 'lr', value: null },
    options: { maxIterations: 300, tolerance: 0 },
  }),
  'a scalar of equations that began as 1 could not be loaded once it was negative': life(
    [step, { call: 'fresh', shift: 0 }],
    {
      rule: {
        ...{ name: 'own', lr: 0.1, maximize: false },
        equations: {
          options: { lr: { default: 0.1 } },
          ...{ state: {}, scalars: { p: 1 }, step: 'p = p - 2\ntheta = theta - lr*p*g' },
        },
      },
    },
  ),
  'sums over all tensors were those of a group with clips of its own': life([], {
    specs: [
      { length: 1, form: 0 },
      { length: 1, form: 0 },
    ],
    groups: [{ picker: { kind: 'name', tensor: 0 }, change: { clip: {} } }],
    rule: {
      ...{ name: 'own', lr: 0.1, maximize: false },
      equations: {
        options: { lr: { default: 0.1 } },
        state: {},
        step: 's = all.sum(g)\ntheta = theta - lr*s*g',
      },
    },
  }),
}
