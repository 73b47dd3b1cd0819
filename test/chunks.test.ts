/**
 * Plans, chunks and stores. For any fate of workers and results, the merge has the bytes of a single process, or
 * reports the problem.
 */

import { spawn, spawnSync } from 'node:child_process'
import {
  linkSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AntigradError } from 'antigrad'
import {
  chunkName,
  DataError,
  folderStore,
  merge,
  openWorker,
  type Plan,
  planFits,
  planSweep,
  readPlan,
  runChunk,
  runChunks,
  StoreError,
  status,
} from 'antigrad/chunks'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { seal, storeResult, unseal } from '../dist/chunks/stores/store.js'
import { home } from './children.js'
import { random } from './helpers.js'

const cli = join(home, 'dist/command-line/cli.js')
const { ANTIGRAD_ENGINE: _, NODE_OPTIONS: __, ...env } = process.env

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'antigrad-chunks-'))
  writeFileSync(join(folder, 'wells.csv'), wells)
})
afterAll(() => rmSync(folder, { recursive: true }))

const at = (name: string) => join(folder, name)
const run = (...args: string[]) =>
  spawnSync(process.execPath, [cli, ...args], { encoding: 'utf8', env, cwd: folder, maxBuffer: 1 << 26 })

function printed(...args: string[]): string {
  const { status, stdout, stderr } = run(...args)
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  return stdout
}

/** Names and row numbers of various lengths in bytes, and quoted cells that contain line ends. */
const next = random(3)
const GROUPS = 40
const rowsOf = (k: number) =>
  Array.from({ length: 8 }, (_, i) => {
    const y = (2 + (k % 5)) * Math.exp(-0.4 * i) + 0.3 + 0.02 * next()
    return `"W,${k}\n${'é€'.repeat(k % 4)}",${i},${y.toPrecision(3 + (k % 9))}\r\n`
  })
const wells = `\ufeff# wells\r\nwell,t,"y (µM)"\r\n${Array.from({ length: GROUPS }, (_, k) => rowsOf(k).join('')).join('')}`

const asked = { model: 'a*exp(-b*t) + c', x: { t: 't' }, start: { a: 1, b: 1, c: 0 } }
const FIT = [
  'fit',
  'wells.csv',
  '--model',
  asked.model,
  '--x',
  't',
  '--group',
  'well',
  '--start',
  'a=1,b=1,c=0',
]

const planned = async (chunkSize = 3) =>
  (await planFits(at('wells.csv'), asked, { group: 'well', chunkSize })).plan
let stores = 0
const newStore = () => at(`store-${stores++}`)

async function merged(plan: unknown, store: string): Promise<string> {
  const parts: Uint8Array[] = []
  for await (const part of merge(plan, { store })) parts.push(part)
  return Buffer.concat(parts).toString()
}

/** The result files of a store. */
const filesIn = (store: string) =>
  readdirSync(store)
    .filter((name) => name.length === 2)
    .flatMap((name) => readdirSync(join(store, name)).map((file) => join(store, name, file)))

let direct: string
let directSweep: string
const SWEEP = [
  'sweep',
  '--lr',
  '0.01,1e-3..0.1:log:4',
  '--beta1',
  '0.5,0.9',
  '--starts',
  '64',
  '--max-iterations',
  '200',
]
beforeAll(() => {
  direct = printed(...FIT, '--json')
  directSweep = printed(...SWEEP, '--json')
})

describe('the command line', () => {
  test('continues a killed run to the same merged bytes as a single process', async () => {
    expect(printed(...FIT, '--plan', 'plan.json', '--chunk-size', '1')).toMatch(
      /^40 chunks of 40 groups, [\d,]+ bytes of data\n$/,
    )
    const store = newStore()
    const first = spawn(process.execPath, [cli, 'run', 'plan.json', '--store', store, '--json'], {
      env,
      cwd: folder,
    })
    await new Promise((resolve) => first.stdout.once('data', resolve))
    first.kill('SIGKILL')
    await new Promise((resolve) => first.once('exit', resolve))
    const some = (await status(readFileSync(at('plan.json'), 'utf8'), { store })).completed.length
    expect(some).toBeGreaterThan(0)
    const incomplete = run('merge', 'plan.json', '--store', store, '-o', 'out.ndjson')
    if (some < 40) {
      expect(incomplete).toMatchObject({ status: 1, stdout: '' })
      expect(incomplete.stderr).toMatch(/of 40 results are missing: /)
      expect(readdirSync(folder).filter((name) => name.startsWith('out'))).toEqual([])
    }
    expect(printed('run', 'plan.json', '--store', store)).toBe('40 of 40 chunks are done\n')
    printed('merge', 'plan.json', '--store', store, '-o', 'out.ndjson')
    expect(readFileSync(at('out.ndjson'), 'utf8')).toBe(direct)
    if (process.platform !== 'win32') {
      const merge = `'${process.execPath}' '${cli}' merge plan.json --store '${store}' -o pipe`
      const passed = spawnSync('sh', ['-c', `mkfifo pipe; cat pipe & ${merge} || kill $!; wait`], {
        ...{ cwd: folder, env, encoding: 'utf8', timeout: 60_000 },
      })
      expect(passed.stdout).toBe(direct)
    }
    expect(printed('status', 'plan.json', '--store', store)).toBe('40 of 40 chunks are done\n')
  })

  test('never overwrites an input file', () => {
    const table = readFileSync(at('wells.csv'))
    linkSync(at('wells.csv'), at('same.csv'))
    for (const plan of ['wells.csv', 'same.csv']) {
      const told = run(...FIT, '--plan', plan)
      expect(told).toMatchObject({ status: 2, stdout: '' })
      expect(told.stderr).toMatch(/^antigrad: --plan: expected a file other than .*wells\.csv \(the input\)/)
    }
    expect(readFileSync(at('wells.csv')).equals(table)).toBe(true)
    printed(...FIT, '--plan', 'whole.json', '--chunk-size', '20')
    const store = newStore()
    printed('run', 'whole.json', '--store', store, '--workers', '1')
    const plan = readFileSync(at('whole.json'), 'utf8')
    expect(run('merge', 'whole.json', '--store', store, '-o', 'whole.json')).toMatchObject({ status: 2 })
    expect(readFileSync(at('whole.json'), 'utf8')).toBe(plan)
  })

  test('plans, runs and merges a sweep', async () => {
    printed(...SWEEP, '--plan', 'sweep.json', '--chunk-size', '3')
    const store = newStore()
    printed('run', 'sweep.json', '--store', store, '--workers', '1')
    expect(printed('merge', 'sweep.json', '--store', store)).toBe(directSweep)
    const { specification } = JSON.parse(readFileSync(at('sweep.json'), 'utf8')) as Plan
    const { plan } = await planSweep(specification.asked as never, { chunkSize: 3 })
    expect(plan).toEqual(readPlan(readFileSync(at('sweep.json'), 'utf8')))
  })

  test('sets a failing chunk aside after three attempts, and completes all other chunks', async () => {
    const plan = await planned(10)
    const chunks = plan.chunks.map((chunk, k) => (k === 2 ? { ...chunk, sha256: '0'.repeat(64) } : chunk))
    writeFileSync(at('poisoned.json'), JSON.stringify({ ...plan, chunks }))
    const store = newStore()
    const { status, stdout, stderr } = run('run', 'poisoned.json', '--store', store, '--workers', '1')
    expect({ status, stdout }).toEqual({ status: 1, stdout: '3 of 4 chunks are done\n' })
    expect(stderr).toMatch(/chunk 2 failed after 3 tries: .*wells.csv: bytes \d+ to \d+ differ from the data/)
    const [mark] = filesIn(store).filter((file) => file.endsWith('.failed'))
    expect(JSON.parse(readFileSync(mark, 'utf8'))).toMatchObject({
      index: 2,
      specification: JSON.parse(JSON.stringify(plan.specification)),
    })
    expect(run('run', 'poisoned.json', '--store', store).status).toBe(1)
    expect(run('merge', 'poisoned.json', '--store', store).stderr).toMatch(/chunk 2 failed/)
    expect(run('status', 'poisoned.json', '--store', store, '--missing')).toMatchObject({
      status: 1,
      stdout: '',
    })
  })

  test.each([
    [[...FIT.slice(0, 6), '--plan', 'x.json'], /--plan: expected --group as well/],
    [[...FIT, '--plan', 'x.json', '--plot', 'x.svg'], /--plot: expected no value with --plan/],
    [['run', 'none.json', '--store', 's'], /none.json: ENOENT/],
    [['run', 'plan.json', '--store', 'wells.csv'], /wells.csv: /],
    [['run', 'plan.json', '--store', 's', '--shard', '3/3'], /k\/n, such as 0\/1000/],
    [
      ['run', 'plan.json', '--store', 's', '--queue', 'env:ANTIGRAD_NONE'],
      /--queue: expected a URL, or env:NAME with the URL in an environment variable, got "env:ANTIGRAD_NONE"/,
    ],
    [
      ['run', 'plan.json', '--store', 's', '--queue', 'https://me:secret@host:6379'],
      /^antigrad: --queue: expected redis:\/\/host:6379, rediss:\/\/host:6379 or the path of a socket, got "https:\/\/…"\n$/,
    ],
    [
      ['run', 'plan.json', '--store', 's', '--data', 'plan.json'],
      /plan.json: expected \d+ bytes, the size stated in the plan/,
    ],
  ])('refuses the arguments %j, and creates no file', (args, message) => {
    const { status, stdout, stderr } = run(...args)
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toMatch(message)
    expect(readdirSync(folder).filter((name) => ['x.json', 's'].includes(name))).toEqual([])
  })
})

describe('merged results', () => {
  test.each(['native', 'wasm', 'typescript'] as const)(
    'are byte-identical to the results of a single process on the engine %s',
    async (engine) => {
      const store = newStore()
      const plan = await planned(7)
      await runChunks(plan, { store, engine })
      expect(await merged(plan, store)).toBe(direct)
    },
  )

  test.each([
    [
      'compare',
      { compare: 'a*exp(-b*t)', derive: { half: 'log(2)/b' } },
      ['--compare', 'a*exp(-b*t)', '--derive', 'half=log(2)/b'],
    ],
    [
      'a model that guesses, a loss, profiles',
      { model: 'exponential', x: { t: 't' }, start: undefined, loss: 'huber', profile: true },
      ['--model', 'exponential', '--loss', 'huber', '--profile'],
    ],
    [
      'several starts, by the model',
      { min: { b: 0 }, max: { b: 9 }, sigma: '=0.1*f + 0.1' },
      ['--min', 'b=0', '--max', 'b=9', '--sigma', '=0.1*f + 0.1'],
    ],
  ])('are byte-identical to the results of a single process with %s', async (_, more, args) => {
    const given = { ...asked, ...more } as typeof asked
    const options = args.includes('--model') ? [...FIT.slice(0, 2), ...FIT.slice(4, 8)] : FIT
    const { stdout } = run(...options, ...args, '--json')
    const { plan } = await planFits(at('wells.csv'), given, { group: 'well', chunkSize: 9 })
    const store = newStore()
    await runChunks(plan, { store })
    expect(await merged(plan, store)).toBe(stdout)
  })

  test('equal the results of a single process for interleaved groups, because chunks end only between groups', async () => {
    const rows = ['A', 'B', 'A', 'B', 'C', 'D', 'C', 'D', 'E'].flatMap((well, k) =>
      [0, 1, 2, 3].map((t) => `${well},${t},${t === 2 && k === 5 ? 'x' : 5 - t + k}\n`),
    )
    writeFileSync(at('turns.csv'), `well,t,y\n${rows.join('')}`)
    const line = { model: 'a*t + c', x: { t: 't' }, start: { a: 1, c: 1 } }
    const { plan, table } = await planFits(at('turns.csv'), line, {
      group: 'well',
      chunkSize: 1,
      dropInvalid: true,
    })
    expect(plan.chunks.map(({ to }) => to)).toEqual([2, 4, 5])
    expect(table.leftOut).toBe(1)
    const store = newStore()
    await runChunks(plan, { store })
    const { stdout } = run(
      'fit',
      'turns.csv',
      '--model',
      line.model,
      '--x',
      't',
      '--group',
      'well',
      '--drop-invalid',
      '--json',
    )
    expect(await merged(plan, store)).toBe(stdout)
  })
})

describe('the shards of a plan', () => {
  test('contain each chunk of the plan exactly once', async () => {
    const plan = await planned(1)
    const store = newStore()
    const ran: number[] = []
    for (const k of [2, 0, 1])
      ran.push(...(await runChunks(plan, { store, shard: { index: k, count: 3 } })).map(({ index }) => index))
    expect(ran.slice(0, 3)).toEqual([2, 5, 8])
    expect(ran.sort((a, b) => a - b)).toEqual(Array.from({ length: GROUPS }, (_, k) => k))
    expect(await merged(plan, store)).toBe(direct)
    await expect(runChunks(plan, { store, shard: { index: 3, count: 3 } })).rejects.toThrow(
      'shard: expected k from 0 to 2, got 3',
    )
    // The number of shards exceeds the number of chunks.
    expect(await runChunks(plan, { store, shard: { index: 99, count: 100 } })).toEqual([])
  })

  test('are selected by the environment variables of job schedulers', async () => {
    writeFileSync(at('eight.json'), JSON.stringify(await planned(5)))
    const store = newStore()
    // The commands that the docs page recommends, except for paths and the number of shards.
    const page = readFileSync(join(home, 'docs/chunks-engines.md'), 'utf8')
    const commands = page.replaceAll('\\"', '"').match(/exec antigrad run .*--shard "\$\w+\/100"/g) ?? []
    expect(commands).toHaveLength(3)
    for (const [k, variables] of [
      'SLURM_ARRAY_TASK_ID=2 SLURM_ARRAY_TASK_MIN=1',
      'JOB_COMPLETION_INDEX=0',
      'AWS_BATCH_JOB_ARRAY_INDEX=4',
    ].entries()) {
      const command = commands[k]
        .replace(/\S*plan\.json/, 'eight.json')
        .replace(/--store \S+/, `--store ${store}`)
        .replace('/100', '/5')
        .replace('antigrad', '"$0" "$1"')
      const { status, stderr } = spawnSync(
        'sh',
        ['-c', `export ${variables} && ${command}`, process.execPath, cli],
        {
          ...{ encoding: 'utf8', env, cwd: folder },
        },
      )
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    }
    expect(run('status', 'eight.json', '--store', store, '--missing').stdout).toBe('--array=1,3,6\n')
    expect(run('status', 'eight.json', '--store', store, '--missing', '--shards', '5').stdout).toBe(
      '--array=1,3\n',
    )
  })
})

describe('a store of results', () => {
  test("contains each result once, because a second worker finds the first worker's result", async () => {
    const plan = await planned(20)
    const store = newStore()
    expect(await runChunk(plan, 1, { store })).toEqual({
      index: 1,
      name: chunkName(plan, 1),
      outcome: 'stored',
    })
    expect(await runChunk(plan, 1, { store })).toMatchObject({ outcome: 'duplicate' })
    const worker = await openWorker(plan, { store })
    const bytes = unseal(chunkName(plan, 1), readFileSync(filesIn(store)[0]))?.bytes as Uint8Array
    expect(
      await storeResult(folderStore(store), chunkName(plan, 1), { bytes, producedBy: worker.producedBy }),
    ).toBe('duplicate')
    expect(filesIn(store)).toHaveLength(1)
    expect(readdirSync(join(store, 'aside'))).toEqual([])
    await expect(runChunk(plan, 2, { store })).rejects.toThrow(
      'index: expected an integer from 0 to 1, got 2',
    )
  })

  test('keeps two conflicting results with their provenance, and refuses a merge', async () => {
    const plan = await planned(20)
    const store = newStore()
    await runChunks(plan, { store })
    const producedBy = { host: 'node-7', engine: 'native', instructionSet: 'avx2', version: '0.1.0' }
    const other = { bytes: new TextEncoder().encode('{"group":"W"}\n'), producedBy }
    expect(await storeResult(folderStore(store), chunkName(plan, 0), other)).toBe('conflict')
    expect(filesIn(store)).toHaveLength(3)
    const { conflicts } = await status(plan, { store })
    expect(conflicts).toHaveLength(1)
    expect(conflicts[0].producedBy[1]).toEqual(producedBy)
    const rejected = expect(merged(plan, store)).rejects
    await rejected.toThrow(StoreError)
    await expect(merged(plan, store)).rejects.toThrow(
      / chunk 0 has conflicting results, by .* \(.*antigrad 0\.1\.0\) and by node-7 \(native avx2, antigrad 0\.1\.0\)/,
    )
  })

  test('detects a result that is truncated or changed at any byte', async () => {
    const name = 'a'.repeat(64)
    const producedBy = { host: 'h', engine: 'wasm', instructionSet: 'simd128', version: '0.1.0' }
    for (const text of ['', '{"a":1}\n', 'no end of a line']) {
      const whole = seal(name, { bytes: Buffer.from(text), producedBy })
      expect(Buffer.from(unseal(name, whole)?.bytes as Uint8Array).toString()).toBe(text)
      expect(unseal('b'.repeat(64), whole)).toBeNull()
      for (let k = 0; k < whole.length; k++) {
        expect(unseal(name, whole.subarray(0, k))).toBeNull()
        const changed = Uint8Array.from(whole)
        changed[k] ^= 1 << (k % 8)
        expect(unseal(name, changed)).toBeNull()
      }
    }
  })

  test('reports, sets aside and recomputes corrupted results', async () => {
    const plan = await planned(10)
    const store = newStore()
    await runChunks(plan, { store })
    const files = filesIn(store)
    truncateSync(files[0], statSync(files[0]).size - 70)
    writeFileSync(files[1], readFileSync(files[1]).fill(32, 5, 6))
    // The result is stored under the name of another result.
    rmSync(files[3])
    renameSync(files[2], files[3])
    const before = await status(plan, { store })
    expect([before.completed.length, before.corrupted.length, before.missing.length]).toEqual([0, 3, 4])
    await expect(merged(plan, store)).rejects.toThrow(
      /corrupted results of chunks .*; 1 of 4 results are missing/,
    )
    await runChunks(plan, { store })
    expect(await merged(plan, store)).toBe(direct)
    expect(filesIn(store).filter((file) => file.includes('.corrupted-'))).toHaveLength(3)
  })
})

describe('the data file of a plan', () => {
  test('is refused before any read if the file has changed since the planning', async () => {
    writeFileSync(at('changing.csv'), wells)
    const { plan } = await planFits(at('changing.csv'), asked, { group: 'well', chunkSize: 20 })
    writeFileSync(at('changing.csv'), wells.replace(',0,', ',9,'))
    const store = newStore()
    await expect(runChunk(plan, 0, { store })).rejects.toThrow(DataError)
    expect(await runChunk(plan, 1, { store })).toMatchObject({ outcome: 'stored' })
    writeFileSync(at('changing.csv'), `${wells}more`)
    await expect(runChunk(plan, 1, { store })).rejects.toThrow(
      /expected \d+ bytes, the size stated in the plan, got \d+/,
    )
  })

  test('can be read by byte ranges from a URL, and the credentials appear in no message', async () => {
    const bytes = Buffer.from(wells)
    let isWhole = false
    let breaks = 0
    const server = createServer(({ headers: { range } }, response) => {
      if (breaks-- > 0) return response.destroy()
      const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(range ?? '') ?? []
      if (isWhole || from === undefined) return response.end(bytes)
      response.statusCode = 206
      response.setHeader('content-range', `bytes ${from}-${to}/${bytes.length}`)
      response.end(bytes.subarray(Number(from), Number(to) + 1))
    }).listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/wells.csv?key=secret`
    try {
      const plan = await planned(20)
      const there = (await planFits(address, asked, { group: 'well', chunkSize: 20, name: 'wells.csv' })).plan
      expect(there.chunks).toEqual(plan.chunks)
      const store = newStore()
      // Kept connections fail in this way after the server has closed the connections.
      breaks = 2
      await runChunks(plan, { store, data: address })
      expect(await merged(plan, store)).toBe(direct)
      breaks = 3
      const unheard = await runChunks(plan, { store: newStore(), data: address }).catch((thrown) => thrown)
      expect(unheard).toBeInstanceOf(DataError)
      expect(unheard.message).toMatch(/wells.csv: /)
      expect(unheard.message).not.toContain('secret')
      isWhole = true
      const thrown = await runChunks(plan, { store: newStore(), data: address }).catch((thrown) => thrown)
      expect(thrown).toBeInstanceOf(DataError)
      expect(thrown.message).toMatch(/wells.csv: expected a range of bytes \(status 206\), got status 200$/)
    } finally {
      server.close()
    }
  })
})

describe('a plan', () => {
  test("names each chunk by a hash of exactly the inputs that determine the chunk's result", async () => {
    const plan = await planned(20)
    const name = chunkName(plan, 0)
    expect(name).toMatch(/^[\da-f]{64}$/)
    expect(chunkName(readPlan(JSON.stringify(plan)), 0)).toBe(name)
    expect(chunkName(readPlan({ ...plan, data: { ...plan.data, file: 'elsewhere.csv' } }), 0)).toBe(name)
    const { specification } = plan as Plan & { specification: { kind: 'fits' } }
    const others = [
      { ...plan, version: '0.0.9' },
      { ...plan, kernels: '00000000' },
      { ...plan, specification: { ...specification, asked: { ...specification.asked, tolerance: 1e-9 } } },
      { ...plan, specification: { ...specification, table: { ...specification.table, drop: true } } },
      { ...plan, chunks: [{ ...plan.chunks[0], sha256: '1'.repeat(64) }, plan.chunks[1]] },
      { ...plan, chunks: [{ ...plan.chunks[0], to: 19 }, plan.chunks[1]] },
    ]
    const names = [name, chunkName(plan, 1), ...others.map((other) => chunkName(readPlan(other), 0))]
    expect(new Set(names).size).toBe(names.length)
    for (const other of others.slice(0, 2))
      await expect(openWorker(other, { store: newStore() })).rejects.toThrow(/of this package/)
  })

  test('from an untrusted source is validated field by field within a short time', async () => {
    const plan = JSON.parse(JSON.stringify(await planned(20)))
    const sweep = JSON.parse(
      JSON.stringify((await planSweep({ options: { lr: [0.1, 0.2] } }, { chunkSize: 1 })).plan),
    )
    const places = (value: unknown, path: (string | number)[] = []): (string | number)[][] =>
      typeof value === 'object' && value !== null
        ? [
            path,
            ...Object.keys(value).flatMap((key) =>
              places((value as Record<string, unknown>)[key], [...path, key]),
            ),
          ]
        : [path]
    const hostile = [
      ...[
        null,
        7,
        -1,
        1e300,
        NaN,
        '',
        'x',
        '../../etc/passwd\u0000',
        [],
        {},
        [[]],
        true,
        { __proto__: { to: 1 } },
      ],
      ...[
        new Array(2 ** 32 - 1),
        'x'.repeat(1e6),
        { length: 1e9 },
        JSON.parse('{"__proto__": {"polluted": 1}}'),
      ],
    ]
    let refused = 0
    for (const good of [plan, sweep]) {
      readPlan(good)
      for (const path of places(good)) {
        for (const bad of hostile) {
          const copy = structuredClone(good)
          let place: Record<string | number, unknown> = { copy }
          for (const key of ['copy', ...path].slice(0, -1)) place = place[key] as never
          place[['copy', ...path].at(-1) as string] = bad
          try {
            readPlan(path.length === 0 ? bad : copy)
          } catch (thrown) {
            refused++
            expect(thrown).toBeInstanceOf(AntigradError)
            expect((thrown as Error).message.length).toBeLessThan(2000)
          }
        }
      }
    }
    expect(refused).toBeGreaterThan(500)
    expect(({} as Record<string, unknown>).polluted).toBeUndefined()
    for (const text of ['', '{', '[]', 'null', '"plan"', '{"format":2}'])
      expect(() => readPlan(text)).toThrow(AntigradError)
    expect(() => readPlan({ ...plan, more: 1 })).toThrow(/plan: expected one of format, .*, got "more"/)
  })

  test.each([[null], [''], [{}], [7], [{ put() {} }]])('refuses %j as a store', async (store) => {
    const plan = await planned(20)
    for (const call of [
      runChunk(plan, 0, { store: store as never }),
      status(plan, { store: store as never }),
    ])
      await expect(call).rejects.toThrow(/store: expected a folder, s3:\/\/bucket\/prefix, or an object/)
  })
})
