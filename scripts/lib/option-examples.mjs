// Examples of values that options accept and refuse, derived from their error messages, for tests and docs/rules.md.

const noNumber = [NaN, '1', null, true, [1], {}, 1n, Symbol('lr')]
const infinite = [Infinity, -Infinity]
const below = [...noNumber, ...infinite, -1, -Number.MIN_VALUE]
const word = [...noNumber, 'Torch', '', 'constructor', ['torch']]
const triples = (count) => Array(count).fill([3, -4.5, 2])

/** Accepted and refused values of each kind of option. Captured groups of the pattern and the package are arguments. */
const kinds = [
  [
    /^a finite number ≥ 0(, or null)?$/,
    ([, orNull]) => [
      orNull ? [0, Number.MIN_VALUE, 1, Number.MAX_VALUE, null] : [0, Number.MIN_VALUE, 1, Number.MAX_VALUE],
      orNull ? below.filter((x) => x !== null) : below,
    ],
  ],
  [
    /^a finite number ≥ ([1-9]\d*)$/,
    ([, least]) => [
      [+least, +least + 0.5, Number.MAX_VALUE],
      [...below, 0, +least - 0.01],
    ],
  ],
  [
    /^a finite number > 0$/,
    () => [
      [Number.MIN_VALUE, 1, Number.MAX_VALUE],
      [...below, 0, -0],
    ],
  ],
  [
    /^a finite number ≤ 0$/,
    () => [
      [0, -Number.MIN_VALUE, -1, -Number.MAX_VALUE],
      [...noNumber, ...infinite, 1, Number.MIN_VALUE],
    ],
  ],
  [
    /^a number in \[0, 1\)$/,
    () => [
      [0, Number.MIN_VALUE, 1 - 2 ** -53],
      [...below, 1, 1.5],
    ],
  ],
  [
    /^an integer from 1 to (\d+)$/,
    ([, most]) => [
      [1, +most],
      [...below, 0, 1.5, +most + 1],
    ],
  ],
  [
    /^true or false$/,
    () => [
      [true, false],
      [...noNumber.filter((x) => x !== true), 0, 1, 'true'],
    ],
  ],
  [
    /^'\w+'(?: or '\w+')*(?: or an array of 1 to (\d+) triples of finite numbers)?$/,
    ([expected, most]) => {
      const words = [...expected.matchAll(/'(\w+)'/g)].map(([, each]) => each)
      if (most === undefined) return [words, word]
      const lists = [[], triples(+most + 1), [[1, 2]], [[1, 2, Infinity]], [[1, 2, '3']]]
      return [
        [...words, triples(1), triples(+most)],
        [...word, ...lists],
      ]
    },
  ],
  [
    /^a rule such as adamw\(\), which supports all shapes$/,
    (_, { adam, sgd }) => [
      [adam({ lr: 0.5 }), sgd()],
      [...noNumber, 'adamw', { name: 'muon' }],
    ],
  ],
]

const badSchedules = [
  { schedule: 'warmup' },
  { schedule: 'nothing', value: 1, steps: 1, from: null },
  { schedule: 'warmup', value: 1, steps: 0, from: null },
  { schedule: 'warmup', value: 1, steps: 1.5, from: null },
  { schedule: 'warmup', value: 1, steps: 2, from: NaN },
  { schedule: 'warmup', value: 1, steps: 2, to: 1 },
  { schedule: 'warmup', value: NaN, steps: 2, from: null },
  { schedule: 'warmup', value: { schedule: 'warmup' }, steps: 2, from: null },
]

/**
 * Values that an option accepts, and values that it refuses.
 *
 * @throws Error if there are no examples for the option's kind
 */
export function examplesOf({ expected, schedulable }, antigrad) {
  const own = kinds.flatMap(([pattern, examples]) => {
    const found = pattern.exec(expected)
    return found === null ? [] : [examples(found, antigrad)]
  })
  if (own.length !== 1) throw new Error(`expected one list of examples for ${expected}, got ${own.length}`)
  const [[accepted, refused]] = own
  if (!schedulable) return { accepted, refused }
  const { linear, warmup } = antigrad
  const schedules = accepted.flatMap((x) => [warmup(x, { steps: 2 }), linear(x, { endValue: x, steps: 3 })])
  const wrong = refused.filter(Number.isFinite).map((x) => warmup(x, { steps: 2 }))
  return {
    accepted: [...accepted, ...schedules, () => accepted[0]],
    refused: [...refused, ...badSchedules, ...wrong, warmup(0.5, { steps: 2, from: -1 })],
  }
}
