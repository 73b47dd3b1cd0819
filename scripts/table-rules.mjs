// npm run table:rules: runs every rule that minimizeMany accepts on every test objective that has a minimum, and
// writes docs/objectives.md. The script writes the same page on every machine and takes half a minute.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root, say, script } from './lib/run.mjs'
import { setup } from './setup.mjs'

const rates = [1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1, 3]
const count = 64
const seed = 1
const maxIterations = 2000
// Only every tenth point is recorded and checked, which takes a tenth of the time of checking all points.
const every = 10
const near = 0.01

script(async () => {
  await setup()
  // These modules are imported after the setup, because the setup builds them.
  const antigrad = await import('../dist/index.js')
  const { expression, minimizeMany, objectives, sobolStarts } = antigrad
  const { sweepable } = await import('../dist/jobs/sweep.js')
  const { objectiveText } = await import('../dist/jobs/objective-texts.js')

  /** For each learning rate, the sorted numbers of updates after which the arriving starts stay near a minimum. */
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
  const text = `# Update rules on the test functions

The tables show how well update rules minimize two-dimensional test functions. The tables contain all rules
that \`minimizeMany\` accepts, and all test functions that have a minimum. \`npm run table:rules\` writes this
page, with the same results on every machine. The command [\`antigrad sweep\`](sweep.md) compares several
values of a rule's options:

\`\`\`sh
antigrad sweep --function rosenbrock --rule adam --lr 0.1,0.3,1,3 --starts 64 --max-iterations 2000
\`\`\`

| per rule and function | |
|---|---|
| learning rates | ${rates.length}: ${range}; all other options have their defaults |
| starts | ${count} points per learning rate: Sobol's sequence with seed ${seed} in the function's \`view\`, in float64 |
| updates | at most ${maxIterations} per start |
| arriving start | A start *arrives* if its run comes within ${near} of a global minimum and stays within ${near} until the end. |
| updates of a start | number of updates after which the run stays within ${near} of a global minimum, checked at every tenth update |
| best learning rate | the learning rate with the most arriving starts; among rates with equally many arriving starts, the rate with the lowest median of updates |

The tables show how well a rule performs with a good learning rate. The difficulty of finding a good learning
rate, and the effect of schedules, are not measured. The following facts explain many results:

- Rules that divide by the gradient's size oscillate around a minimum with an amplitude proportional to the
  learning rate. A rule that oscillates comes close to a minimum only with a small learning rate.
- The default weight decay of \`adamw\` moves minima that are not at 0.
- The first updates of \`radam\` are not adaptive, so a large learning rate moves the parameters far from
  the start.
- If a function has many local minima, the results depend more on the starting points than on the rules.

${sections.join('\n')}`
  writeFileSync(join(root, 'docs/objectives.md'), text)
})
