import type { FloatArray } from '../core/numbers.js'
import type { Descent } from './method.js'

/** The parts that the descents of all methods have in common. Methods run in TypeScript, without decay and state. */
export abstract class MethodDescent implements Descent {
  readonly engine = 'typescript'
  readonly engineReasons = ['methods run in TypeScript']
  readonly exempt = 0
  abstract readonly params: FloatArray
  abstract readonly grads: FloatArray
  abstract readonly isStuck: boolean

  abstract update(): number | undefined

  gradsHere(): FloatArray {
    return this.grads
  }

  state(): readonly FloatArray[] {
    return []
  }

  decay() {
    return { l2: 0, decoupled: 0, sign: 1 }
  }
}
