import { readFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { checkAddress } from '../../bullmq/address.js'
import type { QueueOptions } from '../../bullmq/index.js'
import {
  AntigradError,
  chunkName,
  displayName,
  failureName,
  getMessage,
  isUrl,
  MAX_TRIES,
  OptionError,
  openWorker,
  type Plan,
  type PlanStatus,
  ProcessPool,
  parseShard,
  readPlan,
  runPool,
  type Shard,
  type Store,
  type StoreOutcome,
  shardIndices,
  surveyStore,
  toChunkFailure,
  toStore,
  type WorkerInit,
} from '../../chunks/library.js'
import { formatCount, toPrintable, withoutCredentials } from '../../core/text.js'
import type { EngineName } from '../../engines/engine.js'
import { engineNames } from '../../engines/select-engine.js'
import { integerBetween } from '../../options/kinds.js'
import { decodeUtf8 } from '../../tables/utf8.js'
import { describeRate } from '../sweep/progress.js'
import { MISUSE, print, STOPPED, say, showProgress } from '../terminal.js'
import { hand } from '../worker-url.js'
import { choice, makeParser } from './shared.js'

/** A chunk was set aside, or has results that differ. */
const TROUBLE = 1

interface RunCommandOptions {
  readonly store: string
  readonly shard?: Shard
  readonly queue?: string
  readonly workers?: number
  readonly threads?: number
  readonly engine?: EngineName
  readonly data?: string
  readonly retryFailed?: true
  readonly json?: true
}

export function configureRun(command: Command): void {
  command
    .description(
      'Computes chunks of a plan, as fit --plan and sweep --plan write them, and puts results into a store. It may be ended ' +
        'at any moment and started again, on any number of machines at once: what is in the store is done.',
    )
    .argument('<plan>', 'a file')
    .requiredOption(
      '--store <place>',
      'where results lie: a folder, made if it does not exist, or s3://bucket/prefix',
    )
    .option('--shard <k/n>', 'only chunks whose number has the remainder k by n, as in 0/1000', readShard)
    .addOption(
      new Option(
        '--queue <url>',
        'beside others by a queue of BullMQ, at a Redis, as redis://host:6379; or env:NAME, where an environment variable has it',
      ).conflicts(['shard', 'retryFailed']),
    )
    .option(
      '--workers <count>',
      'processes at once (default: as many as cores)',
      makeParser(integerBetween(1, 1024)),
    )
    .option('--threads <count>', 'of each of them (default: 1)', makeParser(integerBetween(1, 256)))
    .addOption(choice('--engine <name>', 'on this engine', engineNames))
    .option(
      '--data <file>',
      'where the data are, if not where the plan says: a path, or an address that gives ranges',
    )
    .option('--retry-failed', `retry chunks that failed ${MAX_TRIES} times`)
    .option('--json', 'print a line of JSON for each chunk')
    .addHelpText(
      'after',
      `
  antigrad fit wells.csv --model fourPL --x dose --group well --plan plan.json
  antigrad run plan.json --store results/
  antigrad run plan.json --store results/ --shard $SLURM_ARRAY_TASK_ID/1000

Exit status: ${TROUBLE} if chunks were set aside or have results that differ, ${MISUSE} if the command line is invalid, or the plan,
the data or the store will not do, ${STOPPED} after Ctrl-C.`,
    )
    .action(run)
}

function readShard(text: string): Shard {
  try {
    return parseShard(text)
  } catch (thrown) {
    throw new InvalidArgumentError(getMessage(thrown))
  }
}

/** @throws AntigradError where the file cannot be read; as `readPlan` does */
export async function readPlanFile(file: string): Promise<{ readonly plan: Plan; readonly text: string }> {
  const text = await readFile(file)
    .then(decodeUtf8)
    .catch((thrown) => {
      throw new AntigradError(`${toPrintable(file)}: ${getMessage(thrown)}`)
    })
  return { text, plan: readPlan(text) }
}

async function run(file: string, options: RunCommandOptions): Promise<void> {
  const { plan, text } = await readPlanFile(file)
  const { store, shard, engine, threads, queue, workers = availableParallelism() } = options
  const means = { ...(engine && { engine }), ...(threads && { threads }) }
  const data = locateData(file, plan, options.data)
  const beginning = { plan: text, options: { store, ...means, ...(data !== undefined && { data }) } }
  const pool = new ProcessPool(hand, beginning, Math.min(workers, shardIndices(plan, shard).length))
  // Beside what follows, which finds what is wrong with any of it.
  if (queue === undefined) pool.start()
  try {
    await compute(plan, beginning, pool, options)
  } finally {
    pool.end()
  }
}

/** The chunks that a run is asked for, as it finds them in the store. */
interface RunScope {
  readonly store: Store
  readonly plan: Plan
  /** How many there are. */
  readonly total: number
  /** How many are in the store. */
  readonly completed: number
  readonly missing: readonly number[]
}

/** Says how far a run is, and counts what becomes of its chunks. */
class RunReport {
  /** Chunks that were set aside. */
  aside: readonly number[]
  conflicts: number
  done = 0
  readonly #scope: RunScope
  readonly #isJson: boolean
  readonly #began = performance.now()

  constructor(scope: RunScope, aside: readonly number[], conflicts: number, isJson: boolean) {
    this.#scope = scope
    this.aside = aside
    this.conflicts = conflicts
    this.#isJson = isJson
  }

  readonly onStored = (index: number, outcome: StoreOutcome): void => {
    this.done++
    if (outcome === 'conflict') {
      this.conflicts++
      say(`chunk ${index} has results that differ: both are kept, and merge says whose they are`)
    }
    this.#tell(index, outcome)
  }

  readonly onFailed = (index: number, message: string): void => {
    this.aside = [...this.aside, index]
    say(`chunk ${index} is set aside after ${MAX_TRIES} tries: ${message}`)
    this.#tell(index, 'set aside')
  }

  #tell(index: number, outcome: StoreOutcome | 'set aside'): void {
    const { completed, total, missing } = this.#scope
    const seconds = (performance.now() - this.#began) / 1000
    const left = missing.length - this.done
    if (this.#isJson) {
      const rate = this.done / seconds
      const line = {
        chunk: index,
        outcome,
        completed: completed + this.done,
        total,
        perSecond: rate,
        seconds: left / rate,
      }
      process.stdout.write(`${JSON.stringify(line)}\n`)
    }
    showProgress(describeRate('chunks', this.done, missing.length, seconds))
  }
}

async function compute(
  plan: Plan,
  worker: WorkerInit,
  pool: ProcessPool,
  options: RunCommandOptions,
): Promise<void> {
  const { retryFailed, json } = options
  const queue = options.queue === undefined ? undefined : await openQueue(options.queue)
  await openWorker(worker.plan, worker.options)
  const store = toStore(options.store)
  const all = shardIndices(plan, options.shard)
  const before = await surveyStore(plan, store, all)
  const failed = before.failed.map(({ index }) => index)
  if (retryFailed) for (const index of failed) await store.remove(failureName(chunkName(plan, index)))
  const scope: RunScope = {
    store,
    plan,
    total: all.length,
    completed: before.completed.length,
    missing: [...before.missing, ...(retryFailed ? failed : [])].sort((a, b) => a - b),
  }
  const report = new RunReport(scope, retryFailed ? [] : failed, before.conflicts.length, json ?? false)
  const stop = new AbortController()
  // Only once: whoever presses it again has it end at once.
  const end = () => stop.abort()
  process.once('SIGINT', end)
  let whole: number | undefined
  try {
    if (queue === undefined) await computeMissing(scope, pool, stop.signal, report)
    else whole = await computeQueued(queue, worker, pool.size, stop.signal, report)
  } catch (thrown) {
    if (!stop.signal.aborted) throw thrown
  } finally {
    process.off('SIGINT', end)
    showProgress('')
  }
  whole ??= scope.completed + report.done
  const progress = `${formatCount(whole)} of ${formatCount(scope.total)} chunks`
  if (stop.signal.aborted) {
    say(`stopped after ${progress}; it goes on with: ${commandLine()}`)
    process.exitCode = STOPPED
    return
  }
  if (!json) await print(`${progress} are done\n`)
  const { aside, conflicts } = report
  if (aside.length > 0) say(`${formatCount(aside.length)} were set aside; --retry-failed tries them again`)
  if (aside.length > 0 || conflicts > 0) process.exitCode = TROUBLE
}

/** Computes chunks by itself. */
async function computeMissing(
  { store, plan, missing }: RunScope,
  pool: ProcessPool,
  signal: AbortSignal,
  { onStored, onFailed }: RunReport,
): Promise<void> {
  await runPool({
    pool,
    indices: missing,
    signal,
    onStored,
    async onFailed(index, message) {
      await store.put(failureName(chunkName(plan, index)), toChunkFailure(plan, index, message))
      onFailed(index, message)
    },
  })
}

/** Computes chunks beside others; how many are done then, also by them. */
async function computeQueued(
  queue: QueueRunner,
  { plan, options }: WorkerInit,
  workers: number,
  signal: AbortSignal,
  report: RunReport,
): Promise<number> {
  const found = await queue(plan, {
    ...options,
    workers,
    signal,
    onStored: report.onStored,
    onFailed: report.onFailed,
    onStalled: (index) => say(`chunk ${index} has lost its worker: another one computes it`),
  })
  report.aside = found.failed.map(({ index }) => index)
  report.conflicts = found.conflicts.length
  return found.completed.length
}

type QueueRunner = (plan: string, options: Omit<QueueOptions, 'url'>) => Promise<PlanStatus>

/** Runs chunks beside others, by the queue at an address. */
async function openQueue(given: string): Promise<QueueRunner> {
  const url = given.startsWith('env:') ? process.env[given.slice(4)] : given
  if (!url) throw new OptionError('--queue', 'an address, or env:NAME of a variable that has it', given)
  checkAddress('--queue', url)
  const { runQueued } = await import('../../bullmq/index.js').catch((thrown) => {
    const [why] = getMessage(thrown).split('\n')
    throw new AntigradError(`--queue needs two packages: npm install bullmq ioredis (${why})`)
  })
  return (plan, options) => runQueued(plan, { ...options, url })
}

/** Where the data are: a plan names them from its own folder on. */
function locateData(file: string, { data }: Plan, given: string | undefined): string | undefined {
  if (given !== undefined && data === undefined)
    throw new OptionError('--data', 'none, as the plan has none', displayName(given))
  if (given !== undefined || data === undefined) return given
  return isUrl(data.file) ? data.file : resolve(file, '..', data.file)
}

/** This command, for a shell; its addresses without credentials. */
function commandLine(): string {
  const quoted = (word: string) =>
    /^[\w./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
  const words = process.argv.slice(2)
  const printed = words.map((word) => word.replace(/[a-z][a-z\d+.-]*:\/\/.*$/is, withoutCredentials))
  const isWhole = words.every((word, k) => word === printed[k])
  const note = isWhole ? '' : ' (its addresses without credentials)'
  return ['antigrad', ...printed].map(quoted).join(' ') + note
}
