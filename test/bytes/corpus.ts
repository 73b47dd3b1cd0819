/** Valid inputs of the byte readers, and inputs that once exposed a bug. Fuzzers start from this corpus. */

import {
  adam,
  adamw,
  cosine,
  ema,
  muon,
  nesterov,
  Optimizer,
  type Rule,
  scheduleFreeSgd,
  sgd,
  warmup,
} from 'antigrad'
import { toBlob } from 'antigrad/files'
import { HASH } from '../../dist/arena/manifest.js'
import { version } from '../../dist/core/package.js'
import { readFitsRequest, readSweepRequest } from '../../dist/jobs/request.js'
import { initial as fitState } from '../../page/src/fit/state.js'
import { toHash as fitHash } from '../../page/src/fit/state-address.js'
import { scenes, TIGER } from '../../page/src/scenes.js'
import { toHash as raceHash, initial as raceState } from '../../page/src/state.js'
import { twins } from '../equations/rules.js'
import { encode } from '../model/resume.js'

/** A safetensors file as JSON: its header, and its bytes as characters (see `readers.ts`). */
const fileOf = (header: object, data: string, isSound = false) => JSON.stringify({ header, data, isSound })

/** A run as `antigrad/files` writes the run. The checksums are recomputed after edits. */
async function savedFile(rule: Rule, options: object = {}): Promise<string> {
  const params = { w: Float32Array.of(1, 2, 3, 4), b: Float32Array.of(5) }
  const optimizer = new Optimizer(params, rule, { shapes: { w: [2, 2] }, ...options } as never)
  optimizer.gradientPoint()
  optimizer.step(params as never)
  const extra = '{"epoch":3,"state":[-0,1e-300],"a b":{"c":null}}'
  const metadata = {
    'checkpoint.step': '12',
    'checkpoint.metrics': '{"loss":0.5}',
    'checkpoint.extra': extra,
  }
  const bytes = Buffer.from(await (await toBlob(optimizer, { metadata })).arrayBuffer())
  const end = 8 + Number(bytes.readBigUInt64LE())
  const header = JSON.parse(bytes.toString('utf8', 8, end))
  return fileOf(header, bytes.toString('latin1', end), true)
}

/** A PyTorch optimizer with one parameter. All numbers are 0. */
const torchFile = (optim: string, group: object, state: readonly string[]) => {
  const names = ['params/0', ...state.map((key) => `${key}/0`)]
  const tensors = names.map((name, k) => [
    name,
    { dtype: 'F32', shape: [2], data_offsets: [k * 8, k * 8 + 8] },
  ])
  const groups = JSON.stringify([{ lr: 0.1, ...group, params: [0] }])
  const metadata = { 'torch.optim': optim, param_groups: groups }
  return fileOf({ __metadata__: metadata, ...Object.fromEntries(tensors) }, '\0'.repeat(names.length * 8))
}

function saved(rule: Rule, options: object = {}): string {
  const params = { w: Float32Array.of(1, 2, 3, 4), body: [Float32Array.of(5), new Float32Array(0)] }
  const optimizer = new Optimizer(params, rule, {
    shapes: { w: [2, 2], body: [[1], [0]] },
    ...options,
  } as never)
  optimizer.gradientPoint()
  optimizer.step(params as never)
  return encode(optimizer.save())
}

const rules: readonly Rule[] = [
  adam({ lr: 0.1, amsgrad: true }),
  adamw({ lr: warmup(cosine(1e-3, { steps: 10 }), { steps: 3 }) }),
  sgd({ momentum: 0.9, nesterov: true }),
  muon({ lr: 0.02 }),
  scheduleFreeSgd(),
]

const own = (name: string) => {
  const { own, options } = twins.find((twin) => twin.name === name) as (typeof twins)[number]
  return own(options) as Rule & { readonly equations: { readonly step: string } }
}
const ownRules = ['own-adamw', 'own-lars', 'own-mars'].map(own)

const kernels = HASH.toString(16).padStart(8, '0')
const common = { format: 2, version, kernels }
const sweep = {
  kind: 'sweep',
  asked: readSweepRequest('sweep', {
    rule: 'momentum',
    options: { lr: [0.1, 0.2], momentum: [0, 0.9] },
    starts: 4,
  }),
}
const table = {
  group: 'well',
  drop: false,
  format: { delimiter: ',', decimal: '.', isGrouped: false, comment: '#' },
}
const fits = (model: object) => ({ kind: 'fits', asked: readFitsRequest('fits', model), table })
const chunk = (to: number, end: number) => ({ to, end, sha256: '0123456789abcdef'.repeat(4) })
const data = { file: 'wells.csv', bytes: 900, header: 9 }
const plans = [
  { ...common, specification: sweep, chunks: [{ to: 2 }, { to: 4 }] },
  {
    ...common,
    specification: fits({ model: 'a*exp(-b*t) + c', x: { t: 't' }, start: { a: 1, b: 1, c: 0 } }),
    ...{ data, chunks: [chunk(3, 300), chunk(4, 900)] },
  },
  {
    ...common,
    specification: fits({ model: 'fourPL', x: { dose: 'dose' }, y: 'response', loss: 'huber' }),
    ...{ data, chunks: [chunk(1, 900)] },
  },
]

export const corpus = {
  'saved runs': [
    ...[...rules, ...ownRules].map((rule) => saved(rule)),
    saved(adam(), {
      groups: [
        { match: 'body.*', rule: nesterov(), lrScale: 0.5 },
        { match: 'w', frozen: true },
      ],
      ...{ average: ema(0.5), lookahead: { steps: 2 }, accumulate: 2, clip: { norm: 1 } },
    }),
  ],
  'safetensors files': [
    fileOf({}, ''),
    fileOf(
      {
        __metadata__: { by: 'us' },
        a: { dtype: 'F32', shape: [2, 1], data_offsets: [4, 12] },
        'b.c': { dtype: 'BF16', shape: [2], data_offsets: [0, 4] },
        d: { dtype: 'I64', shape: [], data_offsets: [12, 20] },
        e: { dtype: 'F8_E4M3', shape: [3], data_offsets: [20, 23] },
        none: { dtype: 'F16', shape: [0, 7], data_offsets: [23, 23] },
      },
      '\0\x01\x02\xff'.repeat(6).slice(0, 23),
    ),
    // An input that is not JSON consists of plain bytes.
    '\x02\0\0\0\0\0\0\0{}',
    '\x39\0\0\0\0\0\0\0{"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}}    abc',
    await savedFile(adam({ lr: 0.1 })),
    await savedFile(sgd({ momentum: 0.9 }), { average: ema(0.5), groups: [{ match: 'b', frozen: true }] }),
    torchFile('SGD', { momentum: 0.9, foreach: null }, ['momentum_buffer']),
    torchFile('Adam', { betas: [0.9, 0.99], amsgrad: false }, ['exp_avg', 'exp_avg_sq', 'step']),
  ],
  expressions: [
    'a*exp(-b*t) + c',
    '(1 - x)^2 + 100 (y - x^2)^2',
    'x > 0 && y < 1 ? log(x + 1e-3) : atan2(y, -x)**2',
    '10*2 + x^2 - 10*cos(2*pi*x)',
    '-(a)^-2^.5e-1 / max(a, min(b, 1)) != 0 ? 1 : 0',
    'lgamma(x) + erf(y)*floor(z) - abs(sign(x))',
  ],
  tables: [
    't,y\n0,4\n0.5,2.9\n1,2.1\n',
    '# made by hand\n"t (s)";"y"\r\n0,5;1.234,5\r\n1,5;-3e-2\r\n',
    't y group\n 0  1 a\n 1  2 a\n 0  5 b\n 1  7 b\n',
    't\ty\n1\t"2"\n2\t\u22123,5\n3\t50 %\n',
    't,y\n1,"a ""quoted"" cell,\nof two lines"\n2,3\n',
  ],
  JSON: [
    ...[...rules, ...ownRules].map((rule) => JSON.stringify(rule)),
    '{"name":"adam","lr":{"schedule":"warmup","value":0.05,"steps":3,"from":0}}',
    '{"name":"sgd","lr":{"schedule":"piecewise","values":[1,2],"steps":[3]},"momentum":0.5}',
  ],
  equations: ['sgd-nesterov', 'adamw', 'amsgrad', 'lion', 'lamb', 'lars', 'mars', 'stableAdamW'].map(
    (name) => own(`own-${name}`).equations.step,
  ),
  'chunk plans': plans.map((plan) => JSON.stringify(plan)),
  'links of races': [
    raceHash(raceState),
    'f=own&expression=x%5E2%20%2B%20y%5E2&view=-3,3,-3,3&from=1,2&adam=lr:0.1&momentum=lr:warmup(0.1%3B%20steps%3A%203)',
    ...scenes.map(({ hash }) => hash).filter((hash) => hash.includes('own=')),
    `equations=${TIGER.replace('m: 0', "m: 'gradient'")}&own=lr:warmup(0.1,{steps:3}),delay:2&own=beta:0.5`,
    `equations=${encodeURIComponent("equations('a', { scalars: { p: 1 }, step: 'p = p/2; theta = theta - norm(g)*p*g' })")}&own=`,
    'f=rastrigin&tolerance=1e-3&maxIterations=99&distance=.1&adamw=lr:1e-3,weightDecay:0.1,amsgrad:true',
  ],
  'links of fits': [
    fitHash({
      ...fitState,
      x: 't',
      y: 'v (m/s)',
      derive: 'half = log(2)/b',
      parameters: { a: { start: 2, min: 0 } },
    }),
    'model=fourPL&x=dose&y=response&group=plate&loss=huber&band=prediction&profile=true&logX=true&fixed.top=true',
  ],
} satisfies Record<string, readonly string[]>

export type Target = keyof typeof corpus

/** Fragments that have a meaning for some reader. */
export const words: Readonly<Record<Target, readonly string[]>> = {
  'saved runs': [
    ...[
      '"float32":',
      '"float64":',
      '"__proto__":',
      '"tensors":',
      '"clock":',
      '"t":',
      'null',
      '{}',
      '[]',
      '-1',
    ],
    ...[
      '1e308',
      '"NaN"',
      '7fc00000',
      'ffffffff',
      '9007199254740993',
      '"shape":[',
      '"name":"adam"',
      '"rule":',
    ],
  ],
  'safetensors files': [
    ...[
      '"dtype":',
      '"shape":[',
      '[[[[[[[[',
      '{"a":'.repeat(9),
      '"data_offsets":[',
      '"__metadata__":',
      '"__proto__":',
      '"header":',
      '"data":',
      '"isSound":true',
      '\\u0000',
      '\u0000',
      '\u00ff',
      '9007199254740993',
      '1e308',
    ],
    ...['-1', '"F4"', '"BOOL"', '{}', '[]', '""', '\\ud800', '{"a":', ',', '}'],
  ],
  expressions: [
    ...[
      '(',
      ')',
      '^',
      '**',
      '-',
      '?',
      ':',
      '&&',
      '||',
      '!',
      ',',
      'exp(',
      'pi',
      'e',
      '1e400',
      '.',
      'x',
      '<=',
      ' ',
    ],
    ...['lgamma(', 'atan2(', 'toString', '__proto__', '\u0000', 'ä', '\ud83d\ude00', '((((((((', '--------'],
  ],
  tables: [
    ...[
      ',',
      ';',
      '\t',
      '"',
      '""',
      '\n',
      '\r',
      '\r\n',
      '#',
      '%',
      '\u22121',
      '1.234,5',
      '1e999',
      'NaN',
      't',
      'y',
    ],
    ...['\u0000', '\ufeff', ' ', '\u00a0', '"\n"', '0x10', '__proto__', '1,2,3,4,5,6,7,8,9'],
  ],
  JSON: [
    ...[
      '"lr":',
      '"schedule":',
      '"values":',
      '"__proto__":',
      '"constructor":',
      'null',
      'true',
      '[]',
      '{}',
      '-1',
    ],
    ...['1e308', '1e-324', '"name":', '"prodigy"', '"fallback":', '[[1,2,3]]', '"steps":0', '99999999999'],
  ],
  equations: [
    ...[
      'theta',
      'g',
      't',
      'm',
      'v',
      'b',
      'p1',
      'lr',
      '=',
      ';',
      '\n',
      ' ',
      '(',
      ')',
      '?',
      ':',
      '^',
      '-',
      '/',
      ',',
    ],
    ...[
      'sqrt(',
      'sum(',
      'all.norm(',
      'max(abs(',
      'over(',
      'sign(',
      '<=',
      '==',
      '&&',
      '!',
      '1e400',
      '1e-324',
      '.',
    ],
    ...['__proto__', 'toString', 'constructor = 1', '((((((((', '--------', '\u0000', '\ud83d\ude00', '#'],
  ],
  'chunk plans': [
    ...[
      '"kind":',
      '"chunks":',
      '"to":',
      '"end":',
      '"sha256":',
      '"file":',
      '"asked":',
      '"__proto__":',
      'null',
    ],
    ...['[]', '{}', '-1', '0.5', '1e308', '9007199254740993', '"model":', '"options":', '"../../etc/passwd"'],
  ],
  'links of races': [
    ...[
      '&',
      '=',
      ',',
      ':',
      '%',
      '%00',
      '%ff',
      'f=',
      'from=',
      'adam=',
      'lr:',
      'NaN',
      'Infinity',
      '1e400',
      '__proto__',
    ],
    ...['constructor=', 'maxIterations=', '-', '#', 'warmup(', ')', 'view=1,1,1,1', '%F0%9F%98%80'],
    ...[
      'equations=',
      'own=',
      "'",
      '`',
      '//',
      '/*',
      '${',
      '\\',
      '{',
      '}',
      'step:',
      'state:',
      'theta',
      'g',
      '*',
    ],
  ],
  'links of fits': [
    ...[
      '&',
      '=',
      '.',
      '%',
      '%00',
      '%ff',
      'model=',
      'start.',
      'min.',
      'fixed.',
      '__proto__',
      'constructor',
      'loss=',
    ],
    ...['NaN', 'Infinity', '1e400', 'true', '#', 'group=', 'start.__proto__=1', 'x=', 'own'],
  ],
}
