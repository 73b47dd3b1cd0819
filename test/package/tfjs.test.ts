/** antigrad/tfjs in Chromium, in a bundle that contains TensorFlow.js once, and in Node by `import` and `require`. */

import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { home } from '../children.js'
import { FOLDER, type SiteInChromium, serveFolder, toChromium } from '../static-server.js'
import { freshFolder, remove } from './pack.js'

const entry = join(home, 'test/package/tfjs-program.js')
const wasm = join(home, 'node_modules/@tensorflow/tfjs-backend-wasm/dist/')

let site: SiteInChromium
let inputs: string[]

beforeAll(async () => {
  const folder = freshFolder()
  cpSync(wasm, folder, { recursive: true, filter: (name) => !/\.(js|map|ts)$/.test(name) })
  writeFileSync(
    join(folder, 'index.html'),
    '<!doctype html><link rel="icon" href="data:,"><script type="module" src="app.js"></script>',
  )
  const { metafile } = await build({
    stdin: {
      contents: `import { program } from ${JSON.stringify(entry)}; globalThis.program = program`,
      resolveDir: home,
    },
    ...{ outfile: join(folder, 'app.js'), bundle: true, format: 'esm', metafile: true, logLevel: 'error' },
  })
  inputs = Object.keys(metafile.inputs)
  site = await toChromium(() => serveFolder(folder))
}, 300_000)

afterAll(async () => {
  await site?.close()
  if (site) remove(site.folder)
})

mkdirSync(join(home, 'target/tmp'), { recursive: true })

/** The output of the program in a separate Node process, which has one copy of TensorFlow.js. */
function inNode(backend: string) {
  const file = join(home, 'target/tmp', `tfjs-${process.pid}-${backend}.mjs`)
  writeFileSync(
    file,
    `import { program } from ${JSON.stringify(entry)}\nconsole.log(JSON.stringify(await program('${backend}')))`,
  )
  try {
    return JSON.parse(execFileSync(process.execPath, [file], { encoding: 'utf8' }))
  } finally {
    rmSync(file)
  }
}

test.each(['cpu', 'wasm'])(
  'a page with TensorFlow.js trains, saves and continues with the same bits as Node: %s',
  async (backend) => {
    const page = await site.browser.newPage()
    await page.goto(site.address)
    await page.waitForFunction('globalThis.program')
    const seen = await page.evaluate(`program('${backend}', '${FOLDER}')`)
    await page.close()
    expect(seen).toMatchObject({ goesOn: true, leaked: 0 })
    expect(seen).toEqual(inNode(backend))
  },
)

test('the bundle of a page with TensorFlow.js contains TensorFlow.js only once', () => {
  const cores = inputs.filter((file) => /tfjs-core\/dist\/(index|engine)\.js$/.test(file))
  expect(cores.length).toBe(2)
  expect(inputs.filter((file) => file.endsWith('dist/optimizer.js')).length).toBe(1)
})

test.each([
  ['import', "import * as one from 'antigrad'\nimport { optimizerClass } from 'antigrad/tfjs'"],
  [
    'require',
    `import { createRequire } from 'node:module'
const require = createRequire(import.meta.url)
const one = require('antigrad')
const { optimizerClass } = require('antigrad/tfjs')`,
  ],
])('the module antigrad/tfjs uses the same classes as the module antigrad in Node: %s', (_, lines) => {
  const file = join(home, 'target/tmp', `tfjs-classes-${process.pid}.mjs`)
  writeFileSync(
    file,
    `${lines}\ntry { optimizerClass({}) } catch (error) { console.log(error instanceof one.OptionError) }`,
  )
  try {
    expect(execFileSync(process.execPath, [file], { encoding: 'utf8' })).toBe('true\n')
  } finally {
    rmSync(file)
  }
})
