/** Tables that compare antigrad with other libraries agree with the results of the benchmark. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { comparison, figures, results, withBlock } from '../scripts/lib/comparison.mjs'
import { home } from './children.js'

const read = (file: string) => readFileSync(join(home, file), 'utf8')

test("the figures in the README and on the docs' home page equal the results of the benchmark", () => {
  const readme = read('README.md')
  expect(withBlock(readme, 'figures', figures(results()))).toBe(readme)
  const index = read('docs/index.md')
  expect(withBlock(index, 'figures', figures(results(), ''))).toBe(index)
})

test('the tables in docs/rivals.md equal the results of the benchmark', () => {
  const page = read('docs/rivals.md')
  expect(withBlock(page, 'comparison', comparison(results()))).toBe(page)
  const libraries = ['TensorFlow.js', 'jax-js', 'regression', 'ml-levenberg-marquardt', 'fmin', 'Pyodide']
  for (const name of [...libraries, 'lmfit', 'Ceres', 'Torch', 'Optax', 'not measured'])
    expect(page).toContain(name)
})

test('a page without markers for the generated text causes an error', () => {
  expect(() => withBlock('# Page', 'figures', '')).toThrow('no markers for figures')
})
