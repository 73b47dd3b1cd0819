import type { Command } from 'commander'
import {
  describeProvenance,
  formatRanges,
  merge,
  type PlanStatus,
  StoreError,
  splitIntoShards,
  status,
} from '../../chunks/library.js'
import { formatCount } from '../../core/text.js'
import { integerAtLeast } from '../../options/kinds.js'
import { checkElsewhere, writeAtomically } from '../atomic-write.js'
import { formatDuration } from '../sweep/progress.js'
import { MISUSE, print, say } from '../terminal.js'
import { readPlanFile } from './run.js'
import { makeParser } from './shared.js'

/** Not all results are there, or some differ. */
const INCOMPLETE = 1

/** Seconds of which a rate is told. */
const WINDOW = 600

interface StatusCommandOptions {
  readonly store: string
  readonly missing?: true
  readonly shards?: number
  readonly json?: true
}

export function configureStatus(command: Command): void {
  command
    .description(
      'Reads all results of a plan that are in a store, by whomever they were made, and says how many chunks are done, damaged, ' +
        'in dispute or set aside, and how fast more come.',
    )
    .argument('<plan>', 'a file')
    .requiredOption('--store <place>', 'where results lie: a folder, or s3://bucket/prefix')
    .option(
      '--missing',
      'print the numbers of what is not done, as --array=3,17-20 for sbatch, and nothing else',
    )
    .option(
      '--shards <n>',
      'with --missing: the numbers of shards of --shard k/n',
      makeParser(integerAtLeast(1)),
    )
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
  sbatch $(antigrad status plan.json --store results/ --missing --shards 1000) job.sh

Exit status: ${INCOMPLETE} unless all chunks are done and none has conflicting results, ${MISUSE} if the command line is invalid.`,
    )
    .action(run)
}

async function run(file: string, { store, missing, shards, json }: StatusCommandOptions): Promise<void> {
  const { text } = await readPlanFile(file)
  const found = await status(text, { store })
  const isDone = found.completed.length === found.total && found.conflicts.length === 0
  if (!isDone) process.exitCode = INCOMPLETE
  if (missing) {
    const numbers = shards === undefined ? found.missing : splitIntoShards(found.missing, shards)
    if (numbers.length > 0) await print(`--array=${formatRanges(numbers)}\n`)
    return
  }
  const { times, ...rest } = found
  await print(
    json ? `${JSON.stringify({ ...rest, perSecond: computeRate(times) })}\n` : `${describe(found)}\n`,
  )
}

/** Results a second, of the last ten minutes in which some came. */
function computeRate(times: readonly number[]): number {
  const last = times[times.length - 1] ?? 0
  const recent = times.filter((time) => time >= last - WINDOW * 1000)
  const seconds = (last - recent[0]) / 1000
  return seconds > 0 ? (recent.length - 1) / seconds : 0
}

function describe({ total, completed, missing, corrupted, conflicts, failed, times }: PlanStatus): string {
  const rate = computeRate(times)
  const speed =
    rate > 0 && missing.length > 0
      ? `, ${rate.toPrecision(3)} chunks/s, ${formatDuration(missing.length / rate)} left`
      : ''
  return [
    `${formatCount(completed.length)} of ${formatCount(total)} chunks are done${speed}`,
    ...(missing.length > 0 ? [`missing: ${formatRanges(missing)}`] : []),
    ...(corrupted.length > 0 ? [`of them damaged: ${formatRanges(corrupted)}`] : []),
    ...failed.map(({ index, message }) => `chunk ${index} was set aside: ${message}`),
    ...conflicts.map(
      ({ index, producedBy }) =>
        `chunk ${index} has results that differ, by ${producedBy.map(describeProvenance).join(' and by ')}`,
    ),
  ].join('\n')
}

export function configureMerge(command: Command): void {
  command
    .description(
      'Writes the results of a plan one behind the other: the lines of JSON that fit --json or sweep --json would have printed, ' +
        'byte for byte. Where a result is missing, damaged or in dispute, it says which one, and writes nothing.',
    )
    .argument('<plan>', 'a file')
    .requiredOption('--store <place>', 'where results lie: a folder, or s3://bucket/prefix')
    .option('-o, --output <file>', 'into this file; to the standard output by default')
    .addHelpText(
      'after',
      `\nExit status: ${INCOMPLETE} unless all results are there, ${MISUSE} if the command line is invalid.`,
    )
    .action(async (file: string, { store, output }: { readonly store: string; readonly output?: string }) => {
      const { text } = await readPlanFile(file)
      if (output !== undefined) await checkElsewhere('--output', output, file)
      const parts = merge(text, { store })
      try {
        if (output !== undefined) await writeAtomically(output, parts)
        else for await (const part of parts) if (!(await print(part))) break
      } catch (thrown) {
        if (!(thrown instanceof StoreError)) throw thrown
        say(thrown.message)
        process.exitCode = INCOMPLETE
      }
    })
}
