/**
 * Runs as files. The tensors' names are `params/<name>`, `state/<symbol>/<name>`, `average/<name>`, `slow/<name>` and
 * `accumulated/<name>`; all else of a saved run is JSON in the metadata, in which arrays are numbers of the list of
 * checksums.
 */

import { openSink } from '#disk'
import { OptionError } from '../ground/errors.js'
import { isRecord, ownProperties } from '../ground/given.js'
import type { FloatArray } from '../ground/numbers.js'
import { anything, oneOf, optional } from '../options/kinds.js'
import { readOptions } from '../options/read.js'
import { textOf } from '../saved/text.js'
import type { Saved, SavedTensor } from '../saved/write.js'
import { checksumsIn, sumOf, TEXTS } from './checksums.js'
import { WRITTEN, type WrittenDtype } from './dtypes.js'
import { FileError } from './errors.js'
import { runOf } from './json.js'
import { BlobSink, type Place, type Sink } from './places.js'
import { type OpenFile, open, type TensorFile } from './read.js'
import { Snapshot } from './snapshot.js'
import { prepare, type Writable, writeAll } from './write.js'

/** An optimizer, whatever its types. */
export interface Saveable {
  save(): Saved
}

/** What is written of an optimizer. */
export interface WriteOptions {
  /**
   * 'run', all that it takes to go on; or the parameters, or their average, alone, by their names: for other
   * programs. 'run' by default.
   */
  readonly what?: 'run' | 'params' | 'average'
  /** Of parameters or averages: the optimizer's by default; others are rounded to the nearest. */
  readonly dtype?: WrittenDtype
  /** Texts that stand beside the tensors. */
  readonly metadata?: Readonly<Record<string, string>>
}

const table = {
  what: oneOf('run', 'params', 'average'),
  dtype: optional(oneOf<WrittenDtype>('float32', 'float64', 'float16', 'bfloat16')),
  metadata: anything<Readonly<Record<string, string>>>(),
}

/** The format of what is in the metadata: later versions of the package read it as well. */
const VERSION = '2'
const OWN = 'antigrad.'
const KEYS = { version: `${OWN}version`, run: `${OWN}run` }
/** Version 1 had a checksum of the run alone, and none of other texts. */
const FIRST = { version: '1', sum: `${OWN}run.crc32` }

/**
 * Writes an optimizer as a safetensors file: as it is at this call, while it goes on. The file is there when all of
 * it is on the disk; until then another of that name stays. Pieces are written one after the other, with 4 MiB of
 * memory on top; where something changes meanwhile (`step`, `restore`, `grow`), what was not written yet is
 * copied before. Who writes into `params` or `state` himself has to wait.
 *
 * @param path where; a folder has to be there
 * @throws (rejects with) what `save()` throws; OptionError for an option; FileError where a name is no Unicode or
 * names take more than 100 MB, or something is there that is no file; what the file system throws, and nothing is left
 * behind then
 */
export async function writeFile(
  path: string | URL,
  optimizer: Saveable,
  options: WriteOptions = {},
): Promise<void> {
  const writing = begin(optimizer, options)
  await writing(() => openSink(path))
}

/** The same as a Blob, for pages: to be downloaded, or written to a file that the user has chosen. */
export async function toBlob(optimizer: Saveable, options: WriteOptions = {}): Promise<Blob> {
  const writing = begin(optimizer, options)
  const sink = new BlobSink()
  await writing(async () => sink)
  return sink.blob
}

type Writing = (open: () => Promise<Sink>) => Promise<void>

/** All that may be wrong with what was given is found here, and the state is that of this moment. */
export function begin(optimizer: unknown, options: unknown): Writing {
  const { what, dtype, metadata } = readOptions('options', options, table)
  if (what === 'run' && dtype !== undefined)
    throw new OptionError('dtype', 'none for a run, which goes on to the same bits', dtype)
  const given = readMetadata(metadata)
  const snapshot = new Snapshot(optimizer)
  return written(snapshot, () => {
    const { saved } = snapshot
    const arrays = what === 'run' ? arraysOf(saved) : planeOf(saved, what)
    const texts = what === 'run' ? describe(saved) : new Map([['format', 'pt']])
    const tensors = arrays.map(
      ({ name, shape, array }): Writable => ({
        ...{ name, shape, dtype: dtype ?? saved.dtype, length: array.length },
        values: (from, to) => snapshot.read(array, from, to),
        release: (to) => snapshot.release(array, to),
      }),
    )
    snapshot.only(new Set(arrays.map(({ array }) => array)))
    return { tensors, metadata: new Map([...texts, ...given]) }
  })
}

/** What writes a snapshot, which ends with it; what is described is checked before. */
export function written(
  snapshot: Snapshot,
  describe: () => { readonly tensors: readonly Writable[]; readonly metadata: ReadonlyMap<string, string> },
): Writing {
  const begun = () => {
    const { tensors, metadata } = describe()
    return prepare(tensors, metadata)
  }
  let prepared: ReturnType<typeof begun>
  try {
    prepared = begun()
  } catch (error) {
    snapshot.close()
    throw error
  }
  return async (open) => {
    try {
      const sink = await open()
      try {
        await writeAll(sink, prepared)
      } catch (error) {
        await sink.abort()
        throw error
      }
    } finally {
      snapshot.close()
    }
  }
}

function describe(saved: Saved): Map<string, string> {
  return new Map([
    [KEYS.version, VERSION],
    [KEYS.run, textOf(saved, [])],
  ])
}

function readMetadata(given: unknown): ReadonlyMap<string, string> {
  if (given === undefined) return new Map()
  if (!isRecord(given)) throw new OptionError('metadata', 'an object of texts', given)
  const texts = new Map(Object.entries(ownProperties(given)))
  for (const [name, text] of texts) {
    if (typeof text !== 'string') throw new OptionError(`metadata: ${name}`, 'a text', text)
    if (name.startsWith(OWN)) throw new OptionError('metadata', `names that do not begin with ${OWN}`, name)
  }
  return texts as ReadonlyMap<string, string>
}

interface Named {
  readonly name: string
  readonly shape: readonly number[]
  readonly array: FloatArray
}

/** All arrays of a run, in the order in which its text has them. */
function arraysOf({ tensors }: Saved): Named[] {
  return Object.entries(tensors).flatMap(([name, tensor]) => {
    const named = (front: string, array: FloatArray | undefined) =>
      array === undefined ? [] : [{ name: `${front}/${name}`, shape: shapeOf(tensor, array), array }]
    return [
      ...named('params', tensor.params),
      ...Object.entries(tensor.state).flatMap(([symbol, array]) => named(`state/${symbol}`, array)),
      ...named('average', tensor.average?.values),
      ...named('slow', tensor.slow ?? undefined),
      ...named('accumulated', tensor.accumulated?.values),
    ]
  })
}

/** One array of each tensor, by the tensor's own name. */
function planeOf({ tensors }: Saved, what: 'params' | 'average'): Named[] {
  return Object.entries(tensors).map(([name, tensor]) => {
    const array = what === 'params' ? tensor.params : tensor.average?.values
    if (array === undefined) throw new OptionError('what', 'an optimizer with the option average', what)
    return { name, shape: shapeOf(tensor, array), array }
  })
}

/** State by row or column, and tensors whose shape nobody has said, are lines. */
const shapeOf = ({ shape, params }: SavedTensor, { length }: FloatArray): readonly number[] =>
  shape === null || length !== params.length ? [length] : shape

/**
 * Reads a run: what `Optimizer.load` and `optimizer.restore` take.
 *
 * @param place a path, or in a browser a Blob, such as a File
 * @throws (rejects with) FileError where it is no safetensors file, no run, or damaged; what the file system throws
 * where it is not there
 */
export async function readFile(place: Place): Promise<Saved> {
  const file = await open(place)
  try {
    return await readRun(file)
  } finally {
    await file.close()
  }
}

/** What a file's metadata say of a run, with its arrays by their names in the file. */
function described({ metadata, tensors }: TensorFile, arrays: ReadonlyMap<string, unknown>): Saved {
  const version = metadata.get(KEYS.version)
  const text = metadata.get(KEYS.run)
  if (version === undefined || text === undefined)
    throw new FileError('metadata', 'a run, as writeFile writes it', `${[...metadata.keys()]}`)
  if (version !== VERSION && version !== FIRST.version)
    throw new FileError(`metadata: ${KEYS.version}`, `${FIRST.version} or ${VERSION}`, version)
  if (version === VERSION && !metadata.has(TEXTS))
    throw new FileError(`metadata: ${TEXTS}`, "each text's checksum", 'none')
  if (version === FIRST.version && metadata.get(FIRST.sum) !== sumOf(text))
    throw new FileError(`metadata: ${KEYS.run}`, `the checksum ${metadata.get(FIRST.sum)}`, sumOf(text))
  const names = [...checksumsIn({ metadata, tensors }).keys()]
  if (names.length < tensors.size) throw new FileError('metadata', "tensors' checksums", 'none')
  const list = names.map((name) => arrays.get(name))
  return runOf(`metadata: ${KEYS.run}`, text, list) as Saved
}

/** @throws FileError where it is none, or damaged */
export async function readRun(file: OpenFile): Promise<Saved> {
  // Nothing is read before it is known to be a run, and of its dtype.
  const { dtype } = described(file, new Map())
  const expected = dtype === 'float32' ? WRITTEN.float32 : WRITTEN.float64
  const arrays = new Map<string, unknown>()
  for (const [name, info] of file.tensors)
    if (info.dtype !== expected) throw new FileError(`tensor ${name}`, expected, info.dtype)
  for await (const [name, values] of file.readAll(file.tensors.keys())) arrays.set(name, values)
  return described(file, arrays)
}
