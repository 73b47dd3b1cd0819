/** Base class of fits that repeat or refine the ordinary fits of a call. */

import type { EngineCall } from '../../many/engines/execute.js'
import { type FitContext, keepFits } from '../solve/fit-context.js'
import type { CallFits, FirstFits } from './call-fits.js'
import type { FitManyResult } from './result.js'

export abstract class WrappedFits implements CallFits {
  // `declare` emits no fields, which keeps bundles small.
  declare readonly choice: FirstFits['choice']
  declare readonly options: FirstFits['options']
  declare readonly progress: FirstFits['progress']
  protected readonly first: FirstFits
  #context: FitContext | undefined

  /** @param first the ordinary fits, not started yet */
  constructor(first: FirstFits) {
    this.first = first
    this.choice = first.choice
    this.options = first.options
    this.progress = first.takeProgress()
  }

  /** Context of the ordinary fits, unless a subclass has replaced the context. */
  protected get context(): FitContext {
    this.#context ??= this.first.ingredients()
    return this.#context
  }

  protected set context(context: FitContext) {
    this.#context = context
  }

  abstract calls(sideBySide?: boolean): Generator<EngineCall>

  abstract result<Names extends string>(): FitManyResult<Names>

  release(): void {
    this.first.release()
  }

  /** Context of an aborted run. The context contains no fits, because all fits end together. */
  done(): FitContext {
    return keepFits(this.context, new Uint8Array(this.context.observations.length))
  }
}
