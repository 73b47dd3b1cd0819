/** The entries of the package as Node has them by the exports of package.json: `import` and `require` get one library. */

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

test('these are all', () => {
  expect(entries).toEqual([
    'antigrad',
    ...['tfjs', 'chunks', 'files', 'bullmq'].map((name) => `antigrad/${name}`),
  ])
})

test.each(entries)('%s: what is imported is what is required, and all that modules have', async (entry) => {
  const required = require(entry)
  const path = require.resolve(entry)
  const imported = await import(pathToFileURL(path.replace(/\.js$/, '.mjs')).href)
  const module = await import(pathToFileURL(path.replace('/dist/node/', '/dist/')).href)
  expect(Object.keys(imported).sort()).toEqual(Object.keys(required).sort())
  expect(Object.keys(imported).sort()).toEqual(Object.keys(module).sort())
  for (const name of Object.keys(imported)) expect(imported[name], name).toBe(required[name])
})

test('errors of files are those of the library, by either way', async () => {
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

test('what other files take of the one is there, by their names', () => {
  for (const entry of ['files', 'tfjs', 'bullmq']) {
    const text = readFileSync(join(home, `dist/node/${entry}/index.js`), 'utf8')
    const modules = require('antigrad')[Symbol.for('antigrad.modules')]
    const taken = [...text.matchAll(/Symbol\.for\("antigrad\.modules"\)\]\["([^"]+)"\]/g)]
    expect(taken.length).toBeGreaterThan(0)
    for (const [, module] of taken) expect(Object.keys(modules[module]).length, module).toBeGreaterThan(0)
    // Nothing of the library is in there a second time.
    const own = [...text.matchAll(/^\/\/ dist\/([^/\n]+)\//gm)].map(([, folder]) => folder)
    expect([...new Set(own)]).toEqual([entry])
  }
})
