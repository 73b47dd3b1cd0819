/** The output of `npm pack`, installed in new folders with the addon present, missing and corrupted. */

import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core'
import { publint } from 'publint'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bundledSize, sizesOf } from '../../scripts/lib/bundle.mjs'
import { sizesIn } from '../../scripts/lib/rules-page.mjs'
import { home, inChild, withCopy } from '../children.js'
import {
  addBothScript,
  addonIn,
  editJson,
  freshFolder,
  installed,
  type Json,
  json,
  packed,
  remove,
  run,
} from './pack.js'

const folders: string[] = []
const used = (folder: string) => {
  folders.push(folder)
  return folder
}
afterAll(() => folders.forEach(remove))

/** Damage to an addon's package. */
type Damage = (manifest: Json, addon: Buffer) => Buffer

async function damaged(damage: Damage): Promise<string> {
  const project = used(await installed())
  const { folder, file } = addonIn(project)
  editJson(join(folder, 'package.json'), (manifest) => {
    writeFileSync(join(folder, file), damage(manifest, readFileSync(join(folder, file))))
  })
  return project
}

const report = (folder: string) =>
  json(folder, process.execPath, '-p', "JSON.stringify(require('antigrad').engines())")

/** Runs the installed command; `npx` takes a second longer, so only one test uses it. */
const race = (folder: string) => {
  const cli = 'node_modules/antigrad/dist/command-line/cli.js'
  const options = ['--rule', 'adam', '--max-iterations', '200', '--json']
  return json(folder, process.execPath, cli, 'race', ...options)
}

describe('the npm tarball', () => {
  let tarball: string
  let files: string[]
  beforeAll(async () => {
    tarball = await packed()
    files = execFileSync('tar', ['-tzf', tarball], { encoding: 'utf8' }).trim().split('\n')
  })

  test('contains the files that users need, and no addon', () => {
    const folders = new Set(files.map((file) => file.split('/').slice(0, 2).join('/')))
    expect([...folders].sort()).toEqual([
      ...['package/LICENSE', 'package/README.md', 'package/dist', 'package/package.json'],
    ])
    expect(files.filter((file) => !/\.(js|mjs|d\.m?ts|json|md|wasm)$|LICENSE$/.test(file))).toEqual([])
    expect(readFileSync(tarball).length).toBeLessThan(2_480_000)
  })

  test('has the size that docs/everywhere.md states, for the package and for the addon', () => {
    const text = readFileSync(join(home, 'docs/everywhere.md'), 'utf8')
    const kilobytes = Number(/about (\d+) kB/.exec(text)?.[1])
    expect(Math.abs(readFileSync(tarball).length / 1000 - kilobytes)).toBeLessThan(15)
    // The size of the addon differs on other platforms.
    const addon = join(home, 'native/antigrad.linux-x64-gnu.node')
    if (!existsSync(addon)) return
    const said = Number(/unpacked ([\d.]+) MB/.exec(text)?.[1])
    expect(Math.abs(readFileSync(addon).length / 1e6 - said)).toBeLessThan(0.15)
  })

  test('runs no script during installation', () => {
    const { scripts } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8'))
    const hooks = ['preinstall', 'install', 'postinstall', 'prepare']
    expect(Object.keys(scripts).filter((name) => hooks.includes(name))).toEqual([])
  })

  test('cannot be created from a clone that is not built or is built as another version', () => {
    const clone = used(freshFolder())
    for (const file of ['package.json', 'scripts/prepack.mjs']) cpSync(join(home, file), join(clone, file))
    const packed = () => run(clone, 'npm', 'pack', '--loglevel=error')
    const { status, stderr } = packed()
    expect(status).not.toBe(0)
    expect(stderr).toMatch(/antigrad: \.\/dist\/index\.js is missing; .*Build it first: npm run setup\n/)
    // Empty files suffice.
    const named = readFileSync(join(home, 'package.json'), 'utf8').matchAll(/"\.\/(dist\/[^"*]*)/g)
    for (const [, file] of named) {
      mkdirSync(join(clone, file, '..'), { recursive: true })
      if (!file.endsWith('/')) writeFileSync(join(clone, file), '')
      else mkdirSync(join(clone, file), { recursive: true })
    }
    cpSync(join(home, 'dist/core/package.js'), join(clone, 'dist/core/package.js'))
    expect(packed()).toMatchObject({ status: 0 })
    writeFileSync(join(clone, 'dist/core/package.js'), "export const version = '0.0.9'")
    expect(packed().stderr).toMatch(/antigrad: dist\/ has version 0\.0\.9, but package\.json has \d/)
  })

  test('contains the licenses of the third-party code that the command line includes', () => {
    const licenses = execFileSync('tar', ['-xzOf', tarball, 'package/dist/LICENSES.md'], { encoding: 'utf8' })
    const sections = licenses.split(/^## /m).slice(1)
    const names = sections.map((section) => section.split(' ')[0])
    expect(names).toEqual(expect.arrayContaining(['commander', 'd3-contour', 'd3-color']))
    for (const section of sections) expect(section).toMatch(/copyright/i)
  })

  test('has the same version as the Rust crates', () => {
    const { version } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8'))
    expect(readFileSync(join(home, 'Cargo.toml'), 'utf8')).toContain(`\nversion = "${version}"\n`)
  })

  test('passes the check of the tool publint', async () => {
    const { buffer } = new Uint8Array(readFileSync(tarball))
    const { messages } = await publint({ strict: true, pack: { tarball: buffer } })
    expect(messages).toEqual([])
  })

  test('has correct types for every module resolution mode', async () => {
    const data = new Uint8Array(readFileSync(tarball))
    const result = await checkPackage(createPackageFromTarballData(data))
    expect(result.types && result.problems).toEqual([])
  })
})

describe('the package in a browser', () => {
  test('has the gzipped size that the README states, and contains no unused exports', async () => {
    const text = readFileSync(join(home, 'README.md'), 'utf8').replaceAll('\n', ' ')
    const said = /takes (\d+) kB\. A gzipped bundle of the whole library takes (\d+) kB/.exec(text)
    const [some, all] = (said ?? []).slice(1).map(Number)
    expect(
      Math.abs((await bundledSize("export { adamw, Optimizer } from 'antigrad'")) / 1000 - some),
    ).toBeLessThan(1)
    expect(
      Math.abs((await bundledSize("export * from 'antigrad'; export * from 'antigrad/fit'")) / 1000 - all),
    ).toBeLessThan(1)
    expect(await bundledSize("export { adamw, Optimizer } from 'antigrad'")).toBeLessThan(40_000)
    expect(await bundledSize("export { adam } from 'antigrad'")).toBeLessThan(3_600)
    const ofFits = "export { expression } from 'antigrad'; export { fit } from 'antigrad/fit'"
    expect(await bundledSize(ofFits)).toBeLessThan(91_100)
    const withEquations = await bundledSize(`${ofFits}; export { ode } from 'antigrad/fit'`)
    expect(withEquations - (await bundledSize(ofFits))).toBeLessThan(15_000)
    expect(await bundledSize("export { expression, minimizeMany } from 'antigrad'")).toBeLessThan(79_750)
    expect(await bundledSize("export { expression, lbfgs, minimize } from 'antigrad'")).toBeLessThan(75_100)
    expect(await bundledSize("export { rosenbrock } from 'antigrad'")).toBeLessThan(1_500)
    expect(await bundledSize("export * from 'antigrad/math'")).toBeLessThan(33_600)
    expect(await bundledSize("export { exp } from 'antigrad/math'")).toBeLessThan(22_200)
  })
  test('has the size per rule that docs/rules.md states, for every fifth rule', async () => {
    const said = sizesIn(readFileSync(join(home, 'docs/rules.md'), 'utf8'))
    // Code that all rules share dominates the sizes. `npm run table:options` measures every rule.
    const some = Object.keys(said).filter((_, i) => i % 5 === 0)
    for (const [name, sizes] of Object.entries(await sizesOf(some))) {
      sizes.forEach((bytes, i) => {
        expect(Math.abs(bytes - said[name][i]), name).toBeLessThan(1_000)
      })
    }
  })
})

describe('the package with the addon', () => {
  let folder: string
  beforeAll(async () => {
    folder = used(await installed())
  })

  test('runs the race on all engines', () => {
    expect(report(folder)).toMatchObject({
      native: { available: true },
      wasm: { available: true, reasons: [] },
    })
    const whole = json(folder, 'npx', '--no', 'antigrad', 'race', '--max-iterations', '200', '--json')
    expect(whole).toMatchObject({ sameBits: true, raced: ['native', 'wasm', 'typescript'] })
  })

  test('returns the same classes from require and from import', () => {
    const { names, same, imported } = json(folder, process.execPath, addBothScript(folder))
    expect(names).toContain('Optimizer')
    expect(same).toEqual(names)
    expect(imported).toEqual(names)
  })

  test.each([
    ['import', 'mjs', "import { adamw, Optimizer } from 'antigrad'"],
    ['require', 'cjs', "const { adamw, Optimizer } = require('antigrad')"],
  ])('prints uncaught errors briefly and with the names of functions: %s', (_, ending, line) => {
    const script = join(folder, `uncaught.${ending}`)
    writeFileSync(script, `${line}\nnew Optimizer({ w: [1, 2, 3] }, adamw())\n`)
    const { status, stderr } = run(folder, process.execPath, script)
    expect(status).toBe(1)
    expect(stderr).toContain('\nTensorError: params.w.0: expected a Float32Array or Float64Array')
    expect(stderr).toMatch(/at flatten \(.*\n.*at new \w*Optimizer \(/)
    expect(stderr.length).toBeLessThan(2_000)
  })

  test('provides TypeScript types for import and require', () => {
    const use = `const optimizer = new Optimizer({ w: new Float32Array(3) }, adam({ lr: 0.1 }))
      export const w: Float32Array = optimizer.params.w
      // @ts-expect-error a misspelled name
      optimizer.step({ v: w })
      // @ts-expect-error a misspelled option
      adam({ beta: 0.9 })\n`
    writeFileSync(join(folder, 'module.mts'), `import { adam, Optimizer } from 'antigrad'\n${use}`)
    writeFileSync(join(folder, 'script.cts'), `import { adam, Optimizer } from 'antigrad'\n${use}`)
    for (const module of ['node16', 'nodenext', 'preserve']) {
      const options = ['--noEmit', '--strict', '--skipLibCheck', 'false', '--types', '', '--module', module]
      const tsc = join(home, 'node_modules/typescript/bin/tsc')
      expect(run(folder, process.execPath, tsc, ...options, 'module.mts', 'script.cts')).toMatchObject({
        status: 0,
        stdout: '',
      })
    }
  })
})

test('npm installs no other packages along with antigrad', async () => {
  const names = readdirSync(join(used(await installed()), 'node_modules')).filter(
    (name) => !name.startsWith('.'),
  )
  expect(names).toEqual(['antigrad', expect.stringMatching(/^antigrad-/)])
})

describe('the package without a usable addon', () => {
  const withoutNative = (folder: string, ...reasons: RegExp[]) => {
    const { native, wasm } = report(folder)
    expect(native).toMatchObject({
      available: false,
      reasons: reasons.map((reason) => expect.stringMatching(reason)),
    })
    expect(wasm).toMatchObject({ available: true })
    expect(race(folder)).toMatchObject({ sameBits: true, raced: ['wasm', 'typescript'] })
  }

  test('reports that the addon package is missing', async () => {
    withoutNative(
      used(await installed({ addon: false })),
      ...[/^antigrad-.* is not installed$/, /`npm install --include=optional`/],
    )
  })

  test("reports only the missing addon package for the system's C library", () => {
    const { reasons } = withCopy((folder) => inChild('return antigrad.engines().native', { folder })) as Json
    expect(reasons).toEqual([
      expect.stringMatching(/^antigrad-.* is not installed$/),
      'antigrad was packed in a clone, where `npm run tarballs` packs the addon too',
    ])
  })

  test.skipIf(process.platform !== 'linux').each([100, 0.5, -1])(
    'reports an addon in native/ that is truncated to %s of the full length',
    (part) => {
      withCopy((folder) => {
        const [name] = readdirSync(join(home, 'native'))
        const addon = readFileSync(join(home, 'native', name))
        const length = Math.abs(part) < 1 ? part * addon.length : part
        mkdirSync(join(folder, 'native'))
        writeFileSync(join(folder, 'native', name), addon.subarray(0, length))
        expect(inChild('return antigrad.engines().native', { folder })).toMatchObject({
          available: false,
          reasons: expect.arrayContaining([
            expect.stringMatching(/native.*damaged: its addon has \d+ bytes instead/),
          ]),
        })
      })
    },
  )

  test.each([
    ['nothing.node', /^ANTIGRAD_ADDON=nothing\.node does not load: /],
    ['package.json', /^the addon has another version: its kernels differ$/],
  ])('reports an invalid setting ANTIGRAD_ADDON=%s', (ANTIGRAD_ADDON, reason) => {
    // No other addon replaces the requested addon, although native/ contains an addon.
    const { available, reasons } = inChild('return antigrad.engines().native', {
      env: { ANTIGRAD_ADDON },
    }) as Json
    expect({ available, reasons }).toEqual({ available: false, reasons: [expect.stringMatching(reason)] })
  })

  test('reports a truncated addon', async () => {
    const half: Damage = (_, addon) => addon.subarray(0, addon.length / 2)
    withoutNative(
      await damaged(half),
      ...[
        /^antigrad-.* is damaged: its addon has \d+ bytes instead of \d+$/,
        /^delete .* and install again$/,
      ],
    )
  })

  test('reports the addon of another platform', async () => {
    const other: Damage = (_, addon) => {
      // The machine field of ELF's header, or an equally important byte of other formats.
      addon[18] ^= 0xff
      return addon
    }
    withoutNative(await damaged(other), /^antigrad-.* does not load: /)
  })

  test('reports the addon of another version', async () => {
    const older: Damage = (manifest, addon) => {
      manifest.version = '0.0.9'
      return addon
    }
    withoutNative(
      await damaged(older),
      ...[/^antigrad-.* has version 0\.0\.9, but antigrad has \d/, /^install antigrad-.* in version \d/],
    )
  })
})
