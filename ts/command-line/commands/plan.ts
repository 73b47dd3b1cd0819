/** What `fit --plan` and `sweep --plan` have in common. */

import { availableParallelism } from 'node:os'
import { relative, resolve } from 'node:path'
import type { Command } from 'commander'
import { isAddress } from '../../chunks/data.js'
import type { Made, PlanSweepOptions } from '../../chunks/make.js'
import { OptionError } from '../../ground/errors.js'
import { grouped, inKebabCase } from '../../ground/text.js'
import { positive, wholeTo } from '../../options/kinds.js'
import { clock } from '../sweep/progress.js'
import { writeWhole } from '../whole.js'
import { parserOf, print, reporter, showProgress } from './shared.js'

export interface PlanOptions {
  readonly plan?: string
  readonly seconds: number
  readonly chunkSize?: number
}

/** @param items what a chunk has several of */
export function addPlanOptions(command: Command, items: string): Command {
  return command
    .option(
      '--plan <file>',
      'write a plan of chunks into this file instead, for antigrad run on many machines',
    )
    .option('--seconds <number>', 'how long a chunk is to take on a core', parserOf(positive()), 5)
    .option('--chunk-size <count>', `how many ${items} a chunk has, instead`, parserOf(wholeTo(1, 1e9)))
}

/** @throws OptionError where one of these options is given too: a plan's results are lines of JSON */
export function checkPlanned(options: object, others: readonly string[]): void {
  for (const name of others) {
    const value = (options as Readonly<Record<string, unknown>>)[name]
    if (value !== undefined) throw new OptionError(`--${inKebabCase(name)}`, 'none beside --plan', value)
  }
}

export function sizingOf({ seconds, chunkSize }: PlanOptions): PlanSweepOptions {
  const onProgress = reporter((_, what: string, done: number) => `${grouped(done)} ${what}`)
  return { seconds, chunkSize, onProgress }
}

/** How a plan names a file: from its own folder on. */
export function namedIn(plan: string, file: string): string {
  return isAddress(file) ? file : relative(resolve(plan, '..'), resolve(file))
}

/** Writes the plan, and says what it comes to. */
export async function writePlan(file: string, { plan, items, seconds }: Made, what: string): Promise<void> {
  showProgress('')
  const { chunks, data } = plan
  await writeWhole(file, [`${JSON.stringify(plan)}\n`])
  const cores = availableParallelism()
  const parts = [
    `${grouped(chunks.length)} ${chunks.length === 1 ? 'chunk' : 'chunks'} of ${grouped(items)} ${what}`,
    ...(data === undefined ? [] : [`${grouped(data.bytes)} bytes of data`]),
    ...(seconds === undefined
      ? []
      : [`about ${clock(seconds)} on one core, ${clock(seconds / cores)} on the ${cores} here`]),
  ]
  await print(`${parts.join(', ')}\n`)
}
