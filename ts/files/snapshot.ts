/** A run as it is at one moment, while it goes on: copied as far as something is about to change it, and no further. */

import type { Arena } from '../arena/arena.js'
import { copyOf } from '../ground/copy.js'
import { OptionError } from '../ground/errors.js'
import type { FloatArray } from '../ground/numbers.js'
import { Optimizer } from '../optimizer.js'
import type { Keep, Saved } from '../saved/write.js'

/** What leaves frozen tensors as they are. */
const STEPS: readonly unknown[] = ['step', 'stepAsync', 'point']
/** What changes nothing that is saved; undefined is the same call once more. */
const LOOKS: readonly unknown[] = ['save', 'state', 'set', 'zeroGrad', 'add', undefined]

type Keeper = (call?: string) => void

/** Who is to be told of changes of an arena: several files may be written at once. */
const keepers = new WeakMap<Arena, Set<Keeper>>()

function watch(arena: Arena, keeper: Keeper): void {
  const all = keepers.get(arena) ?? new Set()
  keepers.set(arena, all.add(keeper))
  arena.keep = (call) => {
    for (const keeper of all) keeper(call)
  }
}

function unwatch(arena: Arena, keeper: Keeper): void {
  const all = keepers.get(arena)
  all?.delete(keeper)
  if (all?.size === 0) arena.keep = null
}

/** An array of a run: a view, or its copy from before it was changed. */
interface Pending {
  values: FloatArray
  readonly isFrozen: boolean
  isCopied: boolean
}

export class Snapshot {
  /** Arrays in it are live: {@link valuesOf} has what they were. */
  readonly saved: Saved
  readonly #pending = new Map<FloatArray, Pending>()
  readonly #arenas = new Set<Arena>()

  /** @throws as `optimizer.save()` */
  constructor(optimizer: unknown) {
    if (!(optimizer instanceof Optimizer)) throw new OptionError('optimizer', 'an Optimizer', optimizer)
    const keep: Keep = (view, { isFrozen, part }) => {
      this.#pending.set(view, { values: view, isFrozen, isCopied: false })
      this.#arenas.add(part.arena)
      return view
    }
    this.saved = (optimizer as unknown as { save(keep: Keep): Saved }).save(keep)
    for (const arena of this.#arenas) watch(arena, this.#keep)
  }

  readonly #keep: Keeper = (call) => {
    if (LOOKS.includes(call)) return
    const isStep = STEPS.includes(call)
    for (const pending of this.#pending.values()) {
      if (pending.isCopied || (isStep && pending.isFrozen)) continue
      pending.values = copyOf(pending.values)
      pending.isCopied = true
    }
  }

  valuesOf(view: FloatArray): FloatArray {
    return (this.#pending.get(view) as Pending).values
  }

  /** Leaves all others out. */
  only(views: ReadonlySet<FloatArray>): void {
    for (const view of this.#pending.keys()) if (!views.has(view)) this.#pending.delete(view)
  }

  /** It is written, or nobody wants it. */
  release(view: FloatArray): void {
    this.#pending.delete(view)
  }

  /** Of all that is left. */
  close(): void {
    this.#pending.clear()
    for (const arena of this.#arenas) unwatch(arena, this.#keep)
  }
}
