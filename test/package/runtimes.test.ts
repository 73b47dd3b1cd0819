/**
 * The package in other runtimes: the oldest and the newest Node, Bun and Deno. ANTIGRAD_ALL_RUNTIMES=1 adds all
 * intermediate versions and each instruction set.
 */

import { cpSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { home } from '../children.js'
import { functionDigests } from '../function-digests.js'
import { manyDigests } from '../many-digests.js'
import { runtimes } from '../runtimes.js'
import { defaultVariants, digests, reference, variants } from '../support.js'
import { report } from './files-program.js'
import { addBothScript, addDigestScript, addonIn, freshFolder, installed, json, remove } from './pack.js'
import { program } from './runtimes.js'

const all = process.env.ANTIGRAD_ALL_RUNTIMES === '1'
const chosen = Object.entries(runtimes).filter(([, { always }]) => all || always)

/** A folder for bundles and the addon of the bundles. */
const alone = freshFolder()
const bundles = { 'app.mjs': 'esm', 'app.cjs': 'cjs' } as const
let folder: string
let script: string
/** The expected result for each engine. The instruction sets of the addon are the same in every runtime. */
const onEach = <T>(expected: T) =>
  Object.fromEntries((all ? variants : defaultVariants).map(({ name }) => [name, expected]))
const expected = { digests: onEach(digests(reference)), many: onEach(manyDigests(reference)) }
/** The expected checkpoints: the third, and the second after damage to the third. Two updates precede the first. */
const files = {
  ...report,
  files: 2,
  found: [
    { step: 4, skipped: 0, isWhich: 2 },
    { step: 3, skipped: 1, isWhich: 1 },
  ],
}

beforeAll(async () => {
  folder = await installed()
  script = await addDigestScript(folder)
  for (const file of ['files-program.js', 'files-on-disk.js'])
    cpSync(join(home, 'test/package', file), join(folder, file))
  for (const [name, format] of Object.entries(bundles)) {
    const contents = `import { engines, rosenbrock } from 'antigrad'
      console.log(JSON.stringify({ native: engines().native, is: typeof rosenbrock }))`
    await build({
      stdin: { contents, resolveDir: folder },
      outfile: join(alone, name),
      bundle: true,
      platform: 'node',
      format,
    })
  }
  const addon = addonIn(folder)
  cpSync(join(addon.folder, addon.file), join(alone, addon.file))
}, 300_000)
afterAll(() => {
  for (const used of [alone, folder]) if (used) remove(used)
})

describe.each(chosen)('the runtime %s', (_, runtime) => {
  let path: string
  beforeAll(async () => {
    path = await program(runtime)
  }, 300_000)

  test('computes the same bits as TypeScript in Node, whatever the engine', () => {
    const report = json(folder, path, ...runtime.options, script, ...(all ? ['each'] : []))
    expect(report.versions).toMatchObject(runtime.versions)
    expect(report.engines).toMatchObject({ native: { available: true }, wasm: { available: true } })
    expect(report).toMatchObject(expected)
    expect(report.functions).toEqual(functionDigests())
  })

  test('returns the same classes from require and from import', () => {
    const { names, same, imported } = json(folder, path, ...runtime.options, addBothScript(folder))
    expect(names).toContain('Optimizer')
    expect([same, imported]).toEqual([names, names])
  })

  test.each(Object.keys(bundles))('finds the addon next to a bundle: %s', (name) => {
    const { native, is } = json(alone, path, ...runtime.options, name)
    expect(native).toMatchObject({ available: true, reasons: [] })
    expect(is).toBe('function')
  })

  test('writes the same files as Node, reads the files, and finds the newest intact checkpoint', () => {
    expect(json(folder, path, ...runtime.options, 'files-on-disk.js')).toEqual(files)
  })

  test('runs the command antigrad race', () => {
    const cli = 'node_modules/antigrad/dist/command-line/cli.js'
    const result = json(folder, path, ...runtime.options, cli, 'race', '--max-iterations', '200', '--json')
    expect(result).toMatchObject({ sameBits: true, raced: ['native', 'wasm', 'typescript'] })
  })
})

describe('the package in restricted Deno', () => {
  let path: string
  const flags = ['run', '--no-prompt', '--no-lock']
  beforeAll(async () => {
    path = await program(runtimes.Deno)
    writeFileSync(
      join(folder, 'permissions.mjs'),
      `import { adam, engines, expression, Optimizer } from 'antigrad'; import { fit } from 'antigrad/fit'
      const optimizer = new Optimizer({ a: new Float64Array(3) }, adam())
      optimizer.step({ a: Float64Array.of(1, 2, 3) })
      const [t, y] = [[0, 1, 2, 3], [3, 2, 1.5, 1.3]]
      const { engine } = fit(expression('a*exp(-b*t) + c'), { t, y }, { start: { a: 1, b: 1, c: 0 } })
      console.log(JSON.stringify({ reasons: engines().native.reasons, engine, updates: optimizer.updates }))`,
    )
  }, 300_000)
  const withFlags = (...allowed: string[]) => json(folder, path, ...flags, ...allowed, 'permissions.mjs')

  test.each([
    ['--allow-read', '--allow-ffi'],
    ['--allow-read=node_modules', '--allow-ffi=node_modules'],
  ])('loads the addon if the permissions are %s and %s', (...allowed) => {
    expect(withFlags(...allowed)).toEqual({ reasons: [], engine: 'native', updates: 1 })
  })

  test.each([
    [[], 'read'],
    [['--allow-ffi'], 'read'],
    [['--allow-read'], 'ffi'],
  ])(
    'does not load the addon with the permissions %j, and reports the missing --allow-%s',
    (allowed, missing) => {
      expect(withFlags(...allowed)).toEqual({
        reasons: [expect.stringMatching(`^antigrad-.* does not load: .* with the --allow-${missing} flag$`)],
        ...{ engine: 'wasm', updates: 1 },
      })
    },
  )

  test('runs the command antigrad doctor without any permission', () => {
    const cli = 'node_modules/antigrad/dist/command-line/cli.js'
    const report = json(folder, path, ...flags, cli, 'doctor', '--json')
    expect(report).toMatchObject({ processor: 'unknown', environment: 'nothing set', differences: [] })
  })
})
