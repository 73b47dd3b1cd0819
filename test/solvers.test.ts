/** The example of contributing/solvers.md: a solver in lanes, next to the same method without lanes. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { expression } from '../dist/expressions/expression.js'
import { minimizeManySync } from '../dist/many/minimize-many.js'
import { method } from '../dist/minimize/method.js'
import { minimizeReasons } from '../dist/minimize/reasons.js'
import { armijoLanes } from './armijo.js'
import { home } from './children.js'
import { waysToRun } from './support.js'

const armijo = method({
  name: 'armijo',
  options: {},
  check() {},
  begin() {
    throw new Error('the example runs in lanes only')
  },
  lanes: armijoLanes,
}) as () => never

const bowl = expression('(x - 1)^2 + 4*(y + x)^2')

/** The point after the given count of updates. */
function descend(start: readonly [number, number], updates: number): Float64Array {
  let x = Float64Array.from(start)
  let g = new Float64Array(2)
  bowl.gradient(x, g)
  let t = 1
  for (let done = 0; done < updates; ) {
    const trial = x.map((xi, i) => xi - t * g[i])
    if (!(bowl.value(trial) <= bowl.value(x) - 1e-4 * t * (g[0] * g[0] + g[1] * g[1]))) {
      t /= 2
      continue
    }
    x = trial
    g = new Float64Array(2)
    bowl.gradient(x, g)
    t *= 2
    done++
  }
  return x
}

test.each(waysToRun(2))(
  'gradient descent with Armijo’s rule in lanes takes the steps of a loop, %o',
  (way) => {
    const starts = {
      x: Float64Array.from({ length: 21 }, (_, i) => i - 10),
      y: new Float64Array(21).fill(0.5),
    }
    for (const updates of [1, 2, 7]) {
      const { x, iterations, reason, engine } = minimizeManySync(bowl, starts, armijo(), {
        ...way,
        maxIterations: updates,
      })
      expect(engine).toBe(way.engine)
      for (const run of starts.x.keys()) {
        const wanted = descend([starts.x[run], 0.5], updates)
        expect([x.x[run], x.y[run]]).toEqual([...wanted])
        expect([iterations[run], minimizeReasons[reason[run]]]).toEqual([updates, 'max-iterations'])
      }
    }
    const { x, reason } = minimizeManySync(bowl, starts, armijo(), way)
    for (const run of starts.x.keys()) {
      expect(minimizeReasons[reason[run]]).toBe('converged')
      expect(x.x[run]).toBeCloseTo(1, 7)
    }
  },
)

test('the page about solvers contains the code of the example', () => {
  const code = readFileSync(join(home, 'test/armijo.ts'), 'utf8').split('\n').slice(2).join('\n').trim()
  const page = readFileSync(join(home, 'contributing/solvers.md'), 'utf8')
  expect(page).toContain(code)
})
