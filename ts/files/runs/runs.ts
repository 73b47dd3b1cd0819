/**
 * Runs as files. The tensors' names are `params/<name>`, `state/<symbol>/<name>`, `average/<name>`, `slow/<name>` and
 * `accumulated/<name>`; all else of a saved run is JSON in the metadata, in which arrays are numbers of the list of
 * checksums.
 */

import { openSink } from '#disk'
import { toText } from '../../checkpoint/text.js'
import type { SavedRun, SavedTensor } from '../../checkpoint/write.js'
import { OptionError } from '../../core/errors.js'
import type { FloatArray } from '../../core/numbers.js'
import { isRecord, ownProperties } from '../../core/untrusted-input.js'
import { choice, optional, passThrough } from '../../options/kinds.js'
import { readOptions } from '../../options/read.js'
import { readChecksums, TEXTS } from '../format/checksums.js'
import { FILE_DTYPES, type FileDtype } from '../format/dtypes.js'
import { parseRun } from '../format/json.js'
import { type OpenTensorFile, openSafetensors, type TensorFile } from '../format/read.js'
import { prepareHeader, type WritableTensor, writeAll } from '../format/write.js'
import { FileError } from '../sources/errors.js'
import { BlobSink, type FileSource, type Sink } from '../sources/sources.js'
import { RunSnapshot } from './snapshot.js'

/** An optimizer, whatever its types. */
export interface Saveable {
  save(): SavedRun
}

/** What is written of an optimizer. */
export interface WriteOptions {
  /**
   * 'run', all that it takes to go on; or the parameters, or their average, alone, by their names: for other
   * programs. 'run' by default.
   */
  readonly content?: 'run' | 'params' | 'average'
  /** Of parameters or averages: the optimizer's by default; others are rounded to the nearest. */
  readonly dtype?: FileDtype
  /** Texts that stand beside the tensors. */
  readonly metadata?: Readonly<Record<string, string>>
}

const optionTable = {
  content: choice('run', 'params', 'average'),
  dtype: optional(choice<FileDtype>('float32', 'float64', 'float16', 'bfloat16')),
  metadata: passThrough<Readonly<Record<string, string>>>(),
}

/** The version of the metadata's format. Other versions are not read. */
const VERSION = '3'
const KEY_PREFIX = 'antigrad.'
const KEYS = { version: `${KEY_PREFIX}version`, run: `${KEY_PREFIX}run` }

/**
 * Writes an optimizer as a safetensors file: as it is at this call, while it goes on. The file is there when all of
 * it is on the disk; until then another of that name stays. Pieces are written one after the other, with 4 MiB of
 * memory on top; where something changes meanwhile (`step`, `restore`, `appendRows`), what was not written yet is
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
  const writing = beginWrite(optimizer, options)
  await writing(() => openSink(path))
}

/** The same as a Blob, for pages: to be downloaded, or written to a file that the user has chosen. */
export async function toBlob(optimizer: Saveable, options: WriteOptions = {}): Promise<Blob> {
  const writing = beginWrite(optimizer, options)
  const sink = new BlobSink()
  await writing(async () => sink)
  return sink.blob
}

type WriteTo = (open: () => Promise<Sink>) => Promise<void>

/** All that may be wrong with what was given is found here, and the state is that of this moment. */
export function beginWrite(optimizer: unknown, options: unknown): WriteTo {
  const { content, dtype, metadata } = readOptions('options', options, optionTable)
  if (content === 'run' && dtype !== undefined)
    throw new OptionError('dtype', 'none for a run, which goes on to the same bits', dtype)
  const given = readMetadata(metadata)
  const snapshot = new RunSnapshot(optimizer)
  return writeSnapshot(snapshot, () => {
    const { saved } = snapshot
    const arrays = content === 'run' ? namedArrays(saved) : selectContent(saved, content)
    const texts = content === 'run' ? describeRun(saved) : new Map([['format', 'pt']])
    const tensors = arrays.map(
      ({ name, shape, array }): WritableTensor => ({
        name,
        shape,
        dtype: dtype ?? saved.dtype,
        length: array.length,
        values: (from, to) => snapshot.read(array, from, to),
        release: (to) => snapshot.release(array, to),
      }),
    )
    snapshot.keepOnly(new Set(arrays.map(({ array }) => array)))
    return { tensors, metadata: new Map([...texts, ...given]) }
  })
}

/** What writes a snapshot, which ends with it; what is described is checked before. */
export function writeSnapshot(
  snapshot: RunSnapshot,
  describe: () => {
    readonly tensors: readonly WritableTensor[]
    readonly metadata: ReadonlyMap<string, string>
  },
): WriteTo {
  const begun = () => {
    const { tensors, metadata } = describe()
    return prepareHeader(tensors, metadata)
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

function describeRun(saved: SavedRun): Map<string, string> {
  return new Map([
    [KEYS.version, VERSION],
    [KEYS.run, toText(saved, [])],
  ])
}

function readMetadata(given: unknown): ReadonlyMap<string, string> {
  if (given === undefined) return new Map()
  if (!isRecord(given)) throw new OptionError('metadata', 'an object of texts', given)
  const texts = new Map(Object.entries(ownProperties(given)))
  for (const [name, text] of texts) {
    if (typeof text !== 'string') throw new OptionError(`metadata: ${name}`, 'a text', text)
    if (name.startsWith(KEY_PREFIX))
      throw new OptionError('metadata', `names that do not begin with ${KEY_PREFIX}`, name)
  }
  return texts as ReadonlyMap<string, string>
}

interface NamedArray {
  readonly name: string
  readonly shape: readonly number[]
  readonly array: FloatArray
}

/** All arrays of a run, in the order in which its text has them. */
function namedArrays({ tensors }: SavedRun): NamedArray[] {
  return Object.entries(tensors).flatMap(([name, tensor]) => {
    const named = (front: string, array: FloatArray | undefined) =>
      array === undefined ? [] : [{ name: `${front}/${name}`, shape: fileShape(tensor, array), array }]
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
function selectContent({ tensors }: SavedRun, what: 'params' | 'average'): NamedArray[] {
  return Object.entries(tensors).map(([name, tensor]) => {
    const array = what === 'params' ? tensor.params : tensor.average?.values
    if (array === undefined) throw new OptionError('content', 'an optimizer with the option average', what)
    return { name, shape: fileShape(tensor, array), array }
  })
}

/** State by row or column, and tensors whose shape nobody has said, are lines. */
const fileShape = ({ shape, params }: SavedTensor, { length }: FloatArray): readonly number[] =>
  shape === null || length !== params.length ? [length] : shape

/**
 * Reads a run: what `Optimizer.load` and `optimizer.restore` take.
 *
 * @param place a path, or in a browser a Blob, such as a File
 * @throws (rejects with) FileError where it is no safetensors file, no run, or damaged; what the file system throws
 * where it is not there
 */
export async function readFile(place: FileSource): Promise<SavedRun> {
  const file = await openSafetensors(place)
  try {
    return await readRun(file)
  } finally {
    await file.close()
  }
}

/** What a file's metadata say of a run, with its arrays by their names in the file. */
function described({ metadata, tensors }: TensorFile, arrays: ReadonlyMap<string, unknown>): SavedRun {
  const version = metadata.get(KEYS.version)
  const text = metadata.get(KEYS.run)
  if (version === undefined || text === undefined)
    throw new FileError('metadata', 'a run, as writeFile writes it', `${[...metadata.keys()]}`)
  if (version !== VERSION)
    throw new FileError(
      `metadata: ${KEYS.version}`,
      `${VERSION}, the only version that this release reads`,
      version,
    )
  if (!metadata.has(TEXTS)) throw new FileError(`metadata: ${TEXTS}`, "each text's checksum", 'none')
  const names = [...readChecksums({ metadata, tensors }).keys()]
  if (names.length < tensors.size) throw new FileError('metadata', "tensors' checksums", 'none')
  const list = names.map((name) => arrays.get(name))
  return parseRun(`metadata: ${KEYS.run}`, text, list) as SavedRun
}

/** @throws FileError where it is none, or damaged */
export async function readRun(file: OpenTensorFile): Promise<SavedRun> {
  // Nothing is read before it is known to be a run, and of its dtype.
  const { dtype } = described(file, new Map())
  const expected = dtype === 'float32' ? FILE_DTYPES.float32 : FILE_DTYPES.float64
  const arrays = new Map<string, unknown>()
  for (const [name, info] of file.tensors)
    if (info.dtype !== expected) throw new FileError(`tensor ${name}`, expected, info.dtype)
  for await (const [name, values] of file.readAll(file.tensors.keys())) arrays.set(name, values)
  return described(file, arrays)
}
