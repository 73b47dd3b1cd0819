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

/** Exit status if a chunk failed or has conflicting results. */
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
      'Computes the chunks of a plan made by fit --plan or sweep --plan, and stores the results. The command can be ' +
        'stopped and restarted at any moment, and can run on many machines at once. Chunks in the store are not ' +
        'recomputed.',
    )
    .argument('<plan>', 'plan file')
    .requiredOption(
      '--store <place>',
      'result store: a folder, which is created if it does not exist, or s3://bucket/prefix',
    )
    .option(
      '--shard <k/n>',
      'compute only chunks whose index divided by n has the remainder k; k/n is, for example, 0/1000',
      readShard,
    )
    .addOption(
      new Option(
        '--queue <url>',
        'share the chunks with other workers through a BullMQ queue on a Redis server, such as redis://host:6379; env:NAME reads the URL from an environment variable',
      ).conflicts(['shard', 'retryFailed']),
    )
    .option(
      '--workers <count>',
      'number of worker processes (default: number of cores)',
      makeParser(integerBetween(1, 1024)),
    )
    .option(
      '--threads <count>',
      'number of threads per worker (default: 1)',
      makeParser(integerBetween(1, 256)),
    )
    .addOption(choice('--engine <name>', 'engine to run on', engineNames))
    .option(
      '--data <file>',
      'path of the data, or a URL that supports range requests (default: the location in the plan)',
    )
    .option('--retry-failed', `retry chunks that failed ${MAX_TRIES} times`)
    .option('--json', 'print one line of JSON per chunk')
    .addHelpText(
      'after',
      `
  antigrad fit wells.csv --model fourPL --x dose --group well --plan plan.json
  antigrad run plan.json --store results/
  antigrad run plan.json --store results/ --shard $SLURM_ARRAY_TASK_ID/1000

Exit status: ${TROUBLE} if chunks failed or have conflicting results, ${MISUSE} if the command line is invalid, or the plan,
the data or the store cannot be used, ${STOPPED} after Ctrl-C.`,
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

/** @throws AntigradError if the file cannot be read, or if it is not a valid plan (see `readPlan`) */
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
  // The processes start while the plan, the data and the store are being checked.
  if (queue === undefined) pool.start()
  try {
    await compute(plan, beginning, pool, options)
  } finally {
    pool.end()
  }
}

/** The chunks of a run, and their status in the store when the run starts. */
interface RunScope {
  readonly store: Store
  readonly plan: Plan
  /** Number of chunks of the run. */
  readonly total: number
  /** Number of chunks in the store. */
  readonly completed: number
  readonly missing: readonly number[]
}

/** Reports the progress of a run and counts the outcomes of its chunks. */
class RunReport {
  /** Indices of the chunks that failed. */
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
      say(`chunk ${index} has conflicting results: the store keeps both results, and merge names the workers`)
    }
    this.#tell(index, outcome)
  }

  readonly onFailed = (index: number, message: string): void => {
    this.aside = [...this.aside, index]
    say(`chunk ${index} failed after ${MAX_TRIES} tries: ${message}`)
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
  // Only the first Ctrl-C is handled. A second Ctrl-C ends the process at once.
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
    say(`stopped after ${progress}; resume with: ${commandLine()}`)
    process.exitCode = STOPPED
    return
  }
  if (!json) await print(`${progress} are done\n`)
  const { aside, conflicts } = report
  if (aside.length > 0) say(`failed chunks: ${formatCount(aside.length)}; --retry-failed retries them`)
  if (aside.length > 0 || conflicts > 0) process.exitCode = TROUBLE
}

/** Computes the missing chunks without a queue. */
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

/** Computes chunks from a queue that other workers share. Returns the number of completed chunks of all workers. */
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
    onStalled: (index) => say(`chunk ${index} lost its worker: another worker computes it`),
  })
  report.aside = found.failed.map(({ index }) => index)
  report.conflicts = found.conflicts.length
  return found.completed.length
}

type QueueRunner = (plan: string, options: Omit<QueueOptions, 'url'>) => Promise<PlanStatus>

/** Prepares the computation of chunks from the queue at a URL. */
async function openQueue(given: string): Promise<QueueRunner> {
  const url = given.startsWith('env:') ? process.env[given.slice(4)] : given
  if (!url)
    throw new OptionError('--queue', 'a URL, or env:NAME with the URL in an environment variable', given)
  checkAddress('--queue', url)
  const { runQueued } = await import('../../bullmq/index.js').catch((thrown) => {
    const [why] = getMessage(thrown).split('\n')
    throw new AntigradError(`--queue needs two packages: npm install bullmq ioredis (${why})`)
  })
  return (plan, options) => runQueued(plan, { ...options, url })
}

/** The location of the data. A plan stores this location relative to the plan's folder. */
function locateData(file: string, { data }: Plan, given: string | undefined): string | undefined {
  if (given !== undefined && data === undefined)
    throw new OptionError('--data', 'no value (the plan has no data)', displayName(given))
  if (given !== undefined || data === undefined) return given
  return isUrl(data.file) ? data.file : resolve(file, '..', data.file)
}

/** This command as shell input, without the credentials in URLs. */
function commandLine(): string {
  const quoted = (word: string) =>
    /^[\w./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
  const words = process.argv.slice(2)
  const printed = words.map((word) => word.replace(/[a-z][a-z\d+.-]*:\/\/.*$/is, withoutCredentials))
  const isWhole = words.every((word, k) => word === printed[k])
  const note = isWhole ? '' : ' (without the credentials of its URLs)'
  return ['antigrad', ...printed].map(quoted).join(' ') + note
}
