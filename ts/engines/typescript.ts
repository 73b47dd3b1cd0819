import { type Arena, type Dtype, SQUARES_BLOCK, smallestNormal } from '../arena.js'
import { kernelNames, kernels } from '../rules/kernels.js'
import type { FloatArray, Loop, Round } from '../rules/rule.js'
import { kernels as kernels64 } from '../rules-float64/kernels.js'
import type { Engine } from './engine.js'

/** Each dtype has a copy of the loops, which scripts/build-ts.mjs makes and explains. */
const dtypes = {
  float32: { f: Math.fround as Round, kernels },
  float64: { f: ((x) => x) as Round, kernels: kernels64 },
}

const loops = new Map<string, Loop>()

/** The loop of a kernel for one dtype; made once, so that the compiler sees few functions. */
function loopOf(kernel: number, dtype: Dtype): Loop {
  const key = `${kernel} ${dtype}`
  let loop = loops.get(key)
  if (loop === undefined) {
    const { f, kernels } = dtypes[dtype]
    loop = kernels[kernelNames[kernel]](f)
    loops.set(key, loop)
  }
  return loop
}

/** The readable reference, and the last resort where WebAssembly is forbidden. */
export const typescript: Engine = {
  name: 'typescript',
  report: () => ({ available: true, reasons: [], instructionSets: [], threads: 1 }),
  attach(arena: Arena, kernel: number) {
    const { f } = dtypes[arena.dtype]
    const least = smallestNormal[arena.dtype]
    const loop = loopOf(kernel, arena.dtype)
    const theta = arena.plane(0)
    const g = arena.plane(1)
    const state = Array.from({ length: arena.planeCount - 2 }, (_, k) => arena.plane(2 + k))
    const segments = Array.from({ length: arena.tensorCount }, (_, i) => arena.segment(i))
    const row: number[] = []
    let prepared: FloatArray | undefined
    let held: FloatArray | undefined

    /** g ← clamp(scale·g), then g ← g + λ·θ, into an array beside the arena. */
    const prepare = (from: number, to: number, scale: number, limit: number, l2: number) => {
      prepared ??= g.slice()
      // Not −limit: both ends of a limit that is rounded to 0 are +0.
      const low = 0 - limit
      for (let i = from; i < to; i++) {
        const scaled = f(scale * g[i])
        const clamped = scaled < low ? low : scaled > limit ? limit : scaled
        prepared[i] = l2 === 0 ? clamped : f(clamped + f(l2 * theta[i]))
      }
      return prepared
    }

    return {
      threads: 1,
      step() {
        arena.checkSegments()
        const zeroes = arena.zeroesGradients
        for (let number = 0; number < arena.segmentCount; number++) {
          const segment = segments[number]
          const from = segment.offset
          const to = from + segment.length
          const scale = f(segment.scale)
          const limit = f(segment.limit)
          const l2 = f(segment.l2)
          for (let k = 0; k < segment.row.length; k++) row[k] = f(segment.row[k])
          const plain = scale === 1 && limit === Infinity && l2 === 0
          const gradient = plain ? g : prepare(from, to, scale, limit, l2)
          let moving = theta
          if (segment.holds) {
            held ??= theta.slice()
            held.set(theta.subarray(from, to), from)
            moving = held
          }
          loop(moving, gradient, state, row, from, to)
          if (segment.settles) settle(state, from, to, least)
          if (zeroes) g.fill(0, from, to)
        }
      },
      sumSquares() {
        arena.checkTensors()
        for (let tensor = 0; tensor < arena.tensorCount; tensor++) {
          const { offset, length } = arena.inTable(tensor)
          arena.setSumOfSquares(tensor, sumOfSquares(g.subarray(offset, offset + length)))
        }
      },
    }
  },
}

/** Sets subnormal numbers to +0; update.rs says why. */
function settle(state: readonly FloatArray[], from: number, to: number, least: number): void {
  for (const array of state) {
    for (let i = from; i < to; i++) {
      if (Math.abs(array[i]) < least && array[i] !== 0) array[i] = 0
    }
  }
}

const STRIPES = 16

/** Σ x² in the one order that crates/kernels/src/reduce.rs states. */
function sumOfSquares(values: FloatArray): number {
  const sums = new Float64Array(STRIPES)
  let total = 0
  for (let block = 0; block < values.length; block += SQUARES_BLOCK) {
    const end = Math.min(block + SQUARES_BLOCK, values.length)
    sums.fill(0)
    for (let i = block; i < end; i++) {
      const x = values[i]
      sums[i % STRIPES] += x * x
    }
    for (let width = STRIPES / 2; width >= 1; width /= 2) {
      for (let stripe = 0; stripe < width; stripe++) {
        sums[stripe] += sums[stripe + width]
      }
    }
    total += sums[0]
  }
  return total
}
