/** docs/coming-from.md and docs/coming-from-fits.md: the code for both libraries prints the same numbers. */

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { build } from 'esbuild'
import { describe, expect, test } from 'vitest'
import { home } from './children.js'

const require = createRequire(import.meta.url)
const sections = ['coming-from', 'coming-from-fits']
  .flatMap((page) =>
    readFileSync(join(home, `docs/${page}.md`), 'utf8')
      .split(/^## /m)
      .slice(1),
  )
  .map((section) => ({
    title: section.slice(0, section.indexOf('\n')),
    blocks: [...section.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map(([, language, code]) => ({
      language,
      code,
    })),
  }))

const numbersIn = (line: string) =>
  [...line.matchAll(/-?\d+(?:\.\d+)?(?:e[-+]?\d+)?/g)].map(([number]) => Number(number))

/** The output of a block. If the block cannot run here, a comment in the last line contains the output. */
async function printed({ language, code }: { language: string; code: string }): Promise<number[]> {
  const last = code.trim().split('\n').at(-1) as string
  if (/^(#|\/\/) /.test(last)) return numbersIn(last)
  const { outputFiles } = await build({
    stdin: { contents: code, resolveDir: home, loader: language as 'js' | 'ts' },
    // The entry point of fmin for Node does not load in the tests.
    mainFields: ['jsnext:main', 'module', 'main'],
    ...{ bundle: true, platform: 'node', format: 'cjs', write: false, logLevel: 'error' },
    alias: {
      'antigrad/fit': join(home, 'dist/node/fits/index.js'),
      antigrad: join(home, 'dist/node/index.js'),
    },
  })
  const lines: unknown[] = []
  new Function('console', 'require', 'module', outputFiles[0].text)(
    { log: (line: unknown) => lines.push(line) },
    require,
    {},
  )
  return lines.flat().filter((value): value is number => typeof value === 'number')
}

/** The relative precision of both outputs, if the other library is less precise. The largest number is the unit. */
const tolerances: Record<string, number> = {
  'ml-levenberg-marquardt': 3e-4,
  fmin: 1e-4,
  numeric: 1e-6,
  'ml-regression': 1e-9,
  regression: 1e-9,
  'd3-regression': 1e-9,
  'simple-statistics': 1e-9,
  'Trend lines of charts': 1e-9,
  "SciPy's curve_fit": 1e-6,
  lmfit: 1e-6,
  "R's nls": 1e-8,
  'torch.optim': 1e-5,
  Optax: 1e-5,
  Keras: 1.5e-5,
  'jax-js': 1e-6,
  'scipy.optimize': 1e-6,
}

describe.each(sections.filter(({ title }) => title in tolerances))(
  'the antigrad code for users of $title',
  ({ title, blocks }) => {
    test('prints the same numbers as the equivalent code with the other library', async () => {
      const shared = title === 'd3-regression' ? 'regression' : 'torch.optim'
      const ours =
        blocks.find(({ language }) => language === 'ts') ??
        sections.find((one) => one.title === shared)?.blocks[1]
      const [theirs, here] = [await printed(blocks[0]), await printed(ours as (typeof blocks)[0])]
      expect(theirs.length).toBeGreaterThan(2)
      expect(here.length).toBe(theirs.length)
      theirs.forEach((number, i) => {
        expect(Math.abs(here[i] - number), `${here} for ${theirs}`).toBeLessThan(tolerances[title])
      })
    })
  },
)

test('the docs pages for users of other libraries have a section for each library and for training loops', () => {
  const titles = [...Object.keys(tolerances), 'TensorFlow.js', 'Optim.jl and NLopt', 'Training loops']
  expect(sections.map(({ title }) => title).sort()).toEqual(titles.sort())
})
