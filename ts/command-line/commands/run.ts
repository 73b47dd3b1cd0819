import { readFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import { type Command, InvalidArgumentError } from 'commander'
import { isAddress } from '../../chunks/data.js'
import { nameOf, type Plan, readPlan } from '../../chunks/plan.js'
import { runPool, TRIES } from '../../chunks/pool.js'
import { indicesOf, openWorker, storeOf } from '../../chunks/run.js'
import { parseShard, type Shard } from '../../chunks/shards.js'
import { failedOf, type Kept } from '../../chunks/store.js'
import { survey } from '../../chunks/survey.js'
import { engineNames } from '../../engines/choice.js'
import type { EngineName } from '../../engines/engine.js'
import { AntigradError, messageOf, OptionError } from '../../ground/errors.js'
import { grouped, printable } from '../../ground/text.js'
import { wholeTo } from '../../options/kinds.js'
import { describeRate } from '../sweep/progress.js'
import { choice, MISUSE, parserOf, print, STOPPED, say, showProgress } from './shared.js'

/** A chunk was set aside, or has results that differ. */
const TROUBLE = 1

interface Options {
  readonly store: string
  readonly shard?: Shard
  readonly workers?: number
  readonly threads?: number
  readonly engine?: EngineName
  readonly data?: string
  readonly retry?: true
  readonly json?: true
}

export function addRun(program: Command): void {
  program
    .command('run')
    .summary('compute the chunks of a plan that are not in the store yet, on all cores')
    .description(
      'Computes chunks of a plan, as fit --plan and sweep --plan write them, and puts results into a store. It may be ended ' +
        'at any moment and started again, on any number of machines at once: what is in the store is done.',
    )
    .argument('<plan>', 'a file')
    .requiredOption('--store <folder>', 'where results lie; made where there is none')
    .option('--shard <k/n>', 'only chunks whose number has the remainder k by n, as in 0/1000', readShard)
    .option('--workers <count>', 'processes at once (default: as many as cores)', parserOf(wholeTo(1, 1024)))
    .option('--threads <count>', 'of each of them (default: 1)', parserOf(wholeTo(1, 256)))
    .addOption(choice('--engine <name>', 'on this engine', engineNames))
    .option(
      '--data <file>',
      'where the data are, if not where the plan says: a path, or an address that gives ranges',
    )
    .option('--retry', `try those again that were set aside after ${TRIES} tries`)
    .option('--json', 'print a line of JSON for each chunk')
    .addHelpText(
      'after',
      `
  antigrad fit wells.csv --model fourPL --x dose --group well --plan plan.json
  antigrad run plan.json --store results/
  antigrad run plan.json --store results/ --shard $SLURM_ARRAY_TASK_ID/1000

Exit status: ${TROUBLE} if chunks were set aside or have results that differ, ${MISUSE} if the command line makes no sense, or the plan,
the data or the store will not do, ${STOPPED} after Ctrl-C.`,
    )
    .action(run)
}

function readShard(text: string): Shard {
  try {
    return parseShard(text)
  } catch (thrown) {
    throw new InvalidArgumentError(messageOf(thrown))
  }
}

/** @throws AntigradError where the file cannot be read; as `readPlan` does */
export async function planIn(file: string): Promise<{ readonly plan: Plan; readonly text: string }> {
  const text = await readFile(file, 'utf8').catch((thrown) => {
    throw new AntigradError(`${printable(file)}: ${messageOf(thrown)}`)
  })
  return { text, plan: readPlan(text) }
}

async function run(file: string, options: Options): Promise<void> {
  const { plan, text } = await planIn(file)
  const { shard, engine, threads, retry, json, workers = availableParallelism() } = options
  const means = { ...(engine && { engine }), ...(threads && { threads }) }
  const data = dataOf(file, plan, options.data)
  const worker = { store: options.store, ...means, ...(data !== undefined && { data }) }
  // What is wrong with any of it is found here, before a process starts.
  await openWorker(text, worker)
  const store = storeOf(options.store)
  const all = indicesOf(plan, shard)
  const before = await survey(plan, store, all)
  if (retry) for (const { index } of before.failed) await store.remove(failedOf(nameOf(plan, index)))
  const again = retry ? before.failed.map(({ index }) => index) : []
  const aside = retry ? [] : before.failed.map(({ index }) => index)
  const missing = [...before.missing, ...again].sort((a, b) => a - b)
  const stop = new AbortController()
  // Only once: whoever presses it again has it end at once.
  const end = () => stop.abort()
  process.once('SIGINT', end)
  const began = performance.now()
  let [done, disputes] = [0, before.disputes.length]
  const tell = (index: number, how: Kept | 'set aside') => {
    const seconds = (performance.now() - began) / 1000
    const left = missing.length - done
    if (json) {
      const rate = done / seconds
      const line = {
        chunk: index,
        how,
        done: before.done.length + done,
        of: all.length,
        perSecond: rate,
        seconds: left / rate,
      }
      process.stdout.write(`${JSON.stringify(line)}\n`)
    }
    showProgress(describeRate('chunks', done, missing.length, seconds))
  }
  try {
    await runPool({
      ...{ beginning: { plan: text, options: worker }, indices: missing, workers, signal: stop.signal },
      onKept(index, kept) {
        done++
        if (kept === 'dispute') {
          disputes++
          say(`chunk ${index} has results that differ: both are kept, and merge says whose they are`)
        }
        tell(index, kept)
      },
      async onFailed(index, message) {
        aside.push(index)
        await store.put(
          failedOf(nameOf(plan, index)),
          new TextEncoder().encode(failure(plan, index, message)),
        )
        say(`chunk ${index} is set aside after ${TRIES} tries: ${message}`)
        tell(index, 'set aside')
      },
    })
  } catch (thrown) {
    if (!stop.signal.aborted) throw thrown
  } finally {
    process.off('SIGINT', end)
    showProgress('')
  }
  const whole = before.done.length + done
  if (stop.signal.aborted) {
    say(`stopped after ${grouped(whole)} of ${grouped(all.length)} chunks; it goes on with: ${commandLine()}`)
    process.exitCode = STOPPED
    return
  }
  if (!json) await print(`${grouped(whole)} of ${grouped(all.length)} chunks are done\n`)
  if (aside.length > 0) say(`${grouped(aside.length)} were set aside; --retry tries them again`)
  if (aside.length > 0 || disputes > 0) process.exitCode = TROUBLE
}

/** Where the data are: a plan names them from its own folder on. */
function dataOf(file: string, { data }: Plan, given: string | undefined): string | undefined {
  if (given !== undefined && data === undefined)
    throw new OptionError('--data', 'none, as the plan has none', given)
  if (given !== undefined || data === undefined) return given
  return isAddress(data.file) ? data.file : resolve(file, '..', data.file)
}

/** What somebody needs who looks for the reason. */
function failure(plan: Plan, index: number, message: string): string {
  const { specification, chunks, version, kernels } = plan
  return `${JSON.stringify({ message, index, chunk: chunks[index], before: chunks[index - 1], version, kernels, specification })}\n`
}

/** This command, for a shell. */
function commandLine(): string {
  const quoted = (word: string) =>
    /^[\w./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
  return ['antigrad', ...process.argv.slice(2)].map(quoted).join(' ')
}
