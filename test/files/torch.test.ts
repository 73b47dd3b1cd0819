/**
 * PyTorch optimizers. `data/torch` contains each rule's state after the update `savedAfter` of the runs in
 * `data/groups.json`, as the Python lines in docs/files.md write the state. The runs continue in antigrad and again in
 * PyTorch.
 */

import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { adam, adamw, cosine, lion, Optimizer, OptionError, type Rule, rmsprop, sgd } from 'antigrad'
import { FileError, fromTorch, openFile, toBlob, toTorch } from 'antigrad/files'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { home } from '../children.js'
import { fileOf as bytesIn } from './nested-file.js'

interface Run {
  readonly system: string
  readonly lrTimes: { readonly update: number; readonly group: number }
  readonly savedAfter: number
  readonly missing: readonly number[]
  readonly lrs: readonly (readonly number[])[]
  readonly gradients: readonly (readonly (readonly number[])[])[]
  readonly parameters: readonly (readonly (readonly number[])[])[]
}
const { runs }: { runs: Run[] } = JSON.parse(
  readFileSync(new URL('../data/groups.json', import.meta.url), 'utf8'),
)
const fileOf = ({ system }: Run) =>
  new URL(`../data/torch/${system.split('.').at(-1)}.safetensors`, import.meta.url)
const names = ['layer.0', 'layer.1', 'head']

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'antigrad-torch-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

describe.each(runs)('a PyTorch optimizer from $system', (run) => {
  const load = async () =>
    Optimizer.load<Record<string, Float64Array>, Rule>(await fromTorch(fileOf(run), { names }))

  test('continues in antigrad with an accuracy of 1e-12', async () => {
    const optimizer = await load()
    const updates = names.map((name) => optimizer.state[name].updates)
    // PyTorch's SGD has no update count.
    expect(updates).toEqual(run.system === 'torch.optim.SGD' ? [1, 1, 1] : [8, 6, 3])
    const largest = run.parameters[0].map((values) => values.map(() => 0))
    run.parameters.forEach((all, t) => {
      if (t > run.savedAfter) {
        const { update, group } = run.lrTimes
        if (t === update) optimizer.set(names[group], { lr: run.lrs[t][group] })
        optimizer.step(
          Object.fromEntries(
            names.map((name, i) => [
              name,
              run.missing[t] === i ? null : Float64Array.from(run.gradients[t][i]),
            ]),
          ) as never,
        )
      }
      all.forEach((values, i) => {
        values.forEach((value, k) => {
          largest[i][k] = Math.max(largest[i][k] ?? 0, Math.abs(value))
          if (t < run.savedAfter) return
          const difference = Math.abs(optimizer.params[names[i]][k] - value)
          expect(difference, `update ${t}, ${names[i]}, ${k}`).toBeLessThanOrEqual(1e-12 * largest[i][k])
        })
      })
    })
  })

  test("keeps its tensors and parameter groups when antigrad writes PyTorch's format", async () => {
    const path = join(folder, 'back.safetensors')
    await toTorch(path, await load())
    const [back, given] = [await openFile(path), await openFile(fileOf(run))]
    expect([...back.tensors.keys()].sort()).toEqual([...given.tensors.keys()].sort())
    for (const [name, { shape, dtype }] of given.tensors) {
      expect(back.tensors.get(name)).toMatchObject({ shape, dtype })
      expect(await back.read(name), name).toEqual(await given.read(name))
    }
    const groupsOf = ({ metadata }: typeof back) => JSON.parse(metadata.get('param_groups') ?? '')
    const [ours, theirs] = [groupsOf(back), groupsOf(given)]
    expect(ours).toHaveLength(3)
    ours.forEach((group: object, k: number) => {
      expect(theirs[k]).toMatchObject(group)
    })
    expect(back.metadata.get('torch.optim')).toBe(given.metadata.get('torch.optim'))
    await Promise.all([back.close(), given.close()])
    // The file now contains the names.
    const again = Optimizer.load<Record<string, Float64Array>>(await fromTorch(path))
    expect(Object.keys(again.params)).toEqual(names)
  })
})

test('the function toTorch writes the state at the time of the call', async () => {
  const optimizer = new Optimizer({ w: new Float32Array(3_000_000).fill(1) }, sgd({ lr: 0.5, momentum: 0.9 }))
  const path = join(folder, 'moment.safetensors')
  const writing = toTorch(path, optimizer)
  optimizer.step({ w: new Float32Array(3_000_000).fill(1) })
  await writing
  const file = await openFile(path)
  expect((await file.read('params/0')).every((value) => value === 1)).toBe(true)
  // PyTorch has no buffer before the first step.
  expect([...file.tensors.keys()]).toEqual(['params/0'])
  await file.close()
})

test.each<[string, Rule, object, string]>([
  ['a rule that Torch lacks', lion(), {}, 'a rule that Torch supports'],
  ['an option that Torch lacks', adam({ cautious: true }), {}, "options that Torch's Adam supports"],
  ['a form that Torch lacks', rmsprop({ form: 'essay' }), {}, "options that Torch's RMSprop supports"],
  ['a schedule', adamw({ lr: cosine(0.1, { steps: 9 }) }), {}, 'numbers instead of schedules'],
  ['two rules', adam(), { groups: [{ match: 'b', rule: sgd() }] }, 'expected Adam, the same rule'],
  [
    'a model without updated tensors',
    adam(),
    { groups: [{ match: '*', frozen: true }] },
    'at least one tensor that is not frozen',
  ],
])('the function toTorch refuses an optimizer with %s', async (_, rule, options, message) => {
  const optimizer = new Optimizer({ a: Float32Array.of(1), b: Float32Array.of(2) }, rule, options as never)
  const error = await toTorch(join(folder, 'never'), optimizer).catch((thrown) => thrown)
  expect(error).toBeInstanceOf(OptionError)
  expect(error.message).toContain(message)
})

test.each<[string, unknown]>([
  ['too few names', ['a', 'b']],
  ['a duplicate name', ['a', 'b', 'a']],
  ['a pattern', ['a', '*', 'b']],
  ['numbers', [1, 2, 3]],
  ['no array', 7],
])('the function fromTorch refuses wrong tensor names: %s', async (_, given) => {
  await expect(fromTorch(fileOf(runs[0]), { names: given as never })).rejects.toThrow(OptionError)
})

/** A file with one parameter and the given metadata. */
async function written(metadata: Readonly<Record<string, string>>): Promise<Blob> {
  const optimizer = new Optimizer({ 'params/0': Float32Array.of(1) }, adam())
  return toBlob(optimizer, { content: 'params', metadata })
}
const groups = (group: object) => JSON.stringify([{ params: [0], ...group }])

test.each<[string, Readonly<Record<string, string>>, string]>([
  ['no metadata of Torch', {}, 'metadata: param_groups: expected JSON'],
  ['invalid JSON', { param_groups: '[', 'torch.optim': 'Adam' }, 'expected JSON'],
  ['an unknown rule', { param_groups: groups({}), 'torch.optim': 'LBFGS' }, 'expected one of SGD, Adam'],
  [
    'a name of Object.prototype',
    { param_groups: groups({}), 'torch.optim': 'toString' },
    'expected one of SGD',
  ],
  [
    'an unknown option',
    { param_groups: groups({ more: 1 }), 'torch.optim': 'Adam' },
    'options of Adam that antigrad supports',
  ],
  ['an option of another type', { param_groups: groups({ lr: '1' }), 'torch.optim': 'Adam' }, 'lr: expected'],
  ['invalid betas', { param_groups: groups({ betas: 7 }), 'torch.optim': 'Adam' }, ''],
  [
    'wrong indices',
    { param_groups: '[{"params":[1]}]', 'torch.optim': 'Adam' },
    'in the order of state_dict()',
  ],
  ['no indices', { param_groups: '[{}]', 'torch.optim': 'Adam' }, 'in the order of state_dict()'],
  ['no groups', { param_groups: '[]', 'torch.optim': 'Adam' }, 'names: expected 0 names'],
  [
    'more parameters',
    { param_groups: '[{"params":[0,1]}]', 'torch.optim': 'Adam' },
    'tensor: expected one of',
  ],
])('the function fromTorch reads or refuses a PyTorch file with %s', async (_, metadata, message) => {
  const result = await fromTorch(await written(metadata)).catch((thrown) => thrown)
  if (message === '') expect(result).toMatchObject({ rule: { beta1: 0.9 } })
  else {
    expect(result instanceof FileError || result instanceof OptionError).toBe(true)
    expect(result.message).toContain(message)
  }
})

test('the function fromTorch reads Adam with decoupled decay as AdamW, and AdamW with coupled decay as Adam', async () => {
  const ruleOf = async (optimizer: string, flag: boolean) => {
    const metadata = { param_groups: groups({ decoupled_weight_decay: flag }), 'torch.optim': optimizer }
    return (await fromTorch(await written(metadata))).rule.name
  }
  expect(await ruleOf('Adam', true)).toBe('adamw')
  expect(await ruleOf('Adam', false)).toBe('adam')
  expect(await ruleOf('AdamW', true)).toBe('adamw')
  expect(await ruleOf('AdamW', false)).toBe('adam')
})

/** Adam with one parameter, after a number of updates. */
function after(step: number, betas: readonly number[]): Uint8Array {
  const tensors = ['params/0', 'exp_avg/0', 'exp_avg_sq/0'].map((name, k) => [
    name,
    { dtype: 'F32', shape: [1], data_offsets: [8 + 4 * k, 12 + 4 * k] },
  ])
  const metadata = { 'torch.optim': 'Adam', param_groups: groups({ lr: 0.1, betas }) }
  const counted = { 'step/0': { dtype: 'F64', shape: [], data_offsets: [0, 8] } }
  const header = { __metadata__: metadata, ...counted, ...Object.fromEntries(tensors) }
  const bytes = Buffer.from(bytesIn(JSON.stringify(header), 20))
  bytes.writeDoubleLE(step, bytes.length - 20)
  return bytes
}

test.each([
  [0.9, 0.999],
  [1 - 2 ** -53, 1 - 1e-9],
])(
  'the function fromTorch immediately reads the state after 2⁵³ − 2 updates with the β values %d and %d',
  (...betas) => {
    const path = join(folder, 'many')
    writeFileSync(path, after(2 ** 53 - 2, betas))
    const script = `const { fromTorch } = require('antigrad/files')
    fromTorch(${JSON.stringify(path)}).then(({ tensors }) => console.log(JSON.stringify(tensors[0].clock)))`
    const child = spawnSync(process.execPath, ['-e', script], {
      cwd: home,
      encoding: 'utf8',
      timeout: 60_000,
    })
    expect(child).toMatchObject({ signal: null, stderr: '' })
    const { t, product1, product2 } = JSON.parse(child.stdout)
    expect(t).toBe(2 ** 53 - 2)
    expect(product1).toBeCloseTo(betas[0] === 0.9 ? 0 : Math.exp(-1), 7)
    expect(product2).toBeCloseTo(0, 9)
  },
)

test('the function fromTorch computes powers of β by repeated multiplication for up to a million updates', async () => {
  const clockOf = async (t: number) => {
    const { tensors } = await fromTorch(new Blob([after(t, [0.9, 1 - 1e-7]) as BlobPart]))
    return (tensors[0].clock as { product2: number }).product2
  }
  let product = 1
  for (let k = 0; k < 2 ** 20; k++) product *= 1 - 1e-7
  expect(await clockOf(2 ** 20)).toBe(product)
  expect(await clockOf(2 ** 20 + 5)).toBeCloseTo(product * (1 - 1e-7) ** 5, 14)
  expect(await clockOf(1e7)).toBeCloseTo((1 - 1e-7) ** 1e7, 9)
})
