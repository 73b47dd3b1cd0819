/** examples/lambda.mjs as one file in an otherwise empty folder, from a cold start. */

import { cpSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as core from 'antigrad'
import * as fits from 'antigrad/fit'
import { build } from 'esbuild'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { home } from '../children.js'
import { addonIn, freshFolder, installed, json, remove } from './pack.js'

const antigrad = { ...core, ...fits }

const folders = { 'with the addon beside it': freshFolder(), 'without the addon': freshFolder() }
const body = { t: [0, 1, 2, 3, 4, 5], y: [5, 3.1, 2, 1.6, 1.2, 1.1] }

beforeAll(async () => {
  const project = await installed()
  cpSync(join(home, 'examples/lambda.mjs'), join(project, 'lambda.mjs'))
  for (const [name, folder] of Object.entries(folders)) {
    await build({
      entryPoints: [join(project, 'lambda.mjs')],
      outfile: join(folder, 'index.mjs'),
      ...{ bundle: true, minify: true, platform: 'node', format: 'esm' },
    })
    const addon = addonIn(project)
    if (name.startsWith('with ')) cpSync(join(addon.folder, addon.file), join(folder, addon.file))
    writeFileSync(
      join(folder, 'call.mjs'),
      `const start = performance.now()
      const { handler } = await import('./index.mjs')
      const loaded = performance.now()
      const answer = await handler({ body: ${JSON.stringify(JSON.stringify(body))} })
      const answered = performance.now()
      const wrong = await handler({ body: '{ "t": [1] }' })
      console.log(JSON.stringify({ answer, wrong, load: loaded - start, first: answered - loaded }))`,
    )
  }
  remove(project)
}, 300_000)
afterAll(() => Object.values(folders).forEach(remove))

test.each(Object.entries(folders))('the recipe for AWS Lambda runs as a single file, %s', (name, folder) => {
  const { answer, wrong, load, first } = json(folder, process.execPath, 'call.mjs')
  const { values } = antigrad.fit(antigrad.expression('a*exp(-b*t) + c'), body, {
    start: { a: 1, b: 1, c: 0 },
  })
  expect(answer.statusCode).toBe(200)
  expect(JSON.parse(answer.body)).toMatchObject({
    ...{ values, reason: 'converged', native: name.startsWith('with ') },
  })
  expect(wrong).toMatchObject({ statusCode: 400, body: expect.stringContaining('y') })
  expect(statSync(join(folder, 'index.mjs')).size).toBeLessThan(1e6)
  console.log(`cold, ${name}: ${load.toFixed(0)} ms to load, ${first.toFixed(0)} ms to the first answer`)
  // Tens of milliseconds on an idle machine.
  expect(load + first).toBeLessThan(3000)
})
