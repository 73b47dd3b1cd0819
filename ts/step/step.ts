/** What a step runs on the engines, stage by stage, and the scalars in between. */

import {
  ACCUMULATE,
  AVERAGE,
  AVERAGING,
  NORM,
  PIPELINE,
  POINT,
  RELEASE,
  SYNCHRONIZE,
  UNITS,
} from '../arena/manifest.js'
import { limitOf } from '../gradients/clip.js'
import { normOf } from '../gradients/norms.js'
import { ALL, copy, NONE, type Present } from '../gradients/read.js'
import { NonFiniteError } from '../ground/errors.js'
import { largest } from '../ground/numbers.js'
import { checkStack } from '../ground/stack.js'
import { weightOf } from '../model/averages.js'
import { following } from '../model/cohorts.js'
import type { Model } from '../model/model.js'
import type { Around } from '../model/options.js'
import type { Part, Tensor } from '../model/part.js'
import { runInSlices } from './slices.js'

/**
 * Why a step has updated nothing: no tensor had a gradient, a batch of `accumulate` was added up that was not
 * the last, or gradients were not finite with `onNonFinite: 'skip'`.
 */
export type Reason = 'no gradient' | 'accumulating' | 'non-finite'

export class Steps {
  /** How many updates there were. */
  updates = 0
  /** Batches that have been accumulated for the next one. */
  batches = 0
  /** Whether the points were written since the last update. */
  hasLooked = false
  /** Steps that were skipped in a row. */
  skips = 0
  /** Of the last step: the norm of its gradients before clipping, NaN where nobody wanted it. */
  norm = NaN
  /** Whether sums of squares are at hand, and the factor of gradients before clipping. */
  isMeasured = false
  scale = 1
  /** Norms by tensor where squares are too large for sums. */
  large: ReadonlyMap<Tensor, number> | null = null
  /** Sums of squares by part before clips by unit, where others measure what these leave. */
  #before: readonly Float64Array[] | null = null
  /** Why it updated nothing; null where it did. */
  reason: Reason | null = null
  /** The names of tensors whose gradients were not finite. */
  nonFinite: readonly string[] = []
  /** Which tensors had gradients; and what tensors there were, as numbers and what is frozen may change. */
  present: Present = NONE
  tensors: readonly (Tensor | null)[] = []
  live: readonly Tensor[] = []
  readonly #model: Model
  readonly #around: Around
  readonly #accumulates: boolean
  /** The factor of what has been accumulated. */
  readonly #share: number
  readonly #guards: boolean
  readonly #keeps: boolean

  constructor(model: Model, around: Around) {
    this.#model = model
    this.#around = around
    const { batches, reduce } = around.accumulate
    this.#accumulates = batches > 1
    this.#share = reduce === 'mean' ? 1 / batches : 1
    this.#guards = around.onNonFinite !== 'propagate'
    this.#keeps = around.average !== null || around.lookahead !== null
  }

  /** One update, unless it says why not. Where it throws, no clock has moved. */
  run(given: Present): boolean {
    if (this.#keeps || this.#accumulates) checkStack()
    return this.#accumulates ? this.#runBatch(given) : this.#update(given, given, 1)
  }

  #runBatch(given: Present): boolean {
    let outside = given
    if (this.#guards) {
      outside = this.#measure(given, outside)
      if (this.reason !== null) return false
    }
    const stage = this.#gather(given, outside)
    for (const part of this.#model.parts) part.runner.run(stage)
    return this.#isReleased(stage) && this.#update(this.#released(), ALL, this.#share)
  }

  /** Updates by gradients that lie outside of the arenas, or ALL for those in them. */
  #update(present: Present, outside: Present, share: number): boolean {
    let gradients = outside
    let scale = share
    this.#layOut(present)
    if (this.#model.measures) {
      gradients = this.#runStage(NORM, gradients)
      this.#judge(present, gradients, scale)
      if (this.reason !== null) return false
    }
    if (this.#model.clipsUnits) {
      // They are changed where they are, which may be the user's memory.
      if (gradients !== ALL) copy(gradients, this.#model.gradients)
      gradients = ALL
      this.#prepareUnits(scale)
      this.#runStage(UNITS, ALL)
      if (this.#measuresAgain) this.#runStage(NORM, ALL)
    }
    if (this.#model.measures) scale = this.#clip(present, gradients, scale)
    const { parts } = this.#model
    for (let p = 0; p < parts.length; p++) parts[p].cohorts.prepare(scale)
    this.#runStage(0, gradients)
    for (let stage = 1; stage < this.#model.stages; stage++) {
      this.#between(stage - 1)
      this.#runStage(stage, ALL)
    }
    this.#commit(present)
    if (this.#keeps) this.#keep()
    return true
  }

  #keep(): void {
    for (const [part, stage] of this.#passes()) part.runner.run(stage)
  }

  /** The same off the main thread, or in slices. Gradients are copied before this returns. */
  async runAsync(given: Present): Promise<boolean> {
    if (this.#keeps || this.#accumulates) checkStack()
    copy(given, this.#model.gradients)
    let present = given
    let scale = 1
    if (this.#accumulates) {
      if (this.#guards) {
        this.#measure(given, ALL)
        if (this.reason !== null) return false
      }
      const stage = this.#gather(given, ALL)
      for (const part of this.#model.parts) await runAsync(part, stage)
      if (!this.#isReleased(stage)) return false
      present = this.#released()
      scale = this.#share
    }
    this.#layOut(present)
    if (this.#model.measures) {
      await this.#runStageAsync(NORM)
      this.#judge(present, ALL, scale)
      if (this.reason !== null) return false
    }
    if (this.#model.clipsUnits) {
      this.#prepareUnits(scale)
      await this.#runStageAsync(UNITS)
      if (this.#measuresAgain) await this.#runStageAsync(NORM)
    }
    if (this.#model.measures) scale = this.#clip(present, ALL, scale)
    for (const { cohorts } of this.#model.parts) cohorts.prepare(scale)
    await this.#runStageAsync(0)
    for (let stage = 1; stage < this.#model.stages; stage++) {
      this.#between(stage - 1)
      await this.#runStageAsync(stage)
    }
    this.#commit(present)
    if (this.#keeps) for (const [part, stage] of this.#passes()) await runAsync(part, stage)
    return true
  }

  /** Writes the points where rules want the next gradients into their state. */
  writePoints(): void {
    this.#layOut(ALL)
    for (const { cohorts, runner } of this.#model.parts) {
      cohorts.preparePoint()
      runner.run(POINT)
    }
    this.hasLooked = true
  }

  /** Nothing has a gradient. */
  pass(): false {
    this.#begin(NONE)
    this.reason = 'no gradient'
    return false
  }

  #begin(present: Present): void {
    this.present = present
    this.tensors = this.#model.tensors
    this.live = this.#model.live
    // Most steps leave nothing behind.
    if (!this.#model.measures && !this.isMeasured && this.reason === null) return
    this.norm = NaN
    this.isMeasured = false
    this.scale = 1
    this.large = null
    this.reason = null
    this.nonFinite = []
  }

  #layOut(present: Present): void {
    this.#begin(present)
    if (present !== ALL && !this.#hasAll(present)) {
      this.#layOutSome(present)
      return
    }
    const { parts } = this.#model
    for (let p = 0; p < parts.length; p++) parts[p].cohorts.layOut(null)
  }

  #hasAll(present: Present): boolean {
    const { live } = this.#model
    for (let k = 0; k < live.length; k++) if (present[live[k].number] === undefined) return false
    return true
  }

  /** Apart, as functions that remember variables make every call slower. */
  #layOutSome(present: Present): void {
    for (const { cohorts, first } of this.#model.parts) {
      cohorts.layOut((place) => present[first + place] !== undefined)
    }
  }

  /**
   * Runs a stage, with gradients where they are if the engine can read them there, and else in the arena:
   * what comes back is where they are then.
   */
  #runStage(stage: number, gradients: Present): Present {
    const { parts, gradients: own } = this.#model
    if (gradients !== ALL) {
      const [part] = parts
      if (parts.length === 1 && part.runner.runLent?.(stage, gradients)) return gradients
      copy(gradients, own)
    }
    for (let p = 0; p < parts.length; p++) if (!parts[p].cohorts.isEmpty) parts[p].runner.run(stage)
    return ALL
  }

  async #runStageAsync(stage: number): Promise<void> {
    for (const part of this.#model.parts) if (!part.cohorts.isEmpty) await runAsync(part, stage)
  }

  #between(stage: number): void {
    if (stage === 0) this.#estimateShared()
    for (const { cohorts } of this.#model.parts) cohorts.between(stage)
  }

  #estimateShared(): void {
    const { uses, live } = this.#model
    for (const use of uses) {
      const { estimateShared } = use.definition
      if (estimateShared === undefined) continue
      const members = live.filter((tensor) => tensor.use === use)
      if (members.length === 0) continue
      const seen = members.map(({ part, place }) => part.cohorts.member(place))
      estimateShared(use.numbers as never, seen)
      use.share(seen[0].clock)
    }
  }

  #commit(present: Present): void {
    const { parts } = this.#model
    for (let p = 0; p < parts.length; p++) parts[p].cohorts.commit()
    this.updates = following(this.updates)
    this.hasLooked = false
    this.skips = 0
    this.present = present
  }

  /** The tensors that a step updates. */
  #presentTensors(present: Present): readonly Tensor[] {
    const { live } = this.#model
    return present === ALL ? live : live.filter(({ number }) => present[number] !== undefined)
  }

  /**
   * The norm of gradients whose squares have been summed, before `scale`.
   *
   * @param outside those that are not in the arena but where they were; others of the user's may have been
   * written to since they were copied
   */
  #normOf(present: Present, outside: Present): number {
    let sum = 0
    const { live } = this.#model
    for (let k = 0; k < live.length; k++) {
      const { part, place, number } = live[k]
      if (present === ALL || present[number] !== undefined) sum += part.squares[place]
    }
    if (sum < Infinity) return Math.sqrt(sum)
    // A square may overflow where its number is finite. By now they are here, and later they may not be.
    const gradients = this.#gradientsOf(present, outside)
    this.large = new Map(this.#presentTensors(present).map((tensor, k) => [tensor, normOf([gradients[k]])]))
    return normOf(gradients)
  }

  #gradientsOf(present: Present, outside: Present) {
    const { gradients } = this.#model
    return this.#presentTensors(present).map(({ number }) => outside[number] ?? gradients[number])
  }

  /** Takes the norm of the gradients, once the engine has written the sums; or finds a reason for no update. */
  #judge(present: Present, outside: Present, scale: number): void {
    this.norm = this.#normOf(present, outside) * scale
    this.scale = scale
    this.isMeasured = true
    if (this.#guards) this.#isFinite(present, outside, this.norm)
  }

  #prepareUnits(scale: number): void {
    if (this.#measuresAgain) this.#before = this.#model.parts.map(({ squares }) => squares.slice())
    for (const { cohorts, tensors } of this.#model.parts) cohorts.prepareUnits(scale, tensors)
  }

  /** Whether other clips want to know what those by unit have left. */
  get #measuresAgain(): boolean {
    return this.#model.clips || this.#around.clip.norm < Infinity
  }

  /** The factor of the gradients, of which units have been clipped. */
  #clip(present: Present, outside: Present, scale: number): number {
    const { clips, parts } = this.#model
    const most = this.#around.clip.norm
    const before = this.#before
    const large = this.large
    if (before !== null) this.large = null
    const left = before === null ? this.norm : this.#normOf(present, outside) * scale
    const clipped = clips ? this.#clipByTensor(present, scale) : left
    if (before !== null) {
      for (const [p, { squares }] of parts.entries()) squares.set(before[p])
      this.large = large
      this.#before = null
    }
    return clipped <= most || most === Infinity ? scale : scale * (most / clipped)
  }

  /** Writes the factors of tensors that are clipped by themselves; the norm of all gradients, times those. */
  #clipByTensor(present: Present, scale: number): number {
    let sum = 0
    const norms = this.#presentTensors(present).map((tensor) => {
      const { part, place, use, length } = tensor
      const norm = (this.large?.get(tensor) ?? Math.sqrt(part.squares[place])) * scale
      const limit = limitOf(use.clip ?? this.#model.settings.clip, length, part.parameterSquares[place])
      const factor = norm <= limit ? 1 : limit / norm
      part.scales[place] = factor
      const left = norm * factor
      sum += left * left
      return left
    })
    return sum < Infinity ? Math.sqrt(sum) : normOf([Float64Array.from(norms)])
  }

  /** Whether all gradients are finite; otherwise what was asked for is done about it. */
  #isFinite(present: Present, outside: Present, norm: number): boolean {
    if (norm < Infinity) return true
    const gradients = this.#gradientsOf(present, outside)
    const tensors = this.#presentTensors(present).filter((_, k) => !(largest(gradients[k]) < Infinity))
    if (tensors.length === 0) return true
    const names = tensors.map(({ name }) => name)
    const { onNonFinite, maxSkips } = this.#around
    if (onNonFinite === 'throw') throw new NonFiniteError(names, 0)
    if (this.skips >= maxSkips) throw new NonFiniteError(names, this.skips)
    this.skips++
    this.nonFinite = names
    this.reason = 'non-finite'
    if (this.#around.zeroGrads) this.zeroGradients()
    return false
  }

  zeroGradients(): void {
    for (const gradient of this.#model.gradients) gradient.fill(0)
  }

  /** Looks at a batch, which `reason` says not to accumulate; returns where its gradients are then. */
  #measure(present: Present, given: Present): Present {
    this.#layOut(present)
    const outside = this.#runStage(NORM, given)
    this.norm = this.#normOf(present, outside)
    if (this.#isFinite(present, outside, this.norm)) this.skips = 0
    return outside
  }

  /** Makes a batch ready in the arenas: the stage that takes it up. */
  #gather(present: Present, outside: Present): number {
    const { live, gradients } = this.#model
    this.#begin(present)
    copy(outside, gradients)
    for (const tensor of live) {
      if (present === ALL || present[tensor.number] !== undefined) tensor.isGathered = true
      else gradients[tensor.number].fill(0)
    }
    return this.batches + 1 < this.#around.accumulate.batches ? ACCUMULATE : RELEASE
  }

  /** Counts a batch that was taken up; whether it was the last one. */
  #isReleased(stage: number): boolean {
    if (stage === RELEASE) {
      this.batches = 0
      return true
    }
    this.batches++
    this.reason = 'accumulating'
    if (this.#around.zeroGrads) this.zeroGradients()
    return false
  }

  /** Which tensors have gradients of some batch, in the arenas. */
  #released(): Present {
    const { live, tensors, gradients } = this.#model
    const isAll = live.every(({ isGathered }) => isGathered)
    const present = isAll
      ? ALL
      : tensors.map((tensor, number) => (tensor?.isGathered ? gradients[number] : undefined))
    for (const tensor of live) tensor.isGathered = false
    return present
  }

  /** The passes over the parameters after an update, with their coefficients written. */
  *#passes(): Generator<readonly [part: Part, stage: number]> {
    const { average, lookahead } = this.#around
    const { parts, averages } = this.#model
    // Lookahead first: what is averaged is what the user sees.
    if (lookahead !== null && this.updates % lookahead.steps === 0) {
      for (const part of parts) {
        part.planeRow[PIPELINE] = lookahead.alpha
        yield [part, SYNCHRONIZE]
      }
    }
    if (average === null) return
    for (const [part, averaged, tensors] of averages) {
      const next = weightOf(average, this.updates, averaged)
      if (next === null) continue
      Object.assign(averaged, next.averaged)
      if (next.weight === 1) {
        // e + (θ − e) is not θ to the last bit.
        for (const tensor of tensors ?? part.tensors) if (tensor?.isFrozen === false) tensor.follow(AVERAGE)
        continue
      }
      if (tensors !== null) part.only(tensors)
      part.planeRow[PIPELINE] = next.weight
      yield [part, AVERAGING]
      if (tensors !== null) part.only(null)
    }
  }
}

function runAsync({ runner, arena }: Part, stage: number): Promise<void> {
  return runner.runAsync?.(stage) ?? runInSlices(arena, runner, stage)
}
