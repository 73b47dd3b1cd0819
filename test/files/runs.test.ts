/** Runs as files: a file contains the state at the moment of the call, whatever happens during the write. */

import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { inspect } from 'node:util'
import {
  adagrad,
  adam,
  adamw,
  BusyError,
  ema,
  Optimizer,
  OptionError,
  type Rule,
  rmsprop,
  type SavedRun,
  sgd,
  sm3,
  sparseRows,
  swa,
} from 'antigrad'
import { FileError, openFile, readFile, toBlob, writeFile } from 'antigrad/files'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fromBfloat16, fromFloat16, toBfloat16, toFloat16 } from '../../dist/files/format/float16.js'
import { cases } from '../cases.js'
import { dtypes, noise } from '../helpers.js'
import { longRun } from '../model/long-run.js'
import { decode, encode, goOn } from '../model/resume.js'
import { variants } from '../support.js'
import { fileOf, nested } from './nested-file.js'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'antigrad-files-'))
})
afterAll(() => rmSync(folder, { recursive: true }))
let count = 0
const fresh = () => join(folder, `${count++}.safetensors`)

describe.each(variants)("a run's file on $name", ({ name: _, ...engine }) => {
  test.each(dtypes)('continues a run that uses all features with the same bits, %s', async (dtype) => {
    const run = longRun(dtype, engine)
    goOn(run, 0, 33)
    const path = fresh()
    await writeFile(path, run)
    const saved = await readFile(path)
    expect(encode(saved)).toBe(encode(run.save()))
    const other = Optimizer.load<unknown, Rule>(saved, engine)
    goOn(run, 33, 50)
    goOn(other as never, 33, 50)
    expect(encode(other.save())).toBe(encode(run.save()))
  })
})

/** Runs without function options, because functions cannot be saved. */
const savable = cases.filter(
  ({ rule, options }) => !/\[Function/.test(inspect([rule, options], { depth: 9 })),
)

test.each(savable)(
  'a run with $name is unchanged after being saved to a file and loaded again',
  async ({ rule, options }) => {
    const w = noise(1, 12, 'float32')
    const optimizer = new Optimizer({ w, b: noise(2, 3, 'float32') }, rule, {
      shapes: { w: [3, 4] },
      ...options,
    } as never)
    for (let t = 0; t < 3; t++) {
      optimizer.gradientPoint()
      optimizer.step({ w: noise(10 + t, 12, 'float32'), b: noise(20 + t, 3, 'float32') } as never)
    }
    const saved = await readFile(await toBlob(optimizer))
    expect(encode(saved)).toBe(encode(optimizer.save()))
  },
)

test("names, shapes and metadata in a run's file match the docs", async () => {
  const params = { layer: { w: noise(1, 6, 'float32') }, b: noise(2, 2, 'float32') }
  const options = {
    shapes: { layer: { w: [2, 3] } },
    average: ema(0.9),
    accumulate: 2,
    lookahead: { steps: 2 },
  }
  const optimizer = new Optimizer(params, sm3({ lr: 0.1 }), options as never)
  const path = pathToFileURL(fresh())
  await writeFile(path, optimizer, { metadata: { step: '7' } })
  const file = await openFile(path)
  const shapes = [...file.tensors].map(([name, { dtype, shape }]) => `${name} ${dtype} [${shape}]`)
  expect(shapes).toEqual([
    'params/layer.w F32 [2,3]',
    'state/m/layer.w F32 [2,3]',
    'state/r/layer.w F32 [2]',
    'state/c/layer.w F32 [3]',
    'average/layer.w F32 [2,3]',
    'slow/layer.w F32 [2,3]',
    'accumulated/layer.w F32 [2,3]',
    'params/b F32 [2]',
    'state/v/b F32 [2]',
    'state/m/b F32 [2]',
    'average/b F32 [2]',
    'slow/b F32 [2]',
    'accumulated/b F32 [2]',
  ])
  expect([...file.metadata.keys()]).toEqual([
    'antigrad.version',
    'antigrad.run',
    'step',
    'antigrad.tensors',
    'antigrad.texts',
  ])
  await file.close()
})

type Large = Optimizer<Readonly<Record<string, Float32Array>>, Rule>

const numbers = (seed: number, length: number) => noise(seed, length, 'float32') as Float32Array
const [W, FROZEN] = [2_000_000, 1_500_000]
const gradients = { w: numbers(7, W), b: numbers(8, 7) }

/** Makes an optimizer whose tensors span several pieces of 4 MiB. */
function large(): Large {
  const params = { frozen: numbers(1, FROZEN), w: numbers(2, W), b: numbers(3, 7) }
  const optimizer = new Optimizer<Readonly<Record<string, Float32Array>>, Rule>(params, adamw({ lr: 0.1 }), {
    groups: [{ match: 'frozen', frozen: true }],
    shapes: { w: [W, 1], b: [7], frozen: [FROZEN, 1] },
  })
  optimizer.step({ w: numbers(5, W), b: numbers(6, 7) })
  return optimizer
}

/** A run with a hash for each array. */
const digest = (saved: SavedRun) =>
  JSON.stringify(saved, (_, value) =>
    ArrayBuffer.isView(value)
      ? createHash('sha1')
          .update(value as Uint8Array)
          .digest('hex')
      : value,
  )

const changes: readonly (readonly [string, (optimizer: Large, before: SavedRun) => unknown])[] = [
  ['nothing', () => {}],
  ['step', (optimizer) => optimizer.step(gradients)],
  ['several steps', (optimizer) => [1, 2, 3].map(() => optimizer.step(gradients))],
  ['stepAsync', (optimizer) => optimizer.stepAsync(gradients)],
  [
    'unfreeze',
    (optimizer) => {
      optimizer.unfreeze('frozen')
      optimizer.step({ ...gradients, frozen: numbers(9, FROZEN) })
    },
  ],
  [
    'freeze',
    (optimizer) => {
      optimizer.freeze('w')
      optimizer.unfreeze('w')
      optimizer.step(gradients)
    },
  ],
  [
    'appendRows',
    (optimizer) => {
      optimizer.appendRows('w', numbers(9, 10))
      optimizer.appendRows('frozen', numbers(9, 10))
    },
  ],
  [
    'appendRows and a sparse step',
    (optimizer) => {
      optimizer.appendRows('w', numbers(9, 10))
      optimizer.step({ w: sparseRows([3, W + 9], numbers(7, 2)) } as never)
    },
  ],
  ['restore', (optimizer, before) => optimizer.restore(before)],
  ['set', (optimizer) => optimizer.set({ lr: 7 })],
]

test.each(changes)(
  "a run's file contains the state at the time of the write call, even if %s follows",
  async (_, change) => {
    const optimizer = large()
    const before = optimizer.save()
    optimizer.step(gradients)
    const expected = digest(optimizer.save())
    const path = fresh()
    const writing = writeFile(path, optimizer)
    await change(optimizer, before)
    await writing
    expect(digest(await readFile(path))).toEqual(expected)
    // A later save in the middle of the run.
    const later = digest(optimizer.save())
    const again = writeFile(path, optimizer)
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
    await change(optimizer, before)
    await again
    expect(digest(await readFile(path))).toEqual(later)
  },
)

test.each(savable)(
  'a step with missing gradients during a file write does not affect the written file: $name',
  async ({ rule, options }) => {
    const sizes = { w: 12, b: 3, c: 5 }
    const all = (seed: number) =>
      Object.fromEntries(
        Object.entries(sizes).map(([name, size]) => [name, noise(seed + size, size, 'float32')]),
      )
    const optimizer = new Optimizer(all(1), rule, { shapes: { w: [3, 4] }, ...options } as never)
    const step = (gradients: object) => {
      optimizer.gradientPoint()
      optimizer.step(gradients as never)
    }
    for (const [seed, name] of [
      [50, 'w'],
      [60, 'b'],
      [70, 'c'],
    ] as const) {
      step(all(seed))
      const expected = encode(optimizer.save())
      const writing = toBlob(optimizer)
      step({ ...all(seed + 1), [name]: null })
      step({ [name]: all(seed + 2)[name] })
      step(all(seed + 3))
      expect(encode(await readFile(await writing))).toBe(expected)
    }
  },
)

const around: readonly (readonly [string, object])[] = [
  ['sums of three batches', { accumulate: 3 }],
  ['lookahead', { lookahead: { steps: 2 } }],
  ['an average of some updates', { average: swa({ start: 1, every: 2 }) }],
  ['all of these together', { accumulate: 2, lookahead: { steps: 2 }, average: ema(0.5) }],
]

test.each(around)('steps during a file write do not affect the written file: %s', async (_, options) => {
  const rules = new Map(savable.map(({ rule }) => [rule.name, rule]))
  for (const rule of rules.values()) {
    // Rules with a built-in average exclude lookahead.
    if ('lookahead' in options && JSON.stringify(rule).includes('scheduleFree')) continue
    const w = noise(1, 12, 'float32')
    const optimizer = new Optimizer({ w, b: noise(2, 3, 'float32'), c: noise(3, 5, 'float32') }, rule, {
      shapes: { w: [3, 4] },
      groups: [{ match: 'c', frozen: true }],
      ...options,
    } as never)
    for (let t = 0; t < 6; t++) {
      optimizer.gradientPoint()
      const expected = encode(optimizer.save())
      const writing = toBlob(optimizer)
      const [first, second] = [noise(10 + t, 12, 'float32'), noise(20 + t, 3, 'float32')]
      optimizer.step(
        (t % 3 === 0 ? { w: first } : t % 3 === 1 ? { b: second } : { w: first, b: second }) as never,
      )
      expect(encode(await readFile(await writing)), rule.name).toBe(expected)
    }
  }
})

const byRow: readonly (readonly [string, Rule, object])[] = [
  ['sgd', sgd({ lr: 0.1, momentum: 0.9 }), {}],
  ['adagrad', adagrad({ lr: 0.1 }), {}],
  ['adam', adam({ lr: 0.1, perRow: true }), {}],
  ['adamw', adamw({ lr: 0.1, amsgrad: true }), { average: swa({ every: 3 }) }],
  ['rmsprop', rmsprop({ lr: 0.1, momentum: 0.9 }), { lookahead: { steps: 4 } }],
  ['sgd with sums', sgd({ lr: 0.1, momentum: 0.9 }), { accumulate: 3 }],
]

/** Rows that cross piece boundaries, in random order and partly repeated. */
test.each(byRow)(
  'steps with sparse gradients during a file write do not affect the written file: %s',
  async (_, rule, options) => {
    const [count, columns] = [30_001, 23]
    const given = { embed: numbers(1, count * columns), b: numbers(2, 5) }
    const optimizer = new Optimizer<typeof given, Rule>(given, rule, {
      shapes: { embed: [count, columns] },
      ...options,
    })
    const step = (seed: number) => {
      const some = Array.from({ length: 3000 }, (_, k) => (k * (seed + 7919)) % count)
      optimizer.step({ embed: sparseRows([...some, 5, 5], numbers(seed, 3002 * columns)), b: null } as never)
    }
    for (const turns of [0, 1, 3, 6]) {
      step(turns)
      const expected = digest(optimizer.save())
      const writing = toBlob(optimizer)
      for (let seed = 11; seed < 15; seed++) {
        step(seed)
        for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve))
      }
      if (turns === 3) optimizer.step({ embed: numbers(9, count * columns) } as never)
      expect(digest(await readFile(await writing))).toEqual(expected)
    }
  },
)

describe('a step during a file write copies', () => {
  const MIB = 2 ** 18
  const taken = (step: () => unknown) => {
    const { arrayBuffers } = process.memoryUsage()
    step()
    return (process.memoryUsage().arrayBuffers - arrayBuffers) / 2 ** 20
  }
  const two = (options: object = {}) => {
    const params = { still: numbers(1, 8 * MIB), moved: numbers(2, 2 * MIB) }
    const optimizer = new Optimizer<typeof params, Rule>(params, sgd({ lr: 0.1, momentum: 0.9 }), options)
    optimizer.step(params)
    return { optimizer, gradients: { moved: params.moved } }
  }

  test.each<[string, object, readonly number[]]>([
    ['its tensors and their state', {}, [4, 0, 0]],
    ['all averages when they change', { average: ema(0.5) }, [4 + 10, 0, 0]],
    ['averages only in some updates', { average: swa({ every: 3 }) }, [4, 10, 0]],
    ['all tensors when lookahead moves them', { lookahead: { steps: 3 } }, [4, 8 + 10, 0]],
    ['accumulated gradients, and then all updated arrays', { accumulate: 3 }, [2, 28, 0]],
  ])('only the pieces of the state that the step changes: %s', async (_, options, most) => {
    const { optimizer, gradients } = two(options)
    const expected = digest(optimizer.save())
    const writing = toBlob(optimizer)
    expect(taken(() => optimizer.step({}))).toBeLessThan(0.1)
    for (const mib of most) expect(taken(() => optimizer.step(gradients))).toBeLessThan(mib + 0.1)
    expect(digest(await readFile(await writing))).toEqual(expected)
  })

  test('each sparse row only once', async () => {
    const embed = numbers(1, 8 * MIB)
    const columns = 64
    const shape = [embed.length / columns, columns]
    const optimizer = new Optimizer({ embed }, adam({ lr: 0.1 }), { shapes: { embed: shape } })
    const some = Uint32Array.from({ length: 2048 }, (_, k) => 7 * k)
    const gradients = { embed: sparseRows(some, numbers(3, some.length * columns)) }
    const step = () => optimizer.step(gradients)
    step()
    const expected = digest(optimizer.save())
    const writing = toBlob(optimizer)
    // Three arrays and the row indices.
    expect(taken(step)).toBeLessThan(3 * 0.5 + 0.2)
    expect(taken(step)).toBeLessThan(0.1)
    expect(digest(await readFile(await writing))).toEqual(expected)
  })

  test('no piece of the state that the file already contains', async () => {
    const { optimizer, gradients } = two()
    const expected = digest(optimizer.save())
    const writing = toBlob(optimizer)
    for (let turn = 0; turn < 4; turn++) await new Promise((resolve) => setImmediate(resolve))
    expect(taken(() => optimizer.step({ ...gradients, still: numbers(3, 8 * MIB) }))).toBeLessThan(8 + 20 - 3)
    expect(digest(await readFile(await writing))).toEqual(expected)
  })
})

test('a file whose parts are written concurrently contains the correct tensors', async () => {
  const sizes = [5_000_001, 1, 3, 70_000, 0x100000, 2, 300_000]
  const params = Object.fromEntries(sizes.map((size, k) => [`p${k}`, numbers(k + 1, size)]))
  const optimizer = new Optimizer(params, sgd({ lr: 0.1 }))
  expect(digest(await readFile(await toBlob(optimizer)))).toEqual(digest(optimizer.save()))
  for (const dtype of ['float16', 'bfloat16'] as const) {
    const file = await openFile(await toBlob(optimizer, { content: 'params', dtype }))
    const [long, short] = await Promise.all([file.read('p0'), file.read('p3')])
    const [a, b] = [await file.bytes('p0'), await file.bytes('p3')].map((bytes) => new Uint16Array(bytes))
    const [to, from] = dtype === 'float16' ? [toFloat16, fromFloat16] : [toBfloat16, fromBfloat16]
    expect([...b]).toEqual([...to(params.p3)])
    expect(Buffer.from(from(a).buffer).equals(Buffer.from((long as Float32Array).buffer))).toBe(true)
    expect([...(short as Float32Array)]).toEqual([...from(b)])
    expect(Buffer.from(a.buffer).equals(Buffer.from(to(params.p0).buffer))).toBe(true)
  }
})

test('two files that are written at the same time each contain the state at the write call', async () => {
  const optimizer = large()
  const [first, second] = [fresh(), fresh()]
  const one = [digest(optimizer.save()), writeFile(first, optimizer)] as const
  optimizer.step(gradients)
  const two = [digest(optimizer.save()), writeFile(second, optimizer)] as const
  optimizer.step(gradients)
  await Promise.all([one[1], two[1]])
  expect(digest(await readFile(first))).toEqual(one[0])
  expect(digest(await readFile(second))).toEqual(two[0])
})

test('a file write cannot be started during a step', async () => {
  const optimizer = large()
  const stepping = optimizer.stepAsync(gradients)
  await expect(writeFile(fresh(), optimizer)).rejects.toThrow(BusyError)
  await stepping
})

describe('an invalid call of a function that writes a file', () => {
  const optimizer = new Optimizer({ w: Float32Array.of(1) }, adam())
  const scheduled = new Optimizer({ w: Float32Array.of(1) }, adam({ lr: () => 0.1 }))
  test.each<[string, unknown, unknown]>([
    ['an object that is no optimizer', { save: () => optimizer.save() }, {}],
    ['null', null, {}],
    ['a function as a schedule', scheduled, {}],
    ['a dtype for a run', optimizer, { dtype: 'float16' }],
    ['an invalid dtype', optimizer, { what: 'params', dtype: 'int8' }],
    ['a missing average', optimizer, { what: 'average' }],
    ['an unknown option', optimizer, { compress: true }],
    ['invalid options', optimizer, 7],
    ['metadata with values other than strings', optimizer, { metadata: { a: 1 } }],
    ['an array as metadata', optimizer, { metadata: ['a'] }],
    ['metadata with reserved names', optimizer, { metadata: { 'antigrad.run': '{}' } }],
  ])('is refused before anything is written: %s', async (_, given, options) => {
    const before = encode(optimizer.save())
    const names = readdirSync(folder)
    await expect(writeFile(fresh(), given as never, options as never)).rejects.toThrow(OptionError)
    expect(readdirSync(folder)).toEqual(names)
    expect(encode(optimizer.save())).toBe(before)
  })
})

test('a write into a missing folder causes a file-system error and leaves no event listener', async () => {
  const optimizer = large()
  await expect(writeFile(join(folder, 'none', 'run'), optimizer)).rejects.toThrow('ENOENT')
  await expect(readFile(join(folder, 'none'))).rejects.toThrow('ENOENT')
})

test('an existing file is kept until the new file is complete, and no temporary file remains afterward', async () => {
  const path = fresh()
  const optimizer = large()
  await writeFile(path, optimizer)
  const before = readFileSync(path)
  const names = readdirSync(folder)
  const writing = writeFile(path, optimizer)
  optimizer.step(gradients)
  for (let turn = 0; turn < 3; turn++) {
    await new Promise((resolve) => setImmediate(resolve))
    expect(readFileSync(path).equals(before)).toBe(true)
  }
  await writing
  expect(readdirSync(folder)).toEqual(names)
})

test.skipIf(process.platform === 'win32')(
  'a symbolic link remains a link when the linked file is replaced',
  async () => {
    const [path, link] = [fresh(), fresh()]
    await writeFile(path, large())
    chmodSync(path, 0o600)
    symlinkSync(path, link)
    const optimizer = large()
    optimizer.step(gradients)
    await writeFile(link, optimizer)
    expect(lstatSync(link).isSymbolicLink()).toBe(true)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(Optimizer.load(await readFile(path)).updates).toBe(optimizer.updates)
    expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([])
  },
)

test.skipIf(process.platform === 'win32')(
  'a dangling symbolic link remains a link when a file is written through the link',
  async () => {
    const inner = join(folder, 'inner')
    mkdirSync(join(inner, 'deep'), { recursive: true })
    const [first, second, through] = [fresh(), fresh(), join(folder, 'through')]
    symlinkSync(join(inner, 'deep'), through)
    // The path leads through another link. The `..` in the path refers to the folder that contains the target.
    symlinkSync('../target.safetensors', join(inner, 'deep', 'next'))
    symlinkSync(join(through, 'next'), first)
    symlinkSync(first, second)
    await writeFile(second, large())
    expect([first, second, join(through, 'next')].map((path) => lstatSync(path).isSymbolicLink())).toEqual([
      true,
      true,
      true,
    ])
    expect(readdirSync(inner).sort()).toEqual(['deep', 'target.safetensors'])
    expect(Optimizer.load(await readFile(second)).updates).toBe(1)
    const loop = fresh()
    symlinkSync(loop, loop)
    await expect(writeFile(loop, large())).rejects.toThrow('ELOOP')
  },
)

test.each([
  ['242 bytes', 'n'.repeat(242)],
  ['243 bytes', 'n'.repeat(243)],
  ['255 bytes', 'n'.repeat(255)],
  ['252 bytes in 63 characters', '\u{1f600}'.repeat(63)],
])('a run can be saved in a file whose name consists of %s', async (_, name) => {
  const optimizer = new Optimizer({ w: Float32Array.of(1) }, adam())
  const path = join(folder, name)
  await writeFile(path, optimizer)
  await writeFile(path, optimizer)
  expect(encode(await readFile(path))).toBe(encode(optimizer.save()))
  rmSync(path)
})

test('an impossible file name causes a file-system error before anything is written', async () => {
  const names = readdirSync(folder)
  const optimizer = new Optimizer({ w: Float32Array.of(1) }, adam())
  await expect(writeFile(join(folder, 'n'.repeat(300)), optimizer)).rejects.toThrow('ENAMETOOLONG')
  expect(readdirSync(folder)).toEqual(names)
})

test.skipIf(process.platform === 'win32')(
  'a write does not replace special files, such as devices',
  async () => {
    const pipe = fresh()
    spawnSync('mkfifo', [pipe])
    const names = readdirSync(folder)
    for (const [path, what] of [
      [pipe, 'a device or a pipe'],
      [folder, 'a folder'],
    ]) {
      const expected = `path: expected a file or an unused name, got ${what}`
      await expect(writeFile(path, large())).rejects.toThrow(expected)
    }
    expect(lstatSync(pipe).isFIFO()).toBe(true)
    expect(readdirSync(folder)).toEqual(names)
  },
)

describe("damage to a run's file", () => {
  const optimizer = new Optimizer({ w: noise(1, 40, 'float32') }, sgd({ lr: 0.1, momentum: 0.9 }))
  optimizer.step({ w: noise(2, 40, 'float32') })

  test('is detected at every byte of the file', async () => {
    const bytes = new Uint8Array(await (await toBlob(optimizer)).arrayBuffer())
    const saved = encode(optimizer.save())
    for (let at = 0; at < bytes.length; at++) {
      for (const bit of [1, 32]) {
        bytes[at] ^= bit
        const read = await readFile(new Blob([bytes])).catch((error) => error)
        if (!(read instanceof FileError)) {
          // Spaces after the header and redundant digits may change.
          expect(encode(read), `byte ${at}`).toBe(saved)
        }
        bytes[at] ^= bit
      }
    }
  })

  test('is detected if the file contains excessively long lists', async () => {
    await expect(readFile(new Blob([nested(50_000) as BlobPart]))).rejects.toThrow(
      "metadata: antigrad.run: expected a run's JSON, got",
    )
  })

  test('is detected in the strings that the file stores next to the tensors', async () => {
    const metadata = { by: 'me' }
    const bytes = Buffer.from(await (await toBlob(optimizer, { content: 'params', metadata })).arrayBuffer())
    bytes[bytes.indexOf('"me"') + 1] ^= 1
    await expect(openFile(new Blob([bytes]))).rejects.toThrow('metadata: by: expected the checksum')
  })

  test('is detected if the checksums of strings are missing', async () => {
    const bytes = Buffer.from(await (await toBlob(optimizer)).arrayBuffer())
    bytes[bytes.indexOf('"antigrad.texts"') + 1] ^= 2
    await expect(readFile(new Blob([bytes]))).rejects.toThrow(
      'metadata: antigrad.texts: expected the checksum of each string',
    )
  })

  test('is not reported if another program has added strings to the file', async () => {
    const bytes = Buffer.from(await (await toBlob(optimizer)).arrayBuffer())
    const end = 8 + Number(bytes.readBigUInt64LE())
    const header = JSON.parse(bytes.toString('utf8', 8, end))
    header.__metadata__.note = 'theirs'
    const other = new Blob([fileOf(JSON.stringify(header)) as BlobPart, bytes.subarray(end)])
    expect(encode(await readFile(other))).toBe(encode(optimizer.save()))
  })

  test('is detected if the file is truncated, or shrinks while being read', async () => {
    const path = fresh()
    await writeFile(path, large())
    const file = await openFile(path)
    truncateSync(path, 9_000_000)
    await expect(file.read('state/m/w')).rejects.toThrow('a file that became shorter')
    await file.close()
    await expect(readFile(path)).rejects.toThrow(FileError)
  })

  test.each([
    ['only parameters', { content: 'params' }],
    ['only an average', { content: 'average' }],
  ] as const)('is detected if the file contains %s', async (_, options) => {
    const averaged = new Optimizer({ w: Float32Array.of(1) }, adam(), { average: ema(0.5) })
    await expect(readFile(await toBlob(averaged, options))).rejects.toThrow('metadata: expected a run')
  })
})

describe('the recorded file of the current version', () => {
  const checkpoint = JSON.parse(readFileSync(new URL('../data/checkpoint-3.json', import.meta.url), 'utf8'))

  test.each(dtypes)('is read back as the recorded checkpoint, %s', async (dtype) => {
    const file = new URL(`../data/run-3-${dtype}.safetensors`, import.meta.url)
    const saved = decode(JSON.stringify(checkpoint[dtype].saved))
    if (process.env.ANTIGRAD_WRITE_CHECKPOINT && !existsSync(file))
      writeFileSync(
        file,
        Buffer.from(await (await toBlob(Optimizer.load(saved, { onWarning() {} }))).arrayBuffer()),
      )
    expect((await openFile(file)).metadata.get('antigrad.version')).toBe('3')
    const read = await readFile(file)
    const load = (run: SavedRun) => Optimizer.load<unknown, Rule>(run, { onWarning() {} })
    expect(encode(load(read).save())).toBe(encode(load(saved).save()))
  })
})
