/**
 * Memory or stack exhaustion during calls with sparse rows, plans, equations, files, chunks and fits, and during the
 * analysis of fits. The call must end with an error, and no data may be lost.
 */

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'
import { home, inChild } from '../children.js'

/** For a child process: the inputs of the calls, and a function that returns all bits of a value as a string. */
const prepared = `
  const { readPlan } = await import(new URL('chunks/load.mjs', antigradUrl))
  const { adam, bootstrap, bootstrapSync, compare, contour, defineRule, expression, fit, fitManySync, minimizeManySync, models, Optimizer, profile, profileIntervals, profileSync, sparseRows } = antigrad
  const t = Array.from({ length: 12 }, (_, k) => k / 2)
  const y = t.map((t) => 3 * Math.exp(-t / 2) + 1 + 0.05 * Math.sin(7 * t))
  const model = expression('a*exp(-b*t) + c')
  const start = { a: 1, b: 1, c: 0 }
  const derive = { half: 'log(2)/b' }
  const box = Object.fromEntries(['a', 'b', 'c'].map((name) => [name, { start: 1, min: -1, max: 4 }]))
  const objective = expression('(1 - x)^2 + 100*(y - x^2)^2')
  const params = { embed: new Float32Array(40).fill(1), w: new Float32Array(5) }
  const shapes = { embed: [10, 4], w: [5] }
  const make = (engine) => new Optimizer(params, adam({ lr: 0.1 }), { shapes, engine, clip: { norm: 1 } })
  const engines = globalThis.engineNames ?? ['native', 'wasm', 'typescript']
  const byRow = { embed: sparseRows([1, 7, 1], new Float32Array(12).fill(0.5)), w: params.w }
  const stepped = (gradients, times) => engines.map((engine) => {
    const optimizer = make(engine)
    for (let k = 0; k < times; k++) optimizer.step(gradients)
    return optimizer.params.embed
  })
  const own = defineRule('own', {
    state: { m: 0 },
    scalars: { p: 1 },
    step: 'p = p/2; m = m + g/(norm(g) + all.sum(m*m) + 1); theta = theta - 0.1*p*m',
  })
  const single = defineRule('single', { state: { m: 0 }, step: 'm = 0.9*m + g; theta = theta - 1e-3*m' })
  const plan = {
    ...{ format: 2, version: '1', kernels: '01234567', data: { file: 'wells.csv', bytes: 900, header: 9 } },
    specification: {
      ...{ kind: 'fits', asked: { model: 'a*exp(-b*t) + c', x: { t: 't' }, start: { a: 1, b: 1, c: 0 } } },
      table: { group: 'well', drop: false, format: { delimiter: ',', decimal: '.', isGrouped: false, comment: '' } },
    },
    chunks: [{ to: 2, end: 900, sha256: '0123456789abcdef'.repeat(4) }],
  }
  const text = (value) => JSON.stringify(value, (_, inner) =>
    ArrayBuffer.isView(inner) ? [...inner].map(String) : typeof inner === 'number' ? String(inner) : inner)
  const calls = {
    rows: () => stepped(byRow, 2),
    plan: () => stepped(params, 4),
    equations: () => engines.map((engine) => {
      const optimizer = new Optimizer(params, own(), { shapes, engine })
      for (let k = 0; k < 3; k++) optimizer.step(params)
      return Optimizer.load(optimizer.save(), { engine }).params
    }),
    'runs by equations': () =>
      minimizeManySync(objective, { x: [0, 1, 2], y: [1, 1, 1] }, single(), { maxIterations: 9 }).value,
    'plan of chunks': () => readPlan(JSON.stringify(plan)),
    fit: () => fit(model, { t, y }, { start }).values,
    fitMany: () => fitManySync(model, { t, y: [y, y] }, { start }).values,
    multiStart: () => fit(model, { t, y }, { multiStart: 3, start: box }).values,
    derive: () => fit(model, { t, y }, { start, derive }).errors,
    intervals: () => fit(model, { t, y }, { start, intervals: profileIntervals() }).intervals(0.9),
    profile: () => profile(found),
    profiles: () => profileSync(many),
    contour: () => contour(found, 'a', 'b'),
    bootstrap: () => bootstrap(found, { count: 20 }).errors,
    bootstraps: () => bootstrapSync(many, { count: 20 }).values,
    compare: () => compare(found, line),
    'many runs': () => minimizeManySync(objective, { x: [0, 1, 2], y: [1, 1, 1] }, adam(), { maxIterations: 9 }).value,
  }`

/** Requests to fits. */
const made = `
  globalThis.found = fit(model, { t, y }, { start, derive })
  globalThis.line = fit(models.line({ x: 't' }), { t, y })
  globalThis.many = fitManySync(model, { t, y: [y, y.map((y) => 2 * y)] }, { start })`

const names = [
  ...[
    'rows',
    'plan',
    'fit',
    'fitMany',
    'multiStart',
    'derive',
    'intervals',
    'profile',
    'profiles',
    'contour',
  ],
  ...['bootstrap', 'bootstraps', 'compare', 'many runs', 'equations', 'runs by equations', 'plan of chunks'],
]
/**
 * Calls that allocate no arrays. Near the stack limit, V8 terminates the process if a regular expression must be
 * compiled. The reader of plans uses regular expressions.
 */
const plain = ['plan of chunks']

/** Code that runs before the package is loaded. Each allocation in turn fails, together with all later allocations. */
const limits = `
  let left = Infinity
  const limited = (where, name) => {
    where[name] = new Proxy(where[name], {
      construct(target, given, as) {
        const isView = given[0] instanceof ArrayBuffer
        if (!isView && --left < 0) throw new RangeError('Array buffer allocation failed')
        return Reflect.construct(target, given, as)
      },
    })
  }
  for (const name of ['Float32Array', 'Float64Array', 'Uint8Array', 'Uint32Array', 'Int32Array', 'ArrayBuffer'])
    limited(globalThis, name)
  limited(WebAssembly, 'Memory')`

test('memory exhaustion at any allocation ends only the call that allocates', () => {
  const body = `${prepared}
    ${made}
    const wrong = []
    const counts = {}
    for (const name of ${JSON.stringify(names)}) {
      const expected = text(calls[name]())
      counts[name] = 0
      for (let allowed = 0; allowed < 400; allowed++) {
        left = allowed
        const error = thrownBy(calls[name])
        left = Infinity
        if (error === null) break
        counts[name]++
        // Where a small array is not to be had the engine of JavaScript says so itself.
        const isOwn = error.is === 'RangeError' && error.message === 'Array buffer allocation failed'
        if (error.is !== 'MemoryError' && !isOwn) wrong.push([name, allowed, error.is, error.message])
        if (text(calls[name]()) !== expected) wrong.push([name, allowed, 'other bits afterwards'])
      }
    }
    return { wrong: wrong.slice(0, 40), counts }`
  const { wrong, counts } = inChild(body, { before: limits, timeout: 300_000 }) as {
    wrong: unknown[]
    counts: Record<string, number>
  }
  expect(wrong).toEqual([])
  for (const name of names) if (!plain.includes(name)) expect(counts[name], name).toBeGreaterThan(0)
}, 320_000)

test('memory or stack exhaustion during a file operation ends the operation and leaves the file unchanged', () => {
  const folder = mkdtempSync(join(tmpdir(), 'antigrad-exhausted-'))
  const body = `${prepared}
    const { readdirSync, readFileSync } = await import('node:fs')
    const { readFile, writeFile } = await import(new URL('files/load.mjs', antigradUrl))
    const path = ${JSON.stringify(join(folder, 'run'))}
    const optimizer = make('typescript')
    await writeFile(path, optimizer)
    const expected = readFileSync(path, 'latin1')
    const wrong = []
    const check = (name, place) => {
      if (readFileSync(path, 'latin1') !== expected) wrong.push([name, place, 'another file'])
      const files = readdirSync(${JSON.stringify(folder)})
      if (files.length > 1) wrong.push([name, place, ...files])
    }
    const files = {
      write: () => writeFile(path, optimizer),
      read: async () => text(Optimizer.load(await readFile(path)).params),
    }
    const counts = {}
    for (const [name, call] of Object.entries(files)) {
      counts[name] = 0
      for (let allowed = 0; allowed < 400; allowed++) {
        left = allowed
        const error = await call().then(() => null, (error) => error)
        left = Infinity
        check(name, allowed)
        if (error === null) break
        counts[name]++
        const isOwn = error.name === 'RangeError' && error.message === 'Array buffer allocation failed'
        if (!(error instanceof antigrad.AntigradError) && !isOwn) wrong.push([name, allowed, error.stack])
      }
      const ends = []
      const dive = () => {
        try { dive() } catch {}
        if (ends.length < 200) {
          try { ends.push(call()) } catch (error) { ends.push(Promise.reject(error)) }
          ends.at(-1).catch(() => {})
        }
      }
      dive()
      for (const end of ends) {
        const error = await end.then(() => null, (error) => error)
        const isKnown = error === null || error instanceof RangeError || error instanceof antigrad.AntigradError
        if (!isKnown) wrong.push([name, 'stack', error.stack])
      }
      check(name, 'stack')
      await call()
    }
    return { wrong: wrong.slice(0, 40), counts }`
  const { wrong, counts } = inChild(body, { before: limits, timeout: 100_000 }) as {
    wrong: unknown[]
    counts: Record<string, number>
  }
  rmSync(folder, { recursive: true })
  expect(wrong).toEqual([])
  for (const name of ['write', 'read']) expect(counts[name], name).toBeGreaterThan(0)
})

test('a call near the stack limit succeeds or throws a stack overflow error, and a later call succeeds', () => {
  const body = `${prepared}
    ${made}
    const wrong = []
    const counts = { thrown: 0, done: 0 }
    for (const name of ${JSON.stringify(names.filter((name) => !plain.includes(name)))}) {
      const expected = text(calls[name]())
      for (let words = 100; words < 118; words += 6) {
        let ended = false
        const dive = (...args) => {
          try { dive(...args) } catch {}
          if (ended) return
          try {
            const value = text(calls[name]())
            ended = true
            counts.done++
            if (value !== expected) wrong.push([name, 'other bits'])
          } catch (error) {
            counts.thrown++
            if (!(error instanceof RangeError)) wrong.push([name, error.name, error.message])
          }
        }
        dive(...Array(words))
        if (text(calls[name]()) !== expected) wrong.push([name, 'other bits afterwards'])
      }
    }
    return { wrong: wrong.slice(0, 40), counts }`
  const { wrong, counts } = inChild(body, { timeout: 300_000 }) as {
    wrong: unknown[]
    counts: { thrown: number; done: number }
  }
  expect(wrong).toEqual([])
  expect(counts.thrown).toBeGreaterThan(names.length)
  expect(counts.done).toBeGreaterThan(names.length)
}, 320_000)

/** Runs Node under `ulimit -v` with a limit in kB. */
function limited(kilobytes: number, body: string) {
  const script = `
    const antigradUrl = ${JSON.stringify(pathToFileURL(`${home}dist/node/load.mjs`).href)}
    const antigrad = { ...(await import(antigradUrl)), ...(await import(new URL('fits/load.mjs', antigradUrl))) }
    ${body}`
  const { status, signal, stdout, stderr } = spawnSync(
    'bash',
    [
      '-c',
      `ulimit -v ${kilobytes}; exec "$@"`,
      'bash',
      process.execPath,
      '--input-type=module',
      '-e',
      script,
    ],
    { encoding: 'utf8', timeout: 100_000 },
  )
  if (status !== 0) throw new Error(`ended with ${status ?? signal}: ${stderr.slice(0, 2000)}`)
  return JSON.parse(stdout)
}

describe.skipIf(process.platform !== 'linux')('under a memory limit,', () => {
  // A WebAssembly memory reserves 10 GB of addresses, and fits need one memory.
  test('steps continue, and failed allocations throw typed errors', () => {
    const body = `
      globalThis.engineNames = ['native', 'typescript']
      ${prepared}
      const names = ['rows', 'plan']
      const before = names.map((name) => text(calls[name]()))
      const more = new Float32Array(3e7)
      const starts = { x: new Float64Array(1.6e7), y: new Float64Array(1.6e7) }
      const optimizer = make('native')
      const large = {
        tensor: () => optimizer.add({ more }, { shapes: { more: [3e7] } }),
        runs: () => minimizeManySync(objective, starts, adam(), { maxIterations: 1 }),
        fit: () => fit(model, { t, y }, { start }),
      }
      const held = []
      // Until less is left than any of these wants at once, and 64 MB for Node itself, which ends where it gets none.
      try { for (;;) held.push(new ArrayBuffer(2 ** 26)) } catch {}
      held.pop()
      const ends = Object.entries(large).map(([name, call]) => {
        try {
          call()
          return 'done'
        } catch (error) {
          return error instanceof antigrad.AntigradError ? 'typed' : error.stack
        }
      })
      held.length = 0
      const changed = names.filter((name, k) => text(calls[name]()) !== before[k])
      process.stdout.write(JSON.stringify({ ends, changed }))`
    const { ends, changed } = limited(6_000_000, body)
    expect(changed).toEqual([])
    expect(ends).toEqual(['typed', 'typed', 'typed'])
  })

  test('fits of 50,000 rows and their analyses succeed in a heap of 24 MB', () => {
    const body = `
      const { bootstrap, compare, expression, fit, models, profile } = antigrad
      const n = 50_000
      const t = Float64Array.from({ length: n }, (_, k) => k / n * 6)
      const y = t.map((t) => 3 * Math.exp(-t / 2) + 1 + 0.05 * Math.sin(7777 * t))
      const found = fit(expression('a*exp(-b*t) + c'), { t, y }, { start: { a: 1, b: 1, c: 0 }, derive: { half: 'log(2)/b' } })
      const line = fit(models.line({ x: 't' }), { t, y })
      profile(found, 'b'); bootstrap(found, { count: 3 }); found.intervals(); compare(found, line)
      return found.reason`
    expect(inChild(body, { flags: ['--max-old-space-size=24'] })).toBe('converged')
  })
})
