// PYTHON=python3 node bench/likelihood-speed.mjs: 10,000 fits by likelihood, next to a loop of SciPy's minimize over a
// sample of the same data sets. Both are timed in alternation. Python needs NumPy and SciPy.
import { spawnSync } from 'node:child_process'
import { expression } from 'antigrad'
import { fitManySync, fitReasons, normal } from 'antigrad/fit'
import { RandomGenerator } from 'antigrad/math'

const [COUNT, SAMPLE, ROUNDS] = [10_000, 50, 3]
const t = [0.25, 0.5, 1, 2, 3, 4, 6, 8, 12, 16]
const random = new RandomGenerator(1)
const draw = (v) => {
  const f = 10 * Math.exp(-0.2 * v)
  return f + Math.hypot(0.1, 0.1 * f) * random.normal()
}
const y = Array.from({ length: COUNT }, () => t.map(draw))
const start = { a: 8, b: 0.1, add: 0.2, prop: 0.2 }
const python = `
import json, sys, time
import numpy as np
from scipy.optimize import minimize
t, sets, start = json.load(sys.stdin)
t = np.array(t)
def cost(p, y):
    f = p[0]*np.exp(-p[1]*t)
    v = p[2]**2 + (p[3]*f)**2
    return np.sum((y - f)**2/v + np.log(2*np.pi*v))
bounds = [(None, None), (None, None), (1e-6, None), (1e-6, None)]
begin = time.process_time()
ends = [minimize(cost, start, args=(np.array(y),), method='L-BFGS-B', bounds=bounds).fun for y in sets]
print(json.dumps([time.process_time() - begin, ends]))
`
const ratios = []
for (let round = 0; round < ROUNDS; round++) {
  const before = process.cpuUsage()
  const found = fitManySync(
    expression('a*exp(-b*t)'),
    { t, y },
    { y: 'y', start, distribution: normal({ sigma: 'sqrt(add^2 + (prop*f)^2)' }) },
  )
  const { user, system } = process.cpuUsage(before)
  const own = (user + system) / 1e6 / COUNT
  const sample = y.slice(round * SAMPLE, (round + 1) * SAMPLE)
  const { stdout, stderr } = spawnSync(process.env.PYTHON ?? 'python3', ['-c', python], {
    input: JSON.stringify([t, sample, Object.values(start)]),
    encoding: 'utf8',
    env: { ...process.env, OMP_NUM_THREADS: '1' },
  })
  if (stdout === '') throw new Error(stderr)
  const [seconds, ends] = JSON.parse(stdout)
  const other = seconds / SAMPLE
  ratios.push(other / own)
  const excess = ends.map((end, k) => end - found.minus2LogLikelihood[round * SAMPLE + k])
  const converged = found.reason.filter((reason) => fitReasons[reason] === 'converged').length
  console.log(
    `${(own * 1e6).toFixed(0)} µs of CPU time per fit (${converged} of ${COUNT} converged), SciPy ` +
      `${(other * 1e6).toFixed(0)} µs: ${(other / own).toFixed(1)} times; −2 log L of SciPy is at most ` +
      `${Math.max(...excess).toExponential(1)} higher and ${(-Math.min(...excess)).toExponential(1)} lower`,
  )
}
console.log(`median ratio ${ratios.sort((a, b) => a - b)[1].toFixed(1)}`)
