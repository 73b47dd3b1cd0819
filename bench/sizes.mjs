// npm run bench:sizes: bundle sizes of antigrad and of other JavaScript libraries, for the same task. Writes
// bench/results/sizes.json.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { version as esbuild } from 'esbuild'
import { bundledSize } from '../scripts/lib/bundle.mjs'
import { root, script } from '../scripts/lib/run.mjs'

/** Per library and task, the module that a page needs. */
const MODULES = {
  'antigrad: train': ['antigrad', "export { adam, Optimizer } from 'antigrad'"],
  'antigrad: fit': [
    'antigrad',
    "export { expression } from 'antigrad'; export { fit, fitMany } from 'antigrad/fit'",
  ],
  'antigrad: minimize': ['antigrad', "export { expression, lbfgs, minimize } from 'antigrad'"],
  'TensorFlow.js': [
    '@tensorflow/tfjs-core',
    "import '@tensorflow/tfjs-backend-cpu'; export * from '@tensorflow/tfjs-core'; export * from '@tensorflow/tfjs-layers'",
  ],
  'jax-js': ['@jax-js/jax', "export { grad, init, jit, numpy } from '@jax-js/jax'"],
  regression: ['regression', "export { default } from 'regression'"],
  'd3-regression': ['d3-regression', "export { regressionExp } from 'd3-regression'"],
  'ml-levenberg-marquardt': [
    'ml-levenberg-marquardt',
    "export { levenbergMarquardt } from 'ml-levenberg-marquardt'",
  ],
  fmin: ['fmin', "export { nelderMead } from 'fmin/index.js'"],
}

const versionOf = (name) =>
  JSON.parse(
    readFileSync(
      join(root, name === 'antigrad' ? 'package.json' : `node_modules/${name}/package.json`),
      'utf8',
    ),
  ).version

script(async () => {
  const rows = []
  for (const [library, [name, module]] of Object.entries(MODULES))
    rows.push({ library, version: versionOf(name), module, bytes: await bundledSize(module) })
  const date = new Date().toISOString().slice(0, 10)
  const lines = rows.map((row) => `    ${JSON.stringify(row)}`).join(',\n')
  const text = `{\n  "date": "${date}",\n  "esbuild": "${esbuild}",\n  "rows": [\n${lines}\n  ]\n}\n`
  writeFileSync(join(root, 'bench/results/sizes.json'), text)
})
