/**
 * A run of a thousand updates that is saved about every fifty updates, even between batches, and continued in another
 * runtime: native, WebAssembly, TypeScript, Chromium, Bun, and so on. The run ends with the bits of an uninterrupted
 * run.
 */

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { deserialize, serialize } from 'node:v8'
import { type EngineName, Optimizer } from 'antigrad'
import { type BuildOptions, build } from 'esbuild'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { home } from '../children.js'
import { dtypes } from '../helpers.js'
import { longRun } from '../model/long-run.js'
import { decode, encode, goOn } from '../model/resume.js'
import type { Landed, Leg } from '../resume-run.js'
import { runtimes } from '../runtimes.js'
import { chromiumOptions } from '../static-server.js'
import { env, installed, remove } from './pack.js'
import { program } from './runtimes.js'

const LEGS = 20
/** Calls of `step` per leg. The count is odd, so every other save contains an incomplete batch. */
const STEPS = 117

let folder: string
let bun: string
let browser: Browser
let page: Page

beforeAll(async () => {
  folder = await installed()
  bun = await program(runtimes.Bun)
  const entry: BuildOptions = {
    entryPoints: [join(home, 'test/resume-run.ts')],
    bundle: true,
    format: 'esm',
    logLevel: 'warning',
  }
  await build({ ...entry, outfile: join(folder, 'hop.mjs'), target: 'es2022', external: ['antigrad'] })
  const { outputFiles } = await build({
    ...entry,
    alias: { antigrad: join(folder, 'node_modules/antigrad/dist/index.js') },
    write: false,
  })
  browser = await chromium.launch(chromiumOptions)
  page = await browser.newPage()
  await page.addScriptTag({ type: 'module', content: outputFiles[0].text })
  await page.waitForFunction('globalThis.hop')
}, 300_000)

afterAll(async () => {
  await browser?.close()
  if (folder) remove(folder)
})

type Place = (leg: Omit<Leg, 'engine'>, round: number) => Promise<Landed>

const refuse = (message: string): never => {
  throw new Error(message)
}

/** The current Node process. A file contains the output of `v8.serialize`. */
const here =
  (engine: EngineName, threads = 1): Place =>
  async ({ saved, from, to }) => {
    const file = serialize(decode(saved))
    const forced = engine === 'native' ? { engine, threads } : { engine }
    const optimizer = Optimizer.load(deserialize(file), { ...forced, onWarning: refuse })
    goOn(optimizer as never, from, to)
    const runtime = `here, ${optimizer.threads} threads`
    return { saved: encode(optimizer.save()), engine: optimizer.engine, runtime }
  }

const inChromium: Place = (leg, round) =>
  page.evaluate((leg) => (globalThis as unknown as { hop(leg: object): Landed }).hop(leg), {
    ...leg,
    engine: (['wasm', 'typescript'] as const)[round % 2],
  })

const inBun: Place = async (leg, round) => {
  const engine = (['native', 'wasm', 'typescript'] as const)[round % 3]
  const input = JSON.stringify({ ...leg, engine })
  const { status, stdout, stderr } = spawnSync(bun, ['hop.mjs'], {
    ...{ cwd: folder, env, input, encoding: 'utf8', maxBuffer: 1 << 26 },
  })
  if (status !== 0) throw new Error(`Bun ended with ${status}: ${stderr}`)
  return JSON.parse(stdout)
}

const places = [here('native', 2), here('wasm'), here('typescript'), inChromium, inBun]

test.each(dtypes)(
  'a run that moves between Chromium, Node and Bun computes the same bits as in Node, in %s',
  async (dtype) => {
    const start = 7
    const still = longRun(dtype, { engine: 'typescript' })
    let saved = encode(longRun(dtype, { engine: 'native' }).save())
    const landed: string[] = []
    for (let leg = 0; leg < LEGS; leg++) {
      const [from, to] = [start + leg * STEPS, start + (leg + 1) * STEPS]
      const round = Math.floor(leg / places.length)
      const { engine, runtime, ...next } = await places[leg % places.length]({ saved, from, to }, round)
      landed.push(`${engine}: ${runtime.replace(/^.*((Headless)?Chrome)\/.*$/, 'Chromium')}`)
      saved = next.saved
      goOn(still, from, to)
      expect(saved === encode(still.save()), `after leg ${leg}, ${landed[leg]}`).toBe(true)
    }
    const { bun: version } = runtimes.Bun.versions
    expect(landed).toEqual(
      [0, 1, 2, 3].flatMap((round) => [
        'native: here, 2 threads',
        'wasm: here, 1 threads',
        'typescript: here, 1 threads',
        `${['wasm', 'typescript'][round % 2]}: Chromium`,
        `${['native', 'wasm', 'typescript'][round % 3]}: ${version}`,
      ]),
    )
    expect(still.updates).toBeGreaterThanOrEqual(1000)
    const { clock } = decode(saved).tensors.embed
    // Some of the tensor's state has already been flushed, which depends on the tensor's clock.
    expect(clock?.t).toBeGreaterThan(512)
  },
)
