/**
 * Hashes values of elementary functions of 100,000 numbers and of arrays, and hashes random numbers. The module also
 * runs in browsers.
 */

import * as math from 'antigrad/math'
import { cos, exp, log, pow, sin } from '../dist/functions/index.js'
import { digest, type FloatArray, random, withOneNaN } from './bits.js'

const COUNT = 100_000

/** Numbers of all magnitudes, including infinities and NaN, and an equal number of small numbers. */
function argumentsOf(seed: number): Float64Array {
  const next = random(seed)
  const word = () => next() * 2 ** 32
  const anything = new Float64Array(Uint32Array.from({ length: COUNT }, word).buffer)
  const small = Float64Array.from({ length: COUNT / 2 }, () => 20 * next() - 10)
  // A loop is necessary, because a worker's stack is too small for all values as arguments.
  const all = new Float64Array(COUNT)
  all.set(anything)
  all.set(small, COUNT / 2)
  return all
}

export function functionDigests(): Record<string, string> {
  const [x, y] = [argumentsOf(1), argumentsOf(2)]
  const values = {
    exp: x.map((xi) => exp(xi)),
    log: x.map((xi) => log(Math.abs(xi))),
    sin: x.map((xi) => sin(xi)),
    cos: x.map((xi) => cos(xi)),
    pow: x.map((xi, i) => pow(Math.abs(xi), y[i])),
  }
  const { chooseEngine: _, RandomGenerator, ...functions } = math
  const apply = functions as unknown as Readonly<Record<string, (...given: FloatArray[]) => FloatArray>>
  const part = [x, y, y.slice().reverse()].map((column) => column.filter((_, i) => i % 10 === 0))
  const arrays = [part, part.map((column) => new Float32Array(column))].flatMap((columns) =>
    Object.keys(functions)
      .sort()
      .map((name) => {
        const count = name === 'voigt' ? 3 : /^(pow|atan2)$/.test(name) ? 2 : 1
        return withOneNaN(apply[name](...columns.slice(0, count)))
      }),
  )
  const generator = new RandomGenerator(1)
  return {
    ...Object.fromEntries(Object.entries(values).map(([name, array]) => [name, digest([withOneNaN(array)])])),
    arrays: digest(arrays),
    normal: digest([
      withOneNaN(generator.normal(new Float64Array(COUNT))),
      withOneNaN(generator.normal(new Float32Array(COUNT))),
    ]),
  }
}
