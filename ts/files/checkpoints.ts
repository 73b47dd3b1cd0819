/** Checkpoints: the last files of a run in a folder, of which the newest whole one is found again. */

import { openFolder, openSink, TEMPORARY } from '#disk'
import { OptionError } from '../ground/errors.js'
import { isRecord, ownProperties } from '../ground/given.js'
import { isCount } from '../ground/numbers.js'
import { anything, callback, orNull, whole } from '../options/kinds.js'
import { readOptions } from '../options/read.js'
import { textOf } from '../saved/text.js'
import type { Saved } from '../saved/write.js'
import { FileError } from './errors.js'
import { runOf } from './json.js'
import type { Place } from './places.js'
import { open } from './read.js'
import { begin, readRun, type Saveable } from './runs.js'

/** What is said of a checkpoint. */
export interface CheckpointOptions {
  /** What the run has come to, as its caller counts; how many updates it had, by default. */
  readonly step?: number
  /** Numbers by name. */
  readonly metrics?: Readonly<Record<string, number>>
}

/** A checkpoint that is whole. */
export interface Checkpoint {
  readonly path: string
  readonly saved: Saved
  readonly step: number
  readonly metrics: Readonly<Record<string, number>>
  /** Damaged checkpoints that were passed over, with the reasons. */
  readonly skipped: readonly { readonly path: string; readonly reason: string }[]
}

export interface CheckpointsOptions {
  /** How many of the newest stay; 3 by default, and with null all. */
  readonly keep?: number | null
  /** Is told of damaged ones; console.warn by default. */
  readonly onWarning?: (message: string) => void
}

/** Checkpoints in a folder, into which nobody else writes. */
export interface Checkpoints {
  /**
   * Writes one, of the state at this call, as `writeFile` does; then older ones go. Several calls write one after the
   * other.
   *
   * @returns where it is
   */
  save(optimizer: Saveable, options?: CheckpointOptions): Promise<string>
  /** Reads the newest that is whole; null where there is none. */
  latest(): Promise<Checkpoint | null>
}

const table = {
  keep: orNull(whole(1), 3),
  onWarning: callback<(message: string) => void, (message: string) => void>((message) =>
    console.warn(message),
  ),
}
const saving = { step: anything<number>(), metrics: anything<Readonly<Record<string, number>>>() }

const [STEP, METRICS] = ['checkpoint.step', 'checkpoint.metrics']
/** The last number of a name; more digits would not be found again. */
const LAST = 999_999_999_999_999
/** In the order in which they were written, whatever the steps are. */
const NAME = /^(\d{6,15})-step-\d+\.safetensors$/
const nameOf = (number: number, step: number) => `${String(number).padStart(6, '0')}-step-${step}.safetensors`

/**
 * Checkpoints in a folder, which is made where it is not there.
 *
 * A process may be killed at any moment: the files that were whole before stay until the new one is on the disk.
 *
 * @throws OptionError for options; in a page, where there are no folders
 */
export function checkpoints(directory: string | URL, options: CheckpointsOptions = {}): Checkpoints {
  const { keep, onWarning } = readOptions('options', options, table)
  const folder = openFolder(directory)
  let before: Promise<unknown> = Promise.resolve()

  /** The newest first. */
  const all = async () => {
    const names = (await folder.names()).filter((name) => NAME.test(name))
    return names.sort((a, b) => numberOf(b) - numberOf(a))
  }

  const write = async (writing: ReturnType<typeof begin>, step: number) => {
    let old: readonly string[] = []
    let path = ''
    await writing(async () => {
      old = await all()
      const number = old.length === 0 ? 1 : numberOf(old[0]) + 1
      if (number > LAST) throw new FileError(old[0], 'a number that another one can follow', LAST)
      for (const name of await folder.names())
        if (name.endsWith(TEMPORARY) && /^\d{6,15}-step-/.test(name)) await folder.remove(name)
      path = folder.pathOf(nameOf(number, step))
      return openSink(path)
    })
    for (const name of keep === null ? [] : old.slice(keep - 1)) await folder.remove(name)
    return path
  }

  return {
    async save(optimizer, given = {}) {
      const { step, metrics } = readOptions('options', given, saving)
      const count = step ?? (optimizer as { updates?: number })?.updates
      if (!isStep(count)) throw new OptionError('step', 'a whole number ≥ 0', count)
      const texts = new Map([
        [STEP, `${count}`],
        [METRICS, textOf(readMetrics(metrics), [])],
      ])
      const writing = begin(optimizer, { metadata: Object.fromEntries(texts) })
      const done = before.then(() => write(writing, count))
      before = done.catch(() => {})
      return done
    },

    async latest() {
      const skipped: { path: string; reason: string }[] = []
      const tried = new Set<string>()
      for (;;) {
        // Asked again each time: another process may have saved meanwhile, and removed what was there before.
        const name = (await all()).find((name) => !tried.has(name))
        if (name === undefined) return null
        tried.add(name)
        const path = folder.pathOf(name)
        try {
          return { ...(await readCheckpoint(path)), path, skipped }
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code === 'ENOENT') continue
          if (!(error instanceof FileError)) throw error
          skipped.push({ path, reason: error.message })
          onWarning(`antigrad: ${path} is damaged, and left out: ${error.message}`)
        }
      }
    },
  }
}

const numberOf = (name: string) => Number(NAME.exec(name)?.[1])

/** @throws FileError if it is none, or damaged */
export async function readCheckpoint(place: Place): Promise<Omit<Checkpoint, 'path' | 'skipped'>> {
  const file = await open(place)
  try {
    const [step, metrics] = [STEP, METRICS].map((key) => file.metadata.get(key))
    if (!isStep(Number(step)) || `${Number(step)}` !== step)
      throw new FileError(`metadata: ${STEP}`, 'an integer ≥ 0', step)
    const found = runOf(`metadata: ${METRICS}`, metrics, [])
    if (!isMetrics(found)) throw new FileError(`metadata: ${METRICS}`, 'an object of numbers', metrics)
    return { saved: await readRun(file), step: Number(step), metrics: found }
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
