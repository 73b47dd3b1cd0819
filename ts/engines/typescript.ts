/** The readable reference, and the last resort where WebAssembly is forbidden. */

import type { Arena } from '../arena/arena.js'
import { type Kernel, kernelOf, type Loop, loopOf, Row } from '../arena/kernel.js'
import * as layout from '../arena/manifest.js'
import { recordOf } from '../ground/given.js'
import { type FloatArray, type Matrix, type Round, rounding, smallestNormal } from '../ground/numbers.js'
import { type Sum, sumOf } from '../ground/sums.js'
import type { Engine } from './engine.js'
import { overPlane } from './plane.js'

/** The kernels that are no passes, but sum the squares of gradients, and of parameters too. */
const squares: Kernel = {
  number: 1,
  name: '',
  source: 0,
  state: [],
  row: {},
  tensor: ['gradients'],
  sums: ['gradients'],
}
const bothSquares: Kernel = {
  ...squares,
  tensor: ['gradients', 'parameters'],
  sums: ['gradients', 'parameters'],
}

type Named<T> = Record<string, T>

/** A stage of a segment: its loop, and what that is given by name. */
interface Job {
  /** The same key, the same job. */
  readonly key: number
  readonly kernel: Kernel
  readonly loop: Loop | undefined
  readonly byTensor: number
  readonly row: Row
  readonly state: Named<FloatArray>
  /** What there is by tensor, by name, and what is summed into the first of these. */
  readonly tensor: readonly string[]
  readonly sums: readonly Sum[]
  readonly isFirst: boolean
  readonly isLast: boolean
  /** The direction is masked for the next stage; θ stays. */
  readonly masks: boolean
}

/** What there is by tensor where there is nothing. */
const NOTHING: Named<number> = {}

export const typescript: Engine = {
  name: 'typescript',
  report: () => ({ available: true, reasons: [], instructionSets: [], threads: 1 }),
  attach(arena: Arena) {
    const { words, dtype, offsets, lengths } = arena
    const f = rounding[dtype]
    const theta = arena.plane(layout.PARAMETERS)
    const g = arena.plane(layout.GRADIENTS)
    const scratch = arena.plane(layout.SCRATCH)
    const rows = lengths.map((_, i) => arena.row(i))
    // All that a step needs is made here: one that runs out of memory must not do so in the middle.
    const [prepared, held] = [g.slice(), theta.slice()]
    const segmentFrom = (count: number, element: number) =>
      firstNot(count, (segment) => {
        const at = firstSegment + segment * layout.SEGMENT
        return words[at] + words[at + 1] <= element
      })
    const scales = arena.numbers(layout.SCALES)
    const passOverPlane = overPlane(arena)
    const jobs = new Map<number, Job>()
    let blocks = 0
    const firstBlocks = lengths.map((length) => {
      const first = blocks
      blocks += Math.ceil(length / layout.BLOCK)
      return first
    })
    const tensorFrom = (at: number) => firstNot(lengths.length, (i) => offsets[i] + lengths[i] <= at)
    const firstSegment = words.length - lengths.length * layout.SEGMENT

    /** A segment's kernel in a stage; 0 for none. */
    const kernelAt = (at: number, stage: number): number => {
      if (stage === layout.NORM) return squares.number
      if (stage === layout.UNITS) return (words[at + 4] & layout.UNITWISE) !== 0 ? layout.UNITWISE_KERNEL : 0
      return (words[at + 6 + (stage >> 1)] >>> (16 * (stage & 1))) & 0xffff
    }

    /** The job of most steps. */
    let latest: Job | undefined

    const jobOf = (stage: number, at: number): Job | undefined => {
      const number = kernelAt(at, stage)
      if (number === 0) return undefined
      const array = words[at + 2]
      const isLast = stage < layout.POINT && (stage + 1 === layout.POINT || kernelAt(at, stage + 1) === 0)
      const masks = stage === 0 && (words[at + 4] & layout.MASKS) !== 0
      const weighs = stage === layout.NORM && (words[at + 4] & layout.WEIGHS) !== 0
      const key = ((array * 1024 + number) * 16 + stage) * 4 + (weighs ? 3 : masks ? 2 : isLast ? 1 : 0)
      if (latest === undefined || latest.key !== key) {
        latest = jobs.get(key) ?? makeJob(key, stage, at, number, isLast, masks)
      }
      return latest
    }

    const makeJob = (
      key: number,
      stage: number,
      at: number,
      number: number,
      isLast: boolean,
      masks: boolean,
    ): Job => {
      const isNorm = stage === layout.NORM
      const weighs = (words[at + 4] & layout.WEIGHS) !== 0
      const kernel = !isNorm ? kernelOf(number) : weighs ? bothSquares : squares
      const array = words[at + 2]
      const job: Job = {
        key,
        kernel,
        loop: isNorm ? undefined : loopOf(number, dtype),
        byTensor: isNorm ? layout.SQUARES : words[at + 5],
        row: Row.of(kernel, kernel.isMatrix ? 'float64' : dtype),
        state: recordOf(kernel.state, (_, k) => arena.plane(array + k)),
        tensor: masks ? layout.CautiousKernel.tensor : kernel.tensor,
        sums: masks ? ['nonzero'] : kernel.sums,
        isFirst: stage === 0,
        isLast,
        masks,
      }
      jobs.set(key, job)
      return job
    }

    /** One stage of the elements from … to − 1, which are of one segment. */
    const pass = (job: Job, at: number, from: number, to: number, tensor: Named<number>, own = 1) => {
      const { row, state, isLast, masks } = job
      const coefficients = rows[words[at + 3]]
      if (coefficients === undefined) throw arena.broken()
      const scale = coefficients[layout.pipeline.scale] * own
      const limit = coefficients[layout.pipeline.limit]
      const l2 = coefficients[layout.pipeline.l2]
      const isPlain = !job.isFirst || (scale === 1 && limit === Infinity && l2 === 0)
      const gradient = isPlain ? g : prepare(from, to, f(scale), f(limit), f(l2))
      const flags = isLast ? words[at + 4] : masks ? words[at + 4] & layout.FLUSHES : 0
      const holds = (flags & layout.HOLDS) !== 0
      if (holds) held.set(theta.subarray(from, to), from)
      if (masks) held.fill(0, from, to)
      row.coefficients = coefficients
      job.loop?.(holds || masks ? held : theta, gradient, state, row.byName, from, to, tensor, g)
      // d·0 − u is −u.
      if (masks) mask(held, gradient, g, words[at + 4], from, to, f)
      if ((flags & layout.FLUSHES) !== 0) flush(state, from, to, smallestNormal[dtype])
      if (isLast && words[8] !== 0) g.fill(0, from, to)
    }

    /** Such a stage of the tensors that begin among the elements from … to − 1. */
    const matrices = ({ row, state, loop, kernel, isLast }: Job, at: number, from: number, to: number) => {
      const byUnit = kernel.number === layout.UNITWISE_KERNEL
      const array = words[at + 2] + kernel.state.length
      const flags = isLast ? words[at + 4] : 0
      const coefficients = rows[words[at + 3]]
      if (coefficients === undefined) throw arena.broken()
      row.coefficients = coefficients
      for (let i = tensorFrom(from); i < lengths.length && offsets[i] < to; i++) {
        if (offsets[i] < from || lengths[i] === 0) continue
        const end = offsets[i] + lengths[i]
        const lines = (kernel.lines ?? []).map((_, k) => arena.view(array + k, i))
        loop?.(theta, g, state, row.byName, offsets[i], end, NOTHING, g, {
          shape: byUnit ? inUnits(arena.units[i], lengths[i]) : arena.matrices[i],
          key: words[arena.keyOf(i)],
          ...{ lines, scratch, holds: (flags & layout.HOLDS) !== 0, zeroes: isLast && words[8] !== 0 },
        })
        if ((flags & layout.FLUSHES) === 0) continue
        flush(state, offsets[i], end, smallestNormal[dtype])
        for (const line of lines) flush({ line }, 0, line.length, smallestNormal[dtype])
      }
    }

    /** prepared ← clamp(scale·g), then prepared ← prepared + λ·θ. */
    const prepare = (from: number, to: number, scale: number, limit: number, l2: number) => {
      // Not −limit: both ends of a limit that is rounded to 0 are +0.
      const low = 0 - limit
      for (let i = from; i < to; i++) {
        const scaled = f(scale * g[i])
        const clamped = scaled < low ? low : scaled > limit ? limit : scaled
        prepared[i] = l2 === 0 ? clamped : f(clamped + f(l2 * theta[i]))
      }
      return prepared
    }

    /** Calls `visit` for each segment that lies in the range and has the stage. */
    const each = (
      stage: number,
      from: number,
      to: number,
      visit: (job: Job, at: number, from: number, to: number) => void,
    ) => {
      const count = words[4]
      if (count > lengths.length) throw arena.broken()
      for (let segment = from === 0 ? 0 : segmentFrom(count, from); segment < count; segment++) {
        const at = firstSegment + segment * layout.SEGMENT
        const start = words[at]
        const end = start + words[at + 1]
        if (end > arena.length) throw arena.broken()
        if (start >= to) return
        const job = jobOf(stage, at)
        if (job !== undefined) visit(job, at, start, end)
      }
    }

    const byTensor = ({ tensor, byTensor }: Job) => tensor.map((_, k) => arena.numbers(byTensor + k))

    const runRange = (stage: number, from: number, to: number) => {
      if (stage > layout.NORM && stage !== layout.UNITS) {
        passOverPlane(stage, from, to)
        return
      }
      each(stage, from, to, (job, at, start, end) => {
        const { kernel, sums } = job
        if (kernel.isMatrix) {
          matrices(job, at, Math.max(start, from), Math.min(end, to))
          return
        }
        const clips = job.isFirst && (words[at + 4] & layout.CLIPS) !== 0
        if (job.tensor.length === 0 && !clips) {
          pass(job, at, Math.max(start, from), Math.min(end, to), NOTHING)
          return
        }
        const values = byTensor(job)
        const partials = arena.numbers(layout.PARTIALS)
        for (let i = tensorFrom(Math.max(start, from)); i < lengths.length; i++) {
          const [first, last] = [offsets[i], offsets[i] + lengths[i]]
          if (first >= Math.min(end, to)) return
          if (first < start || last > end) continue
          const own = clips ? scales[i] : 1
          const tensor: Named<number> = {}
          job.tensor.forEach((name, k) => {
            tensor[name] = f(values[k][i])
          })
          if (sums.length === 0) {
            const [low, high] = [Math.max(first, from), Math.min(last, to)]
            if (low < high) pass(job, at, low, high, tensor, own)
            continue
          }
          for (let b = 0; first + b * layout.BLOCK < last; b++) {
            const low = first + b * layout.BLOCK
            if (low < from || low >= to) continue
            const high = Math.min(low + layout.BLOCK, last)
            if (job.loop !== undefined) pass(job, at, low, high, tensor, own)
            sums.forEach((sum, k) => {
              const source = sum === 'parameters' ? theta : sum === 'sizes' ? job.state[kernel.state[0]] : g
              partials[(firstBlocks[i] + b) * layout.PARTS + k] = sumOf(sum, source.subarray(low, high))
            })
          }
        }
      })
    }

    const gather = (stage: number) => {
      if (stage > layout.NORM) return
      each(stage, 0, arena.length, (job, _, start, end) => {
        if (job.sums.length === 0) return
        const values = byTensor(job)
        const partials = arena.numbers(layout.PARTIALS)
        for (let i = tensorFrom(start); i < lengths.length && offsets[i] < end; i++) {
          const blocks = Math.ceil(lengths[i] / layout.BLOCK)
          job.sums.forEach((_, k) => {
            let total = 0
            for (let b = 0; b < blocks; b++) total += partials[(firstBlocks[i] + b) * layout.PARTS + k]
            values[k][i] = total
          })
        }
      })
    }

    return {
      threads: 1,
      run(stage) {
        runRange(stage, 0, arena.length)
        gather(stage)
      },
      runRange,
      gather,
    }
  },
}

/** Rows, columns, and 0 for a tensor that is no matrix, which is one row. */
function inUnits(units: number, length: number): Matrix {
  const rows = Math.max(units, 1)
  return [rows, length / rows, Math.min(units, 1)]
}

/** The first number for which `isBefore` is false. */
function firstNot(count: number, isBefore: (number: number) => boolean): number {
  let [low, high] = [0, count]
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    if (isBefore(middle)) low = middle + 1
    else high = middle
  }
  return low
}

/** masked ← u·k, k by the agreement u·g, of 0 − u; pipeline.rs says what becomes of NaN. */
function mask(
  negated: FloatArray,
  g: FloatArray,
  masked: FloatArray,
  flags: number,
  from: number,
  to: number,
  f: Round,
): void {
  const neither = (flags & layout.KEEPS) !== 0 ? 1 : 0
  const against = (flags & layout.SIGNS) !== 0 ? -1 : neither
  for (let i = from; i < to; i++) {
    const u = 0 - negated[i]
    const agreement = f(u * g[i])
    masked[i] = u * (agreement > 0 ? 1 : agreement < 0 ? against : neither)
  }
}

/** Sets subnormal numbers to +0; pipeline.rs says why. */
export function flush(state: Named<FloatArray>, from: number, to: number, least: number): void {
  for (const name in state) {
    const array = state[name]
    for (let i = from; i < to; i++) {
      if (Math.abs(array[i]) < least && array[i] !== 0) array[i] = 0
    }
  }
}
