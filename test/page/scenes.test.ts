/** The statements about the gallery's scenes, verified by the library in Node. */

import * as all from 'antigrad'
import { describe, expect, test } from 'vitest'
import { readEquations } from '../../page/src/custom-rule.js'
import { makeLandscape } from '../../page/src/functions.js'
import { readMethods } from '../../page/src/methods.js'
import { writeProgram } from '../../page/src/program.js'
import { Race } from '../../page/src/race.js'
import { scenes } from '../../page/src/scenes.js'
import { readSchedules } from '../../page/src/schedules.js'
import { fromHash, toHash } from '../../page/src/state.js'

readSchedules()
readEquations()
readMethods()
const antigrad = { ...all }

async function raced(title: string) {
  const scene = scenes.find((scene) => scene.title === title)
  if (!scene) throw new Error(`no scene ${title}`)
  const { state, problems } = fromHash(scene.hash)
  expect(problems).toEqual([])
  const race = new Race(state, await makeLandscape(state))
  race.make(Infinity, Infinity)
  race.seek(race.made)
  return race
}

const reachedAt = (race: Race) => race.racers.map(({ arrivedAt }) => arrivedAt ?? Infinity)
/** The number of sign changes of a coordinate along a path. */
const crossings = (points: readonly (readonly number[])[], i: number) =>
  points.slice(1).filter((point, k) => point[i] * points[k][i] < 0).length
const pathOf = (race: Race, number: number) =>
  Array.from({ length: race.racers[number].made + 1 }, (_, i) => race.racers[number].pointAt(i))
const last = (race: Race, number: number) => race.racers[number].pointAt(race.racers[number].made)

test('every scene of the race page is a link with two sentences and a readable address', () => {
  expect(new Set(scenes.map(({ hash }) => hash)).size).toBe(scenes.length)
  for (const { hash, says } of scenes) {
    const { state, problems } = fromHash(hash)
    expect(problems).toEqual([])
    expect(fromHash(toHash(state)).state).toEqual(state)
    for (const sentence of says) expect(sentence).toMatch(/^[A-Z][^.]*.*\.$/)
  }
})

describe('the sentences on the race page are true', () => {
  test('for the scene A ravine', async () => {
    const race = await raced('A ravine')
    expect(race.landscape.objective.value([0, 1])).toBe(100 * race.landscape.objective.value([1, 0]))
    expect(crossings(pathOf(race, 0), 1)).toBeGreaterThan(20)
    const [descent, momentum] = reachedAt(race)
    expect(momentum).toBeLessThan(0.7 * descent)
    expect(descent).toBeLessThan(Infinity)
  })

  test('for the scene Too large a learning rate', async () => {
    const race = await raced('Too large a learning rate')
    const [usual, large, tooLarge] = reachedAt(race)
    expect(usual).toBeLessThan(Infinity)
    expect(large).toBeLessThan(Infinity)
    expect(tooLarge).toBe(Infinity)
    // The points at each step before convergence.
    expect(crossings(pathOf(race, 1).slice(0, large), 1)).toBe(large - 1)
    const { values, made } = race.racers[2]
    for (let i = 40; i < made; i++) expect(values[i + 1]).toBeGreaterThan(values[i])
  })

  test('for the scene Learning-rate decay', async () => {
    const race = await raced('Learning-rate decay')
    const moves = (number: number) => {
      const path = pathOf(race, number).slice(-200)
      return Math.max(...path.slice(1).map((p, i) => Math.hypot(p[0] - path[i][0], p[1] - path[i][1])))
    }
    expect(moves(0)).toBeGreaterThan(0.05)
    expect(moves(1)).toBeLessThan(1e-12)
    expect(Math.hypot(...last(race, 1))).toBeLessThan(0.25)
    // The path circles the minimum to the end, on both sides of it.
    expect(crossings(pathOf(race, 0).slice(-500), 0)).toBeGreaterThan(4)
  })

  test('for the scene Nesterov', async () => {
    const race = await raced('Nesterov')
    const [heavy, nesterov] = reachedAt(race)
    expect(nesterov).toBeLessThan(heavy)
    const swing = (number: number) => Math.max(...pathOf(race, number).map(([x]) => x))
    expect(swing(0)).toBeGreaterThan(swing(1))
    const [a, b] = race.state.entries.map(({ options }) => options)
    expect(a).toEqual(b)
  })

  test('for the scene A saddle', async () => {
    const race = await raced('A saddle')
    const [descent, momentum, adam] = race.racers.map((_, number) =>
      pathOf(race, number).findIndex(([, y]) => Math.abs(y) > 1),
    )
    expect(adam).toBeGreaterThan(0)
    expect(momentum).toBeGreaterThan(adam)
    expect(descent).toBeGreaterThan(momentum)
    const out = [0, 0]
    race.landscape.objective.gradient(race.state.start, out)
    expect(Math.abs(out[1])).toBeLessThan(1e-3)
  })

  test('for the scene Noise and averaging', async () => {
    const race = await raced('Noise and averaging')
    const apart = (number: number) => {
      const path = pathOf(race, number).slice(-500)
      return Math.sqrt(path.reduce((sum, [x, y]) => sum + x * x + y * y, 0) / path.length)
    }
    expect(apart(0)).toBeGreaterThan(3 * apart(1))
    expect(race.racers.map(({ made }) => made)).toEqual([2000, 2000])
  })

  test('for the scene Several minima', async () => {
    const race = await raced('Several minima')
    const minima = antigrad.objectives.himmelblau().minima(2)
    expect(minima).toHaveLength(4)
    const found = race.racers.map((_, number) => {
      const [x, y] = last(race, number)
      return minima.findIndex(([mx, my]) => Math.hypot(x - mx, y - my) < 0.05)
    })
    expect(found).not.toContain(-1)
    expect(new Set(found).size).toBeGreaterThan(1)
  })

  test('for the scene L-BFGS', async () => {
    const race = await raced('L-BFGS')
    const [lbfgs, adam, momentum] = reachedAt(race)
    expect(lbfgs).toBeLessThan(0.2 * Math.min(adam, momentum))
    expect(Math.max(adam, momentum)).toBeLessThan(Infinity)
    // The target is reached after a number of gradients. Some updates need several gradients.
    expect(race.racers[0].reach).toBeGreaterThan(race.racers[0].made)
  })

  test('for the scene Newton and bounds', async () => {
    const race = await raced('Newton and bounds')
    const [newton, lbfgs, adam] = reachedAt(race)
    expect(newton).toBeLessThan(lbfgs)
    expect(lbfgs).toBeLessThan(adam)
    expect(adam).toBeLessThan(Infinity)
    const [minimum] = race.landscape.minima
    expect(minimum).toEqual([0.5, expect.closeTo(0.25, 9)])
    for (const number of [0, 1, 2]) {
      for (const [x, y] of pathOf(race, number)) {
        expect(x >= -1.8 && x <= 0.5 && y >= -0.5 && y <= 2.5).toBe(true)
      }
    }
  })

  test('for the scene Custom rule', async () => {
    const race = await raced('Custom rule')
    const [own, descent] = race.state.entries
    expect([
      own.rule,
      own.equations?.split('\n').filter((line) => /^ .*\b(m|theta) = /.test(line)).length,
    ]).toEqual(['own', 2])
    expect(descent.rule).toBe('gradientDescent')
    const path = pathOf(race, 0)
    for (const [i, [x, y]] of path.slice(1).entries()) {
      expect(Math.abs(x - path[i][0])).toBeCloseTo(0.03, 12)
      expect(Math.abs(y - path[i][1])).toBeCloseTo(0.03, 12)
    }
    const [tiger, slow] = reachedAt(race)
    expect(tiger).toBeLessThan(slow)
    expect(slow).toBeLessThan(Infinity)
    for (const i of [0, 1]) expect(crossings(path.slice(-100), i)).toBeGreaterThan(10)
  })
})

describe('the program that the race page saves', () => {
  test.each([
    ...scenes.map(({ title, hash }) => [title, hash]),
    [
      'all additional settings',
      'f=booth&from=1,-2&noise=0.5&maxIterations=50&adam=lr:0.1,warmup:5,delay:2,clipNorm:1,clipValue:0.5',
    ],
  ])('reproduces the points of the race: %s', async (_, hash) => {
    const { state } = fromHash(hash)
    const text = await writeProgram(state)
    const lines: unknown[][] = []
    const body = text.replace(/^import \{ (.*) \} from 'antigrad'$/m, '').replace(/ as const/, '')
    const names = /^import \{ (.*) \} from/m.exec(text)?.[1].split(', ') ?? []
    const log = { log: (...line: unknown[]) => void lines.push(line) }
    new Function('console', ...names, body)(log, ...names.map((name) => antigrad[name as 'adam']))
    const race = new Race(state, await makeLandscape(state))
    race.make(Infinity, Infinity)
    race.seek(race.made)
    // The race computes typed functions by mathjs.
    const digits = state.objective === 'own' ? 6 : Infinity
    for (const [i, racer] of race.racers.entries()) {
      const [name, x, , iterations, reason] = lines[i]
      expect([name, reason]).toEqual([racer.name, racer.reason])
      if (digits === Infinity) expect([x, iterations]).toEqual([racer.pointAt(racer.made), racer.made])
      else
        for (const k of [0, 1]) expect((x as number[])[k]).toBeCloseTo(racer.pointAt(racer.made)[k], digits)
    }
  })
})
