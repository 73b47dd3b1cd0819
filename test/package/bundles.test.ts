/** Bundles for Node that run in otherwise empty folders, with and without the addon. */

import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import commonjs from '@rollup/plugin-commonjs'
import { nodeResolve } from '@rollup/plugin-node-resolve'
import { adamw, cosine, Optimizer } from 'antigrad'
import * as esbuild from 'esbuild'
import { type Plugin, rollup } from 'rollup'
import { build as vite } from 'vite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import webpack from 'webpack'
import { home } from '../children.js'
import { addonIn, env, freshFolder, installed, json, remove, run } from './pack.js'

/** Bundles a program with all imports into one file of the given name in a folder. */
type Bundler = (entry: string, folder: string, name: string) => Promise<unknown>

const byEsbuild =
  (options: esbuild.BuildOptions): Bundler =>
  async (entry, folder, name) => {
    const files = { entryPoints: [entry], outfile: join(folder, name) }
    const { warnings } = await esbuild.build({ ...files, bundle: true, platform: 'node', ...options })
    expect(warnings).toEqual([])
  }

const byRollup =
  (format: 'es' | 'cjs'): Bundler =>
  async (input, folder, name) => {
    const plugins = [nodeResolve({ exportConditions: ['node'] }), (commonjs as unknown as () => Plugin)()]
    const onwarn = ({ message }: { message: string }) => {
      throw new Error(message)
    }
    const bundle = await rollup({ input, plugins, external: /^node:/, onwarn })
    await bundle.write({ file: join(folder, name), format })
  }

const byWebpack =
  (options: webpack.Configuration = {}): Bundler =>
  (entry, path, filename) => {
    const output = { path, filename, ...options.output }
    return new Promise((resolve, reject) => {
      webpack({ mode: 'production', target: 'node20', entry, ...options, output }, (error, stats) =>
        error || stats?.hasErrors() || stats?.hasWarnings()
          ? reject(error ?? new Error(stats?.toString()))
          : resolve(stats),
      )
    })
  }

/** By default, webpack replaces `import.meta.url` by the path on this machine. */
const webpackModule: webpack.Configuration = {
  output: { module: true, chunkFormat: 'module', library: { type: 'module' } },
  module: { parser: { javascript: { importMeta: false } } },
  experiments: { outputModule: true },
}

const byVite: Bundler = (entry, outDir, entryFileNames) =>
  vite({
    root: dirname(entry),
    logLevel: 'warn',
    configFile: false,
    ssr: { noExternal: true },
    build: { ssr: entry, outDir, emptyOutDir: true, rolldownOptions: { output: { entryFileNames } } },
  })

const byNcc: Bundler = async (entry, folder, name) => {
  const ncc = join(home, 'node_modules/@vercel/ncc/dist/ncc/cli.js')
  const { status, stdout, stderr } = run(dirname(entry), process.execPath, ncc, 'build', entry, '-o', folder)
  if (status !== 0) throw new Error(stdout + stderr)
  const made = readdirSync(folder).filter((file) => file.startsWith('index.'))
  expect(made).toHaveLength(1)
  cpSync(join(folder, made[0]), join(folder, name))
}

const requireBanner = {
  js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url)",
}

/** All programs except for the last two start from an ES module. */
const bundlers: Record<string, [bundler: Bundler, name: string, entry?: string]> = {
  'esbuild to an ES module': [byEsbuild({ format: 'esm' }), 'app.mjs'],
  'esbuild to an ES module that has require': [
    byEsbuild({ format: 'esm', banner: requireBanner }),
    'app.mjs',
  ],
  'esbuild without the condition module': [
    byEsbuild({ format: 'esm', banner: requireBanner, conditions: ['other'] }),
    'app.mjs',
  ],
  'esbuild to CommonJS': [byEsbuild({ format: 'cjs' }), 'app.cjs'],
  'Rollup to an ES module': [byRollup('es'), 'app.mjs'],
  'Rollup to CommonJS': [byRollup('cjs'), 'app.cjs'],
  'webpack to an ES module': [byWebpack(webpackModule), 'app.mjs'],
  'webpack to CommonJS': [byWebpack(), 'app.cjs'],
  'Vite SSR': [byVite, 'app.mjs'],
  'ncc to an ES module': [byNcc, 'app.mjs'],
  'ncc to CommonJS': [byNcc, 'app.cjs', 'program.cjs'],
  'esbuild from CommonJS': [byEsbuild({ format: 'esm' }), 'app.mjs', 'program.cjs'],
}

const body = `const optimizer = new Optimizer(new Float32Array(256), adam())
optimizer.step(new Float32Array(256).fill(1))
console.log(JSON.stringify({ engine: optimizer.engine, reasons: engines().native.reasons }))`

let source: string
/** The folder of the addon's package, its name, and the name of the addon file. */
let addonFolder: string
let addonPackage: string
let addonName: string

beforeAll(async () => {
  source = await installed()
  writeFileSync(join(source, 'program.mjs'), `import { adam, engines, Optimizer } from 'antigrad'\n${body}`)
  writeFileSync(
    join(source, 'program.cjs'),
    `const { adam, engines, Optimizer } = require('antigrad')\n${body}`,
  )
  ;({ name: addonPackage, folder: addonFolder, file: addonName } = addonIn(source))
})
afterAll(() => {
  if (source) remove(source)
})

/** Runs the output of `make` in the folder of an app that has a package.json. */
async function inApp(
  make: (folder: string, app: string) => void | Promise<unknown>,
  name: string,
  variables = {},
) {
  const app = freshFolder()
  try {
    writeFileSync(join(app, 'package.json'), '{ "name": "app", "version": "3.2.1" }')
    const folder = join(app, 'dist/server')
    mkdirSync(folder, { recursive: true })
    await make(folder, app)
    Object.assign(env, variables)
    return json(app, process.execPath, join(folder, name))
  } finally {
    for (const variable of Object.keys(variables)) delete env[variable]
    remove(app)
  }
}

describe.each(Object.entries(bundlers))(
  'a bundle of the package by %s',
  (_, [bundle, name, entry = 'program.mjs']) => {
    let built: string
    beforeAll(async () => {
      built = freshFolder()
      await bundle(join(source, entry), built, name)
    })
    afterAll(() => remove(built))
    const copy = (folder: string) => cpSync(join(built, name), join(folder, name))

    test('runs even if the addon is missing', async () => {
      const { engine, reasons } = await inApp(copy, name)
      expect({ engine, reasons }).toEqual({
        engine: 'wasm',
        reasons: [
          `${addonPackage} is not found from this bundle`,
          "leave antigrad out of the bundle (Next.js: serverExternalPackages: ['antigrad']), or set ANTIGRAD_ADDON " +
            `to the path of ${addonName}`,
        ],
      })
    })

    test('finds the addon in the folder of the bundle', async () => {
      const beside = (folder: string) => {
        copy(folder)
        cpSync(join(addonFolder, addonName), join(folder, addonName))
      }
      expect(await inApp(beside, name)).toEqual({ engine: 'native', reasons: [] })
    })

    test("finds the addon's package in a parent folder", async () => {
      const above = (folder: string, app: string) => {
        copy(folder)
        cpSync(addonFolder, join(app, 'node_modules', addonPackage), { recursive: true })
      }
      expect(await inApp(above, name)).toEqual({ engine: 'native', reasons: [] })
    })

    test('finds the addon at the path in ANTIGRAD_ADDON', async () => {
      const result = await inApp(copy, name, { ANTIGRAD_ADDON: join(addonFolder, addonName) })
      expect(result).toEqual({ engine: 'native', reasons: [] })
    })
  },
)

/** The commands of docs/everywhere.md, for the platform of the tests. */
const text = readFileSync(join(home, 'docs/everywhere.md'), 'utf8')
const [, section] = /^## Bundles for Node\n(.*?)^## /ms.exec(text) as unknown as [string, string]
const recipes = [...section.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, commands]) => commands)

describe('a browser bundle that only loads runs', () => {
  const rate = cosine(1e-3, { steps: 100 })
  const saved = new Optimizer({ w: new Float32Array(4) }, adamw({ lr: rate })).save()
  /** The output of `vite build` for a module, imported into the test. */
  const bundled = async (lines: string) => {
    const entry = join(source, `loads-${++count}.mjs`)
    writeFileSync(entry, lines)
    const outDir = join(source, `loads-${count}`)
    const lib = { entry, formats: ['es' as const], fileName: 'app' }
    await vite({ root: source, logLevel: 'warn', configFile: false, build: { lib, outDir } })
    return import(/* @vite-ignore */ pathToFileURL(join(outDir, 'app.js')).href)
  }
  let count = 0

  test('contains the rules and schedules that are passed to load', async () => {
    const { load } = await bundled(`import { adamw, cosine, Optimizer } from 'antigrad'
      export const load = (saved) => Optimizer.load(saved, { rules: [adamw], schedules: [cosine] })`)
    expect(load(saved).rule).toEqual(adamw({ lr: rate }))
  })

  test('contains no rule or schedule that is not passed to load', async () => {
    const { load, adamw: rule } = await bundled(`import { adamw, Optimizer } from 'antigrad'
      export const load = (saved, options) => Optimizer.load(saved, options)
      export { sgd } from 'antigrad'`)
    expect(rule).toBe(undefined)
    expect(() => load(saved)).toThrow(
      /^saved: rule: expected one of [a-zA-Z, ]*sgd, delayedStart, or another imported rule \(load takes \{ rules: \[adamw\] \}\), got "adamw"$/,
    )
    const both = await bundled(`import { adamw, Optimizer } from 'antigrad'
      export const load = (saved) => Optimizer.load(saved, { rules: [adamw] })`)
    expect(() => both.load(saved)).toThrow(
      / imported schedule \(.*; load takes \{ schedules \}\), got "cosine"$/,
    )
  })
})

test('the page docs/everywhere.md contains recipes for bundlers', () => {
  expect(recipes.length).toBeGreaterThan(2)
})

test.each(recipes)('the bundler recipe in docs/everywhere.md works: %s', (commands) => {
  const folder = freshFolder()
  const away = freshFolder()
  try {
    cpSync(join(source, 'node_modules'), join(folder, 'node_modules'), { recursive: true })
    cpSync(join(source, 'program.mjs'), join(folder, 'app.js'))
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
    const script = commands.replaceAll('linux-x64-gnu', addonPackage.replace('antigrad-', ''))
    const path = `PATH=${join(home, 'node_modules/.bin')}:$PATH`
    expect(run(folder, 'sh', '-ec', `${path}\n${script}`)).toMatchObject({ status: 0 })
    cpSync(join(folder, 'dist'), away, { recursive: true })
    const name = readdirSync(away).find((name) => name.startsWith('app.')) as string
    expect(json(away, process.execPath, name)).toEqual({ engine: 'native', reasons: [] })
  } finally {
    for (const used of [folder, away]) remove(used)
  }
})

test('a bundle finds the package in a folder of NODE_PATH, as in an AWS Lambda layer', async () => {
  const make = (folder: string) =>
    byEsbuild({ format: 'esm' })(join(source, 'program.mjs'), folder, 'app.mjs')
  const result = await inApp(make, 'app.mjs', { NODE_PATH: join(source, 'node_modules') })
  expect(result).toEqual({ engine: 'native', reasons: [] })
})

test.each([
  ['esbuild', byEsbuild({ format: 'cjs' })],
  // Minification takes half a minute, and does not affect which copy is loaded.
  ['webpack', byWebpack({ optimization: { minimize: false } })],
])('both import and require use one copy of the package in a bundle by %s', async (_, bundle) => {
  writeFileSync(join(source, 'imports.mjs'), "export * from 'antigrad'")
  writeFileSync(
    join(source, 'both.cjs'),
    `const required = require('antigrad')
    const imported = require('./imports.mjs')
    const names = Object.keys(required)
    console.log(JSON.stringify({ names, same: names.filter((name) => required[name] === imported[name]) }))`,
  )
  const make = (folder: string) => bundle(join(source, 'both.cjs'), folder, 'app.cjs')
  const { names, same } = await inApp(make, 'app.cjs')
  expect(names).toContain('Optimizer')
  expect(same).toEqual(names)
})
