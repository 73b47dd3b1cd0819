/** Matches of tensors, options of groups, and the report about groups. */

import {
  adam,
  adamw,
  gradientDescent,
  layerDecay,
  type Match,
  momentum,
  noDecay,
  Optimizer,
  type Rule,
  sgd,
} from 'antigrad'
import { describe, expect, test } from 'vitest'
import { matchesPattern } from '../../dist/model/patterns.js'
import { random } from '../helpers.js'
import { variants } from '../support.js'

const one = () => Float64Array.of(1)
const base = () => gradientDescent({ lr: 1 })

const network = () => ({
  embed: one(),
  blocks: [
    { attention: { weight: one(), bias: one() }, norm: { scale: one(), bias: one() } },
    { attention: { weight: one(), bias: one() }, norm: { scale: one(), bias: one() } },
  ],
  head: { weight: one(), bias: one() },
  bias: one(),
})

/** The names that a match selects in a single group. */
function picked(match: Match, params: Readonly<Record<string, unknown>> = network()): string[] {
  const optimizer = new Optimizer(params as never, base(), { groups: [{ match, lr: 0.5 }] } as never)
  return optimizer
    .report()
    .tensors.filter(({ groups }) => groups.length > 0)
    .map(({ name }) => name)
}

describe('the match of a group of tensors', () => {
  const biases = [
    ...['blocks.0.attention.bias', 'blocks.0.norm.bias', 'blocks.1.attention.bias', 'blocks.1.norm.bias'],
    ...['head.bias', 'bias'],
  ]

  test.each<[Match, readonly string[]]>([
    ['embed', ['embed']],
    ['*', ['embed', 'bias']],
    ['*.bias', ['head.bias']],
    ['**.bias', biases],
    ['**bias', biases],
    ['**.*.bias', biases.slice(0, -1)],
    ['head.*', ['head.weight', 'head.bias']],
    ['head*', []],
    ['head**', ['head.weight', 'head.bias']],
    [
      'blocks.*.norm.*',
      ['blocks.0.norm.scale', 'blocks.0.norm.bias', 'blocks.1.norm.scale', 'blocks.1.norm.bias'],
    ],
    ['blocks.1.**.bias', ['blocks.1.attention.bias', 'blocks.1.norm.bias']],
    ['blocks.**.1.*', []],
    ['blocks.**.1.norm.*', ['blocks.1.norm.scale', 'blocks.1.norm.bias']],
    ['**.1.**.scale', ['blocks.1.norm.scale']],
    ['**.attention.weight', ['blocks.0.attention.weight', 'blocks.1.attention.weight']],
    ['b*s', ['bias']],
    ['b*', ['bias']],
    ['*.*.*.scale', ['blocks.0.norm.scale', 'blocks.1.norm.scale']],
    ['', []],
    ['.bias', []],
    ['**.', []],
    [
      ['embed', '*.weight'],
      ['embed', 'head.weight'],
    ],
    [
      ['embed', ['*.weight', ['bias']]],
      ['embed', 'head.weight', 'bias'],
    ],
    [[], []],
    [({ name }) => name.startsWith('head'), ['head.weight', 'head.bias']],
    [[({ length }) => length > 1, 'embed'], ['embed']],
  ])('selects tensors by name: %s', (match, names) => {
    expect(picked(match)).toEqual(names)
  })

  test('treats only stars as special characters, and accepts any name', () => {
    const params = { 'a[0]': one(), 'a+': one(), aa: one(), 'x.y': one(), '^': one(), 'line\nbreak': one() }
    expect(picked('a[0]', params)).toEqual(['a[0]'])
    expect(picked('a+', params)).toEqual(['a+'])
    expect(picked('a.', params)).toEqual([])
    expect(picked('x*y', params)).toEqual([])
    expect(picked('*.y', params)).toEqual(['x.y'])
    expect(picked('line*', params)).toEqual(['line\nbreak'])
  })

  test('refers to a single array by the empty name, and to arrays by indices', () => {
    const match = (params: unknown, match: Match) => picked(match, params as never)
    expect(match(one(), '')).toEqual([''])
    expect(match(one(), '**')).toEqual([''])
    expect(match([one(), one()], '1')).toEqual(['1'])
    expect(match([one(), [one()]], '**.0')).toEqual(['0', '1.0'])
  })

  test('selects tensors by the rank of their shapes with maxRank', () => {
    const params = { scalar: one(), vector: new Float64Array(6), matrix: new Float64Array(6) }
    const shapes = { scalar: [], vector: [6], matrix: [2, 3] }
    const ranks = [0, 1, 2].map((maxRank) =>
      new Optimizer(params, base(), { shapes, groups: [{ match: { maxRank }, lr: 0 }] }).report(),
    )
    expect(ranks.map(({ unmatchedTensors }) => unmatchedTensors)).toEqual([
      ['vector', 'matrix'],
      ['matrix'],
      [],
    ])
  })
})

test('patterns with stars select the same names as regular expressions', () => {
  const next = random(7)
  const draw = (signs: readonly string[], longest: number) =>
    Array.from(
      { length: 1 + Math.floor(longest * next()) },
      () => signs[Math.floor(signs.length * next())],
    ).join('')
  /** The documented meaning of a pattern. A `**.` that begins a part of the pattern may match an empty string. */
  const toRegExp = (pattern: string) => {
    const parts = pattern.match(/(?<![^.])\*\*\.|\*\*|\*|[^*]+/g) ?? []
    const texts = parts.map(
      (part) => ({ '**.': '(?:.*\\.)?', '**': '.*', '*': '[^.]*' })[part] ?? part.replaceAll('.', '\\.'),
    )
    return new RegExp(`^${texts.join('')}$`, 's')
  }
  const drawn = Array.from({ length: 3000 }, () =>
    draw(['a', 'b', '.', '.', '*', '**', '**.', 'a*', '.b'], 9),
  )
  // One of two adjacent `**.` would be a whole part.
  const patterns = drawn.filter((pattern) => !pattern.includes('**.**.'))
  const names = Array.from({ length: 60 }, () => draw(['a', 'b', '.', 'a.b'], 8))
  for (const pattern of patterns) {
    const picked = names.filter((name) => matchesPattern(pattern, name))
    expect(picked, pattern).toEqual(names.filter((name) => toRegExp(pattern).test(name)))
  }
})

const optionsOf = (
  optimizer: { report(): { tensors: readonly { name: string; rule: Rule }[] } },
  option: string,
) =>
  Object.fromEntries(
    optimizer
      .report()
      .tensors.map(({ name, rule }) => [name, (rule as unknown as Record<string, unknown>)[option]]),
  )

test('noDecay selects biases, one-dimensional tensors, and the tensors of additional matches', () => {
  const params = { embed: one(), norm: { scale: one() }, head: { weight: one(), bias: one() } }
  const shapes = { embed: [1, 1], norm: { scale: [1] }, head: { weight: [1, 1] } }
  const decays = (...groups: ReturnType<typeof noDecay>[]) =>
    optionsOf(new Optimizer(params, adamw({ weightDecay: 0.1 }), { shapes, groups }), 'weightDecay')
  expect(decays()).toEqual({ embed: 0.1, 'norm.scale': 0.1, 'head.weight': 0.1, 'head.bias': 0.1 })
  expect(decays(noDecay())).toEqual({ embed: 0.1, 'norm.scale': 0, 'head.weight': 0.1, 'head.bias': 0 })
  expect(decays(noDecay('embed'))).toMatchObject({ embed: 0, 'norm.scale': 0, 'head.weight': 0.1 })
})

test("layerDecay keeps the last layer's learning rate, and multiplies the rate by the decay for each earlier layer", () => {
  const params = { embed: one(), blocks: [{ w: one() }, { w: one() }], head: one(), other: one() }
  const groups = layerDecay(['embed', 'blocks.0.**', 'blocks.1.**', 'head'], 0.5)
  const optimizer = new Optimizer(params, adam({ lr: 0.8 }), { groups })
  const lrs = { embed: 0.1, 'blocks.0.w': 0.2, 'blocks.1.w': 0.4, head: 0.8, other: 0.8 }
  expect(optionsOf(optimizer, 'lr')).toEqual(lrs)
})

describe.each(variants)('an optimizer on $name', ({ name: _, ...engine }) => {
  test("uses the last group that sets an option, and a group's rule resets all options", () => {
    const params = { a: one(), b: one(), c: one(), d: one() }
    const optimizer = new Optimizer(params, sgd({ lr: 1, weightDecay: 0.25 }), {
      groups: [
        { match: '*', lr: 0.5 },
        { match: ['b', 'c', 'd'], lr: 0.25, weightDecay: 0 },
        { match: 'c', rule: momentum({ lr: 2, momentum: 0.5 }) },
        { match: 'd', lrScale: 0.5 },
      ],
      ...engine,
    })
    const g = { a: one(), b: one(), c: one(), d: one() }
    for (let t = 0; t < 2; t++) optimizer.step(g)
    // a: θ ← θ − ½(1 + θ/4), twice; c: v = 1, then 1.5 with momentum.
    const [first, second] = [1 - 0.5 * 1.25, 1 - 0.5 * 1.25 - 0.5 * (1 + 0.375 / 4)]
    expect(first).toBe(0.375)
    expect(optimizer.params.a[0]).toBe(second)
    expect(optimizer.params.b[0]).toBe(1 - 2 * 0.25)
    expect(optimizer.params.c[0]).toBe(1 - 2 - 2 * 1.5)
    expect(optimizer.params.d[0]).toBe(1 - 2 * 0.125)
    expect(optimizer.report().tensors.map(({ rule }) => rule.name)).toEqual(['sgd', 'sgd', 'momentum', 'sgd'])
  })

  test('applies `set` with a match only to current tensors', () => {
    const params = { w: one(), bias: one() }
    const optimizer = new Optimizer(params, gradientDescent({ lr: 1 }), engine)
    optimizer.set('**.bias', { lr: 0.25 })
    const more = optimizer.add({ head: { bias: one() } })
    expect(optionsOf(more, 'lr')).toEqual({ w: 1, bias: 0.25, 'head.bias': 1 })
    more.step({ w: one(), bias: one(), head: { bias: one() } })
    expect([more.params.w[0], more.params.bias[0], more.params.head.bias[0]]).toEqual([0, 0.75, 0])
    more.set({ lr: 0.5 })
    expect(optionsOf(more.add({ last: one() }), 'lr')).toEqual({
      w: 0.5,
      bias: 0.5,
      'head.bias': 0.5,
      last: 0.5,
    })
    expect(() => more.set('nothing', { lr: 1 })).toThrow('set: match')
    expect(more.rule).toEqual(gradientDescent({ lr: 0.5 }))
  })

  test('reports the groups of each tensor, and lists groups and tensors without a match', () => {
    const params = { z: new Float64Array(6), a: { w: one() }, f: one() }
    const optimizer = new Optimizer(params, adam({ lr: 1 }), {
      shapes: { z: [2, 3] },
      groups: [
        { match: 'nothing', lr: 3 },
        { match: 'z', lr: 2 },
        { match: ['f', 'z'], lrScale: 0.5 },
        { match: 'f', frozen: true },
        { match: '**.weight', lr: 5 },
      ],
      ...engine,
    })
    optimizer.step({ z: new Float64Array(6) })
    const at = { engine: engine.engine }
    expect(optimizer.report()).toEqual({
      tensors: [
        {
          name: 'z',
          shape: [2, 3],
          length: 6,
          rule: adam({ lr: 1 }),
          updates: 1,
          frozen: false,
          groups: [1, 2],
          lr: 1,
          ...at,
        },
        {
          name: 'a.w',
          shape: null,
          length: 1,
          rule: adam({ lr: 1 }),
          updates: 0,
          frozen: false,
          groups: [],
          lr: 1,
          ...at,
        },
        {
          name: 'f',
          shape: null,
          length: 1,
          rule: adam({ lr: 0.5 }),
          updates: 0,
          frozen: true,
          groups: [2, 3],
          lr: null,
          ...at,
        },
      ],
      unmatchedTensors: ['a.w'],
      unusedGroups: [0, 4],
    })
  })
})
