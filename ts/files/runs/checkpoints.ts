/** Checkpoints of a run: the latest files in a folder, and the search for the newest intact file. */

import { openFolder, openSink, TEMPORARY_SUFFIX } from '#disk'
import { toText } from '../../checkpoint/text.js'
import type { SavedRun } from '../../checkpoint/write.js'
import { OptionError } from '../../core/errors.js'
import { isCount } from '../../core/numbers.js'
import { isRecord, ownProperties } from '../../core/untrusted-input.js'
import { callback, integerAtLeast, nullable, passThrough } from '../../options/kinds.js'
import { readOptions } from '../../options/read.js'
import { parseRun } from '../format/json.js'
import { openSafetensors } from '../format/read.js'
import { FileError } from '../sources/errors.js'
import type { FileSource } from '../sources/sources.js'
import { type JsonValue, readExtra, writeExtra } from './extra.js'
import { beginWrite, readRun, type Saveable } from './runs.js'

/** Information that is stored with a checkpoint. */
export interface CheckpointOptions<Extra = JsonValue> {
  /** Progress of the run, such as a number of epochs. Default: the number of updates. */
  readonly step?: number
  /** Metrics by name. Metrics may be NaN or infinite. */
  readonly metrics?: Readonly<Record<string, number>>
  /**
   * Further state that a resumed training needs, such as the epoch, the state of a random generator, or the loss curve.
   * The value is copied at the call. Any JSON value is valid, with finite numbers, at most 100 levels of nesting and at
   * most 30 million characters. Typed arrays, class instances and functions are errors.
   */
  readonly extra?: Extra
}

/** An intact checkpoint. */
export interface Checkpoint<Extra = JsonValue> {
  readonly path: string
  readonly saved: SavedRun
  readonly step: number
  readonly metrics: Readonly<Record<string, number>>
  /** A bit-identical copy of the value that was saved as `extra`; undefined if no value was saved. */
  readonly extra: Extra | undefined
  /** Newer checkpoints that were skipped because of damage, each with the reason. */
  readonly skipped: readonly { readonly path: string; readonly reason: string }[]
}

export interface CheckpointsOptions {
  /** Number of newest checkpoints to keep; null keeps all checkpoints. Default 3. */
  readonly keep?: number | null
  /** Callback, called with a message about each damaged checkpoint. Default `console.warn`. */
  readonly onWarning?: (message: string) => void
}

/** Checkpoints in a folder that contains no other files. */
export interface Checkpoints<Extra = JsonValue> {
  /**
   * Writes a checkpoint of the current state like `writeFile`, and then removes old checkpoints. Concurrent calls are
   * executed in order.
   *
   * @returns path of the checkpoint
   * @throws (rejects with) OptionError if an option is invalid, before anything is written; the errors of `writeFile`
   */
  save(optimizer: Saveable, options?: CheckpointOptions<Extra>): Promise<string>
  /** Reads the newest intact checkpoint; null if no intact checkpoint exists. */
  latest(): Promise<Checkpoint<Extra> | null>
}

const optionTable = {
  keep: nullable(integerAtLeast(1), 3),
  onWarning: callback<(message: string) => void, (message: string) => void>((message) =>
    console.warn(message),
  ),
}
const saveOptions = {
  step: passThrough<number>(),
  metrics: passThrough<Readonly<Record<string, number>>>(),
  extra: passThrough<unknown>(),
}

const STEP = 'checkpoint.step'
const METRICS = 'checkpoint.metrics'
const EXTRA = 'checkpoint.extra'
/** Largest number that may occur in a file name. File names with more digits would not be recognized as checkpoints. */
const MAX_NUMBER = 999_999_999_999_999
/**
 * File names of checkpoints. The first number in a file name counts the checkpoints; it does not depend on the steps.
 */
const FILE_NAME = /^(\d{6,15})-step-\d+\.safetensors$/
const fileName = (number: number, step: number) =>
  `${String(number).padStart(6, '0')}-step-${step}.safetensors`

/**
 * Manages checkpoints in a folder, which is created if it does not exist.
 *
 * The process may be killed at any moment, because an intact file is removed only after the new file is on the disk.
 *
 * @typeParam Extra type of `extra`. `latest` does not check the type of `extra`, although another program may have
 * written the file.
 * @throws OptionError if an option is invalid; always in browsers, which have no folders
 */
export function checkpoints<Extra = JsonValue>(
  directory: string | URL,
  options: CheckpointsOptions = {},
): Checkpoints<Extra> {
  const { keep, onWarning } = readOptions('options', options, optionTable)
  const folder = openFolder(directory)
  let before: Promise<unknown> = Promise.resolve()

  /** Names of all checkpoints, newest first. */
  const all = async () => {
    const names = (await folder.names()).filter((name) => FILE_NAME.test(name))
    return names.sort((a, b) => fileNumber(b) - fileNumber(a))
  }

  const write = async (writing: ReturnType<typeof beginWrite>, step: number) => {
    let old: readonly string[] = []
    let path = ''
    await writing(async () => {
      old = await all()
      const number = old.length === 0 ? 1 : fileNumber(old[0]) + 1
      if (number > MAX_NUMBER) throw new FileError(old[0], `a number below ${MAX_NUMBER}`, MAX_NUMBER)
      for (const name of await folder.names())
        if (name.endsWith(TEMPORARY_SUFFIX) && /^\d{6,15}-step-/.test(name)) await folder.remove(name)
      path = folder.pathOf(fileName(number, step))
      return openSink(path)
    })
    for (const name of keep === null ? [] : old.slice(keep - 1)) await folder.remove(name)
    return path
  }

  return {
    async save(optimizer, given = {}) {
      const { count, metadata } = describeCheckpoint(optimizer, given)
      const writing = beginWrite(optimizer, { metadata })
      const done = before.then(() => write(writing, count))
      before = done.catch(() => {})
      return done
    },

    async latest() {
      const skipped: { path: string; reason: string }[] = []
      const tried = new Set<string>()
      for (;;) {
        // The folder is listed again each time, because another process may have added and removed checkpoints.
        const name = (await all()).find((name) => !tried.has(name))
        if (name === undefined) return null
        tried.add(name)
        const path = folder.pathOf(name)
        try {
          return { ...((await readCheckpoint(path)) as CheckpointContent<Extra>), path, skipped }
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code === 'ENOENT') continue
          if (!(error instanceof FileError)) throw error
          skipped.push({ path, reason: error.message })
          onWarning(`antigrad: ${path} is damaged and was skipped: ${error.message}`)
        }
      }
    },
  }
}

/** Reads the metadata of a checkpoint. */
function describeCheckpoint(optimizer: Saveable, given: CheckpointOptions<unknown>) {
  const { step, metrics, extra } = readOptions('options', given, saveOptions)
  const count = step ?? (optimizer as { updates?: number })?.updates
  if (!isStep(count)) throw new OptionError('step', 'an integer ≥ 0', count)
  const metadata = {
    [STEP]: `${count}`,
    [METRICS]: toText(readMetrics(metrics), []),
    ...(extra !== undefined && { [EXTRA]: writeExtra('extra', extra) }),
  }
  return { count, metadata }
}

const fileNumber = (name: string) => Number(FILE_NAME.exec(name)?.[1])

type CheckpointContent<Extra = JsonValue> = Omit<Checkpoint<Extra>, 'path' | 'skipped'>

/** Reads a checkpoint. @throws FileError if the file is not a checkpoint or is damaged */
export async function readCheckpoint(place: FileSource): Promise<CheckpointContent> {
  const file = await openSafetensors(place)
  try {
    const [step, metrics] = [STEP, METRICS].map((key) => file.metadata.get(key))
    if (!isStep(Number(step)) || `${Number(step)}` !== step)
      throw new FileError(`metadata: ${STEP}`, 'an integer ≥ 0', step)
    const found = parseRun(`metadata: ${METRICS}`, metrics, [])
    if (!isMetrics(found)) throw new FileError(`metadata: ${METRICS}`, 'an object of numbers', metrics)
    // Files of earlier releases do not contain this text.
    const text = file.metadata.get(EXTRA)
    const extra = text === undefined ? undefined : readExtra(`metadata: ${EXTRA}`, text)
    return { saved: await readRun(file), step: Number(step), metrics: found, extra }
  } finally {
    await file.close()
  }
}

const isStep = (given: unknown): given is number => Number.isSafeInteger(given) && isCount(given, 0)

const isMetrics = (given: unknown): given is Checkpoint['metrics'] =>
  isRecord(given) && Object.values(given).every((value) => typeof value === 'number')

function readMetrics(given: unknown): Readonly<Record<string, unknown>> {
  if (given === undefined) return {}
  if (!isRecord(given)) throw new OptionError('metrics', 'an object of numbers', given)
  const metrics = ownProperties(given)
  for (const [name, value] of Object.entries(metrics))
    if (typeof value !== 'number') throw new OptionError(`metrics: ${name}`, 'a number', value)
  return metrics
}
