/** The entry points of the package in Node, as package.json exports them. `import` and `require` share one library. */

import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import { home } from './children.js'

const require = createRequire(join(home, 'package.json'))
const { exports } = require('./package.json') as { exports: Readonly<Record<string, string | object>> }
const entries = Object.keys(exports).flatMap((path) =>
  typeof exports[path] === 'object' ? [`antigrad${path.slice(1)}`] : [],
)

test('package.json exports exactly the entry points that the tests cover', () => {
  expect(entries).toEqual([
    'antigrad',
    ...['fit', 'math', 'from-function', 'tfjs', 'chunks', 'files', 'bullmq'].map(
      (name) => `antigrad/${name}`,
    ),
  ])
})

test.each(entries)('import, require and the ES modules provide the same exports of %s', async (entry) => {
  const required = require(entry)
  const path = require.resolve(entry)
  const module = await import(pathToFileURL(path.replace('/dist/node/', '/dist/')).href)
  expect(Object.keys(required).sort()).toEqual(Object.keys(module).sort())
  // The file for Node, and the file for bundlers.
  for (const file of ['load.mjs', 'index.mjs']) {
    const imported = await import(pathToFileURL(path.replace(/index\.js$/, file)).href)
    expect(Object.keys(imported).sort()).toEqual(Object.keys(required).sort())
    for (const name of Object.keys(imported)) expect(imported[name], name).toBe(required[name])
  }
})

test('`import` in Node loads the same file as `require`, without scanning the file for export names', () => {
  for (const entry of entries)
    expect(import.meta.resolve(entry)).toMatch(/\/dist\/node\/([\w-]+\/)?load\.mjs$/)
})

test('file errors are instances of AntigradError with both import and require', async () => {
  const { AntigradError, Optimizer, adam } = require('antigrad')
  const { FileError, openFile, toBlob } = require('antigrad/files')
  const bad = readFileSync(join(home, 'test/data/safetensors/bad-hole.safetensors'))
  const error = await openFile(new Blob([bad])).catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(FileError)
  expect(error).toBeInstanceOf(AntigradError)
  const file = await openFile(await toBlob(new Optimizer([Float32Array.of(1)], adam())))
  await expect(file.read('none')).rejects.toThrow(
    'tensor: expected one of params/0, state/m/0, state/v/0, got',
  )
})

/** The files of dist/node, each with the module folders that the file contains. */
const folders = {
  expressions: ['equations', 'expressions'],
  many: ['many', 'methods'],
  starts: ['random'],
  derivatives: ['minimize', 'objectives'],
  fits: ['fits'],
  math: ['math'],
  'from-function': ['from-function'],
  chunks: ['bullmq', 'chunks', 'jobs'],
  files: ['files'],
  tfjs: ['tfjs'],
  bullmq: ['bullmq'],
}

test.each(Object.entries(folders))(
  'the entry point %s contains only modules of %j, and requires all other modules from other entry points',
  (entry, own) => {
    const file = join(home, `dist/node/${entry}/index.js`)
    const text = readFileSync(file, 'utf8')
    const imports = [
      ...text.matchAll(
        /require\("([^"]+)"\)\[.*?Symbol\.for\("(antigrad\.modules [\d.]+)"\)\]\["([^"]+)"\]/g,
      ),
    ]
    expect(imports.length).toBeGreaterThan(0)
    for (const [, path, symbol, module] of imports) {
      const modules = createRequire(file)(path)[Symbol.for(symbol)]
      expect(Object.keys(modules[module]).length, module).toBeGreaterThan(0)
    }
    // No module of the library occurs in two files.
    const found = [...text.matchAll(/^\/\/ dist\/([^/\n]+)\//gm)].map(([, folder]) => folder)
    expect([...new Set(found)].sort()).toEqual(own)
  },
)

test('the core entry point contains no module of other entry points', () => {
  expect(readFileSync(join(home, 'dist/node/index.js'), 'utf8')).not.toMatch(
    /^\/\/ dist\/(expressions|equations|many|math|from-function|random|fits|jobs|chunks|files|tables|tfjs|bullmq)\//m,
  )
})

test('the modules for expressions and batches are loaded when first used', () => {
  const script = `
    const antigrad = require('antigrad')
    const loaded = () => Object.keys(require.cache).flatMap((path) => /node\\W(\\w+)\\Windex.js$/.exec(path)?.[1] ?? [])
    const seen = [loaded()]
    const sum = antigrad.expression('x + y')
    seen.push(loaded())
    antigrad.minimizeManySync(antigrad.expression('x^2'), { x: [1] }, antigrad.adam(), { maxIterations: 1 })
    seen.push(loaded(), sum.names, antigrad.minimizeMany.length)
    process.stdout.write(JSON.stringify(seen))`
  const { stdout, stderr } = spawnSync(process.execPath, ['-e', script], { cwd: home, encoding: 'utf8' })
  expect(stdout, stderr).toBe(
    JSON.stringify([[], ['expressions', 'shared'], ['expressions', 'shared', 'many'], ['x', 'y'], 3]),
  )
})
