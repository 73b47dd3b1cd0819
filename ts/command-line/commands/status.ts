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

/** Exit status if results are missing or conflicting. */
const INCOMPLETE = 1

/** Length of the time window of the printed rate, in seconds. */
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
      'Reads all results of a plan in a store, from all workers, and shows how many chunks are done, corrupted, ' +
        'conflicting or failed, and how fast new results arrive.',
    )
    .argument('<plan>', 'plan file')
    .requiredOption('--store <place>', 'result store: a folder, or s3://bucket/prefix')
    .option('--missing', 'print only the indices of missing chunks, as --array=3,17-20 for sbatch')
    .option(
      '--shards <n>',
      'with --missing: print the indices k of the shards (--shard k/n) with missing chunks',
      makeParser(integerAtLeast(1)),
    )
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
  sbatch $(antigrad status plan.json --store results/ --missing --shards 1000) job.sh

Exit status: ${INCOMPLETE} if chunks are not done or have conflicting results, ${MISUSE} if the command line is invalid.`,
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

/** Number of results per second during the ten minutes before the latest result. */
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
    ...(corrupted.length > 0 ? [`corrupted (included in missing): ${formatRanges(corrupted)}`] : []),
    ...failed.map(({ index, message }) => `chunk ${index} failed: ${message}`),
    ...conflicts.map(
      ({ index, producedBy }) =>
        `chunk ${index} has conflicting results, by ${producedBy.map(describeProvenance).join(' and by ')}`,
    ),
  ].join('\n')
}

export function configureMerge(command: Command): void {
  command
    .description(
      'Writes all results of a plan in order: the lines of JSON that fit --json or sweep --json would print, byte for ' +
        'byte. If a result is missing, corrupted or conflicting, the command names the chunk and writes nothing.',
    )
    .argument('<plan>', 'plan file')
    .requiredOption('--store <place>', 'result store: a folder, or s3://bucket/prefix')
    .option('-o, --output <file>', 'output file (default: standard output)')
    .addHelpText(
      'after',
      `\nExit status: ${INCOMPLETE} if results are missing or conflicting, ${MISUSE} if the command line is invalid.`,
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
