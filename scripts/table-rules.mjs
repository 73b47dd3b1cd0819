// npm run table:rules: runs every rule that minimizeMany supports on every test objective with a minimum, and writes
// docs/objectives.md. The numbers are identical on all machines. The run takes half a minute.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root, say, script } from './lib/run.mjs'
import { setup } from './setup.mjs'

const rates = [1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1, 3]
const count = 64
const seed = 1
const maxIterations = 2000
// Only every tenth point is examined, which takes a tenth of the time.
const every = 10
const near = 0.01

script(async () => {
  await setup()
  // Imported here, because the set-up builds them.
  const antigrad = await import('../dist/index.js')
  const { expression, minimizeMany, objectives, sobolStarts } = antigrad
  const { sweepable } = await import('../dist/jobs/sweep.js')
  const { objectiveText } = await import('../dist/jobs/objective-texts.js')

  /** Per learning rate, the updates of the starting points that reach a minimum. */
  async function measure(objective, name) {
    const [x0, x1, y0, y1] = objective.view
    const starts = sobolStarts({ x: [x0, x1], y: [y0, y1] }, count, { seed })
    const repeated = (column) => rates.flatMap(() => [...column])
    const perRun = { lr: rates.flatMap((lr) => Array(count).fill(lr)) }
    const all = { x: repeated(starts.x), y: repeated(starts.y) }
    const options = { perRun, maxIterations, recordEvery: every }
    const { paths } = await minimizeMany(expression(objectiveText(objective.name)), all, { name }, options)
    const minima = objective.minima(2)
    const isNear = (i) => minima.some(([x, y]) => Math.hypot(paths.x.x[i] - x, paths.x.y[i] - y) <= near)
    const arrivals = (rate) => {
      const found = []
      for (let run = rate * count; run < (rate + 1) * count; run++) {
        const [from, to] = paths.offsets.subarray(run, run + 2)
        let first = to
        while (first > from && isNear(first - 1)) first--
        if (first < to) found.push((first - from) * every)
      }
      return found
    }
    return rates.map((lr, rate) => ({ lr, updates: arrivals(rate).sort((a, b) => a - b) }))
  }

  async function rowOf(objective, name) {
    const found = await measure(objective, name)
    const median = ({ updates }) => updates[updates.length >> 1]
    const [best] = found.sort((a, b) => b.updates.length - a.updates.length || median(a) - median(b))
    if (best.updates.length === 0) return `| \`${name}\` | – | 0% | – |`
    const share = Math.round((100 * best.updates.length) / count)
    return `| \`${name}\` | ${best.lr} | ${share}% | ${median(best)} |`
  }

  const sections = []
  for (const make of Object.values(objectives)) {
    const objective = make()
    const minima = objective.minima(2)
    if (minima.length === 0) continue
    const rows = []
    for (const name of sweepable) rows.push(await rowOf(objective, name))
    const head = '| rule | best `lr` | starts that arrive | median updates |\n|---|---|---|---|'
    sections.push(`## ${objective.name}\n\n${head}\n${rows.join('\n')}\n`)
    say(objective.name)
  }
  const range = `${rates.slice(0, 3).join(', ')}, … ${rates.at(-1)}`
  const text = `# Rules on the test functions

Results of every rule that \`minimizeMany\` supports on every two-dimensional test function with a minimum.
\`npm run table:rules\` runs all of them and writes this page. Its numbers are identical on all machines.

Each rule runs with ${rates.length} learning rates, ${range}, and with the defaults of all other
options. For each learning rate, it starts from the same ${count} points (a Sobol sequence with seed ${seed} in the
function's \`view\`), in float64, and makes at most ${maxIterations} updates. A start *arrives* if its run comes within
${near} of a global minimum and stays there until the end. Its updates are counted until it stays there, at
every tenth point. The best learning rate is the one with the most arriving starts, and among those the one
with the smallest median of updates.

A table thus shows how well a rule performs with a known, constant learning rate. It does not show how hard
it is to find that rate, or how the rule performs with a schedule. Rules that divide by the size of the
gradient keep jumping around a minimum by about their learning rate, and arrive only if the rate is small.
\`adamw\` uses weight decay by default, which moves minima that are not at 0. The first updates of \`radam\` are
not adaptive, so a large learning rate moves it far away. For functions with many minima, a table says more
about the starts than about the rules.

${sections.join('\n')}`
  writeFileSync(join(root, 'docs/objectives.md'), text)
})
