/** Options and output that `fit --plan` and `sweep --plan` share. */

import { availableParallelism } from 'node:os'
import { relative, resolve } from 'node:path'
import type { Command } from 'commander'
import type { PlannedWork, PlanSweepOptions } from '../../chunks/plan/build-plan.js'
import { isUrl } from '../../chunks/plan/data.js'
import { OptionError } from '../../core/errors.js'
import { formatCount, toKebabCase } from '../../core/text.js'
import { integerBetween, positive } from '../../options/kinds.js'
import { writeAtomically } from '../atomic-write.js'
import { formatDuration } from '../sweep/progress.js'
import { print, reporter, showProgress } from '../terminal.js'
import { makeParser } from './shared.js'

export interface PlanOptions {
  readonly plan?: string
  readonly chunkSeconds: number
  readonly chunkSize?: number
}

/** @param items plural name of a chunk's items, such as `groups` */
export function addPlanOptions(command: Command, items: string): Command {
  return command
    .option(
      '--plan <file>',
      'write a plan of chunks to this file instead of computing; antigrad run computes it on many machines',
    )
    .option('--chunk-seconds <number>', 'seconds of work per chunk on one core', makeParser(positive()), 5)
    .option(
      '--chunk-size <count>',
      `number of ${items} per chunk, instead of --chunk-seconds`,
      makeParser(integerBetween(1, 1e9)),
    )
}

/** @throws OptionError if one of the options `others` is set. The results of a plan are always lines of JSON. */
export function checkPlanOptions(options: object, others: readonly string[]): void {
  for (const name of others) {
    const value = (options as Readonly<Record<string, unknown>>)[name]
    if (value !== undefined) throw new OptionError(`--${toKebabCase(name)}`, 'no value with --plan', value)
  }
}

export function readSizing({ chunkSeconds, chunkSize }: PlanOptions): PlanSweepOptions {
  const onProgress = reporter((_, what: string, done: number) => `${formatCount(done)} ${what}`)
  return { chunkSeconds, chunkSize, onProgress }
}

/** The file's path in the plan, relative to the folder of the plan. */
export function planTitle(plan: string, file: string): string {
  return isUrl(file) ? file : relative(resolve(plan, '..'), resolve(file))
}

/** Writes the plan and prints its number of chunks, bytes of data and estimated time. */
export async function writePlan(
  file: string,
  { plan, items, seconds }: PlannedWork,
  what: string,
): Promise<void> {
  showProgress('')
  const { chunks, data } = plan
  await writeAtomically(file, [`${JSON.stringify(plan)}\n`])
  const cores = availableParallelism()
  const parts = [
    `${formatCount(chunks.length)} ${chunks.length === 1 ? 'chunk' : 'chunks'} of ${formatCount(items)} ${what}`,
    ...(data === undefined ? [] : [`${formatCount(data.bytes)} bytes of data`]),
    ...(seconds === undefined
      ? []
      : [
          `about ${formatDuration(seconds)} on one core, ${formatDuration(seconds / cores)} on the ${cores} cores of this machine`,
        ]),
  ]
  await print(`${parts.join(', ')}\n`)
}
