/**
 * Files of random runs that continue while the files are written. A file contains the state at the call, including
 * averages and slow weights. ANTIGRAD_TEST_FILES sets the number of runs, and ANTIGRAD_TEST_SEED sets the seed.
 */

import {
  AntigradError,
  adagrad,
  adam,
  adamw,
  ema,
  momentum,
  Optimizer,
  type OptimizerOptions,
  type Rule,
  rmsprop,
  type SavedRun,
  scheduleFreeSgd,
  sgd,
  sparseRows,
  swa,
} from 'antigrad'
import { readFile, toBlob } from 'antigrad/files'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { noise } from '../helpers.js'
import { encode } from '../model/resume.js'

const RUNS = Number(process.env.ANTIGRAD_TEST_FILES ?? 300)
const SEED = Number(process.env.ANTIGRAD_TEST_SEED ?? 1)

const rules: readonly Rule[] = [
  sgd({ lr: 0.1, momentum: 0.9 }),
  adam({ lr: 0.1 }),
  adamw({ lr: 0.1, amsgrad: true }),
  rmsprop({ lr: 0.1, momentum: 0.9 }),
  adagrad({ lr: 0.1 }),
  momentum({ lr: 0.1 }),
  scheduleFreeSgd({ lr: 0.1 }),
]
const COLUMNS = 4
const names = ['w', 'b', 'c'] as const
type Name = (typeof names)[number]
type Params = Readonly<Record<Name, Float32Array>>

const around = fc
  .record({
    average: fc.option(
      fc.oneof(
        fc.constantFrom(ema(0.5), ema(0.9, { corrected: true })),
        fc.record({ start: fc.nat(3), every: fc.integer({ min: 1, max: 3 }) }).map(swa),
      ),
      { nil: undefined },
    ),
    lookahead: fc.option(fc.record({ steps: fc.integer({ min: 1, max: 4 }) }), { nil: undefined }),
    accumulate: fc.oneof(fc.constant(1), fc.integer({ min: 2, max: 3 })),
    clip: fc.constantFrom({}, { norm: 1 }),
  })
  .map((options) => JSON.parse(JSON.stringify(options)) as OptimizerOptions)

const times = fc.integer({ min: 1, max: 7 })
const name = fc.constantFrom(...names)
const command = fc.oneof(
  { weight: 6, arbitrary: fc.record({ call: fc.constant('file' as const) }) },
  { weight: 6, arbitrary: fc.record({ call: fc.constant('step' as const), times }) },
  { weight: 2, arbitrary: fc.record({ call: fc.constant('inPlace' as const), times }) },
  {
    weight: 2,
    arbitrary: fc.record({ call: fc.constant('some' as const), times, of: fc.subarray([...names]) }),
  },
  { weight: 2, arbitrary: fc.record({ call: fc.constant('rows' as const), times, row: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.record({ call: fc.constant('stepAsync' as const), times }) },
  { weight: 2, arbitrary: fc.record({ call: fc.constant('turn' as const), times }) },
  {
    weight: 2,
    arbitrary: fc.record({ call: fc.constantFrom('set', 'zeroGrad', 'gradientPoint', 'restore') }),
  },
  { weight: 2, arbitrary: fc.record({ call: fc.constantFrom('freeze', 'unfreeze'), name }) },
  { weight: 1, arbitrary: fc.record({ call: fc.constant('appendRows' as const) }) },
)
type Command = typeof command extends fc.Arbitrary<infer C> ? C : never

async function turns(count: number): Promise<void> {
  for (let k = 0; k < count; k++) await new Promise((resolve) => setImmediate(resolve))
}

class Run {
  readonly #optimizer: Optimizer<Params, Rule>
  readonly #files: { readonly expected: string; readonly written: Promise<Blob> }[] = []
  readonly #wantsPoint: boolean
  #before: SavedRun | undefined
  #seed = 10

  constructor(rule: Rule, options: OptimizerOptions) {
    const params = { w: this.#numbers(3 * COLUMNS), b: this.#numbers(5), c: this.#numbers(3) }
    this.#wantsPoint = rule.name.startsWith('scheduleFree')
    this.#optimizer = new Optimizer<Params, Rule>(params, rule, {
      ...options,
      shapes: { w: [3, COLUMNS], b: [5], c: [3] },
      groups: [{ match: 'c', frozen: true }],
    } as never)
  }

  #numbers(length: number): Float32Array {
    return noise(this.#seed++, length, 'float32') as Float32Array
  }

  #gradients(of: readonly Name[]): Partial<Params> {
    return Object.fromEntries(of.map((name) => [name, this.#numbers(this.#optimizer.params[name].length)]))
  }

  #step(gradients?: object): void {
    if (this.#wantsPoint) this.#optimizer.gradientPoint()
    this.#optimizer.step(gradients as never)
  }

  /**
   * @returns a promise only if the command takes time, so that a file is not completed before the next command
   */
  obey(command: Command): unknown {
    const optimizer = this.#optimizer
    const count = 'times' in command ? command.times : 1
    switch (command.call) {
      case 'file': {
        const saved = optimizer.save()
        this.#before ??= saved
        return this.#files.push({ expected: encode(saved), written: toBlob(optimizer) })
      }
      case 'step': {
        const gradients = this.#gradients(names)
        for (let k = 0; k < count; k++) this.#step(gradients)
        return
      }
      case 'inPlace':
        for (let k = 0; k < count; k++) {
          for (const name of names) optimizer.grads[name].fill(0.1 * k)
          this.#step()
        }
        return
      case 'some':
        for (let k = 0; k < count; k++) this.#step(this.#gradients(command.of))
        return
      case 'rows':
        for (let k = 0; k < count; k++)
          this.#step({
            w: sparseRows([command.row], this.#numbers(COLUMNS)),
            b: k % 2 ? this.#numbers(5) : null,
          })
        return
      case 'stepAsync':
        if (this.#wantsPoint) optimizer.gradientPoint()
        return optimizer.stepAsync(this.#gradients(names) as never)
      case 'turn':
        return turns(count)
      case 'set':
        return optimizer.set({ lr: 0.05 } as never)
      case 'restore':
        // The extended model differs from the saved model.
        if (this.#before !== undefined) optimizer.restore(this.#before, { partial: true })
        return
      case 'freeze':
      case 'unfreeze':
        return optimizer[command.call]((command as { name: Name }).name)
      case 'appendRows':
        return optimizer.appendRows('w', this.#numbers(COLUMNS))
      default:
        return optimizer[command.call as 'zeroGrad' | 'gradientPoint']()
    }
  }

  /** Compares all files with the expected runs. */
  async check(): Promise<void> {
    for (const { expected, written } of this.#files)
      expect(encode(await readFile(await written))).toBe(expected)
  }
}

test(`a file contains the optimizer's state at the time of the write call, in ${RUNS} random runs`, async () => {
  const commands = fc.array(command, { minLength: 3, maxLength: 14 })
  const property = fc.asyncProperty(
    fc.constantFrom(...rules),
    around,
    commands,
    async (rule, { average, lookahead, ...others }, commands) => {
      // Rules with a built-in average accept no other average.
      const hasOwn = rule.name === 'scheduleFreeSgd'
      const run = new Run(rule, (hasOwn ? others : { average, lookahead, ...others }) as OptimizerOptions)
      for (const command of commands) {
        try {
          const under = run.obey(command)
          if (under instanceof Promise) await under
        } catch (error) {
          // Not every rule supports sparse gradients.
          if (!(error instanceof AntigradError)) throw error
        }
      }
      await run.check()
    },
  )
  await fc.assert(property, { numRuns: RUNS, seed: SEED })
}, 300_000)
