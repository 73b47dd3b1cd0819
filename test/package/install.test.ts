/** What `npm pack` makes, installed in fresh folders with the addon present, absent and broken. */

import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core'
import { build } from 'esbuild'
import { publint } from 'publint'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { home } from '../children.js'
import { type Damage, freshFolder, json, pack, project, release, remove, run } from './pack.js'

const folders: string[] = []
const fresh = () => {
  folders.push(freshFolder())
  return folders.at(-1) as string
}
afterAll(() => folders.forEach(remove))

/** Installs a release and gives the folder. */
function installed(damage?: Damage, ...options: string[]): string {
  const folder = project([release(fresh(), damage)], ...options)
  folders.push(folder)
  return folder
}

const report = (folder: string) =>
  json(folder, process.execPath, '-p', "JSON.stringify(require('antigrad').engines())")

const race = (folder: string) =>
  json(folder, 'npx', '--no', 'antigrad', 'race', '--max-iterations', '200', '--json')

describe('the tarball', () => {
  let tarball: string
  let files: string[]
  beforeAll(() => {
    tarball = pack(home, fresh())
    files = execFileSync('tar', ['-tzf', tarball], { encoding: 'utf8' }).trim().split('\n')
  })

  test('has what users need, and no addon', () => {
    const folders = new Set(files.map((file) => file.split('/').slice(0, 2).join('/')))
    expect([...folders].sort()).toEqual([
      ...['package/LICENSE', 'package/README.md', 'package/dist', 'package/package.json'],
    ])
    expect(files.filter((file) => !/\.(js|mjs|d\.ts|json|md)$|LICENSE$/.test(file))).toEqual([])
    expect(readFileSync(tarball).length).toBeLessThan(200_000)
  })

  test('runs nothing when it is installed', () => {
    const { scripts } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8'))
    const hooks = ['preinstall', 'install', 'postinstall', 'prepare', 'prepack', 'postpack']
    expect(Object.keys(scripts).filter((name) => hooks.includes(name))).toEqual([])
  })

  test('is of the version that the crates have', () => {
    const { version } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8'))
    expect(readFileSync(join(home, 'Cargo.toml'), 'utf8')).toContain(`\nversion = "${version}"\n`)
  })

  test('publint has nothing to say', async () => {
    const { messages } = await publint({ pkgDir: home, strict: true, pack: 'npm' })
    expect(messages).toEqual([])
  })

  test('its types are right for every way to resolve them', async () => {
    const data = new Uint8Array(readFileSync(tarball))
    const result = await checkPackage(createPackageFromTarballData(data))
    expect(result.types && result.problems).toEqual([])
  })
})

describe('in a browser', () => {
  const bundle = async (source: string) => {
    const { outputFiles } = await build({
      stdin: { contents: source, resolveDir: home },
      bundle: true,
      minify: true,
      format: 'esm',
      write: false,
      logLevel: 'warning',
    })
    return gzipSync(outputFiles[0].contents, { level: 9 }).length
  }

  test('all of it is within 40 kB, gzipped, and what is not imported costs nothing', async () => {
    const whole = await bundle("export * from 'antigrad'")
    expect(whole).toBeLessThan(40_000)
    expect(whole).toBeGreaterThan(15_000)
    expect(await bundle("export { adam } from 'antigrad'")).toBeLessThan(3_000)
    expect(await bundle("export { rosenbrock } from 'antigrad'")).toBeLessThan(1_000)
  })
})

describe('with the addon', () => {
  let folder: string
  beforeAll(() => {
    folder = installed()
  })

  test('all engines are there, and the race runs on them', () => {
    expect(report(folder)).toMatchObject({
      native: { available: true },
      wasm: { available: true, reasons: [] },
    })
    expect(race(folder)).toMatchObject({ sameBits: true, raced: ['native', 'wasm', 'typescript'] })
  })

  test('require and import get the same classes', () => {
    writeFileSync(
      join(folder, 'both.js'),
      `import { createRequire } from 'node:module'
      import * as imported from 'antigrad'
      const required = createRequire(import.meta.url)('antigrad')
      const names = Object.keys(required).sort()
      const same = names.filter((name) => required[name] === imported[name])
      console.log(JSON.stringify({ names, same, imported: Object.keys(imported).sort() }))`,
    )
    const { names, same, imported } = json(folder, process.execPath, 'both.js')
    expect(names).toContain('Optimizer')
    expect(same).toEqual(names)
    expect(imported).toEqual(names)
  })

  test('TypeScript finds the types of both', () => {
    const use = `const optimizer = new Optimizer({ w: new Float32Array(3) }, adam({ lr: 0.1 }))
      export const w: Float32Array = optimizer.params.w
      // @ts-expect-error a misspelt name
      optimizer.step({ v: w })
      // @ts-expect-error a misspelt option
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

describe('without it', () => {
  const withoutNative = (folder: string, reason: RegExp) => {
    const { native, wasm } = report(folder)
    expect(native).toMatchObject({
      available: false,
      reasons: [expect.stringMatching(reason), ...rest(native)],
    })
    expect(wasm).toMatchObject({ available: true })
    expect(native.reasons.at(-1)).toContain('npm install --include=optional')
    expect(race(folder)).toMatchObject({ sameBits: true, raced: ['wasm', 'typescript'] })
  }
  const rest = ({ reasons }: { reasons: string[] }) => reasons.slice(1)

  test('absent', () => {
    withoutNative(installed(undefined, '--omit=optional'), /^antigrad-.* is not installed$/)
  })

  test('half of it', () => {
    const half: Damage = (_, addon) => addon.subarray(0, addon.length / 2)
    withoutNative(installed(half), /^antigrad-.* is damaged: its addon has \d+ bytes instead of \d+$/)
  })

  test("another platform's", () => {
    const other: Damage = (_, addon) => {
      // The machine in ELF's header; in other formats something as vital.
      addon[18] ^= 0xff
      return addon
    }
    withoutNative(installed(other), /^antigrad-.* does not load: /)
  })

  test("another version's", () => {
    const older: Damage = (manifest, addon) => {
      manifest.version = '0.0.9'
      return addon
    }
    withoutNative(installed(older), /^antigrad-.* is of version 0\.0\.9, but antigrad is of \d/)
  })
})
