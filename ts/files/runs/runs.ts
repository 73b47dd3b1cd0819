/**
 * Saved runs as safetensors files. The names of the tensors are `params/<name>`, `state/<symbol>/<name>`,
 * `average/<name>`, `slow/<name>` and `accumulated/<name>`. All other contents of a saved run are JSON in the metadata,
 * which represents an array by its index in the list of checksums.
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

/** An optimizer with any type of parameters. */
export interface Saveable {
  save(): SavedRun
}

/** Options that choose what is written to a file. */
export interface WriteOptions {
  /**
   * `'run'` saves a run that can be resumed. `'params'` and `'average'` save only the parameters or the averages by
   * name, for other programs. Default `'run'`.
   */
  readonly content?: 'run' | 'params' | 'average'
  /**
   * Dtype of the written parameters or averages. Default: the optimizer's dtype. Values are rounded to nearest if this
   * dtype is not the optimizer's dtype.
   */
  readonly dtype?: FileDtype
  /** Additional metadata strings. */
  readonly metadata?: Readonly<Record<string, string>>
}

const optionTable = {
  content: choice('run', 'params', 'average'),
  dtype: optional(choice<FileDtype>('float32', 'float64', 'float16', 'bfloat16')),
  metadata: passThrough<Readonly<Record<string, string>>>(),
}

/** The version of the format of the metadata. Saved runs of other versions are not read. */
const VERSION = '3'
const KEY_PREFIX = 'antigrad.'
const KEYS = { version: `${KEY_PREFIX}version`, run: `${KEY_PREFIX}run` }

/**
 * Writes an optimizer as a safetensors file. The file contains the state at the time of the call. The optimizer can
 * continue during the call. The file appears under its name when the file is complete on disk. A previous file stays
 * until the new file is complete. Writing needs 4 MiB of additional memory. If a call such as `step`, `restore` or
 * `appendRows` changes the optimizer during the write, unwritten values are copied first. Until the promise resolves,
 * do not write to `params` or `state` directly.
 *
 * @param path path of the file, in an existing folder
 * @throws (rejects with) the errors of `save()` and of the file system; no partial file remains
 * @throws (rejects with) OptionError if an option is invalid
 * @throws (rejects with) FileError if a name is not valid Unicode, if all names together exceed 100 MB, or if the path
 * is not a regular file
 */
export async function writeFile(
  path: string | URL,
  optimizer: Saveable,
  options: WriteOptions = {},
): Promise<void> {
  const writing = beginWrite(optimizer, options)
  await writing(() => openSink(path))
}

/**
 * Returns the file of {@link writeFile} as a Blob. A web page can offer the Blob for download or write the Blob to a
 * file.
 */
export async function toBlob(optimizer: Saveable, options: WriteOptions = {}): Promise<Blob> {
  const writing = beginWrite(optimizer, options)
  const sink = new BlobSink()
  await writing(async () => sink)
  return sink.blob
}

type WriteTo = (open: () => Promise<Sink>) => Promise<void>

/** Validates all arguments and takes a snapshot of the current state. */
export function beginWrite(optimizer: unknown, options: unknown): WriteTo {
  const { content, dtype, metadata } = readOptions('options', options, optionTable)
  if (content === 'run' && dtype !== undefined)
    throw new OptionError('dtype', "no dtype with content: 'run', because runs are stored exactly", dtype)
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

/** Makes a function that writes and then closes a snapshot, after validating the header. */
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
  if (!isRecord(given)) throw new OptionError('metadata', 'an object of strings', given)
  const texts = new Map(Object.entries(ownProperties(given)))
  for (const [name, text] of texts) {
    if (typeof text !== 'string') throw new OptionError(`metadata: ${name}`, 'a string', text)
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

/** All arrays of a saved run, in the order in which its JSON text refers to them. */
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

/** One array per tensor, under the name of the tensor. */
function selectContent({ tensors }: SavedRun, what: 'params' | 'average'): NamedArray[] {
  return Object.entries(tensors).map(([name, tensor]) => {
    const array = what === 'params' ? tensor.params : tensor.average?.values
    if (array === undefined) throw new OptionError('content', 'an optimizer with the option average', what)
    return { name, shape: fileShape(tensor, array), array }
  })
}

/**
 * The shape of an array in the file. State per row or column, and the arrays of tensors without a shape, are
 * one-dimensional.
 */
const fileShape = ({ shape, params }: SavedTensor, { length }: FloatArray): readonly number[] =>
  shape === null || length !== params.length ? [length] : shape

/**
 * Reads a saved run for `Optimizer.load` or `optimizer.restore`.
 *
 * @param place a path, or a Blob such as a File (browsers support only Blobs)
 * @throws (rejects with) FileError if the file is not a safetensors file, is not a saved run, or is damaged; the file
 * system's error if the file cannot be opened
 */
export async function readFile(place: FileSource): Promise<SavedRun> {
  const file = await openSafetensors(place)
  try {
    return await readRun(file)
  } finally {
    await file.close()
  }
}

/** Reads the run in the metadata of a file. Names of tensors in the file represent the arrays. */
function described({ metadata, tensors }: TensorFile, arrays: ReadonlyMap<string, unknown>): SavedRun {
  const version = metadata.get(KEYS.version)
  const text = metadata.get(KEYS.run)
  if (version === undefined || text === undefined)
    throw new FileError('metadata', 'a run that writeFile has written', `${[...metadata.keys()]}`)
  if (version !== VERSION)
    throw new FileError(
      `metadata: ${KEYS.version}`,
      `${VERSION}, the only version that this release reads`,
      version,
    )
  if (!metadata.has(TEXTS)) throw new FileError(`metadata: ${TEXTS}`, 'the checksum of each string', 'none')
  const names = [...readChecksums({ metadata, tensors }).keys()]
  if (names.length < tensors.size) throw new FileError('metadata', 'the checksums of the tensors', 'none')
  const list = names.map((name) => arrays.get(name))
  return parseRun(`metadata: ${KEYS.run}`, text, list) as SavedRun
}

/** @throws FileError if the file is not a saved run or is damaged */
export async function readRun(file: OpenTensorFile): Promise<SavedRun> {
  // Tensors are read only after the metadata have proved that the file is a run whose tensors have the right dtype.
  const { dtype } = described(file, new Map())
  const expected = dtype === 'float32' ? FILE_DTYPES.float32 : FILE_DTYPES.float64
  const arrays = new Map<string, unknown>()
  for (const [name, info] of file.tensors)
    if (info.dtype !== expected) throw new FileError(`tensor ${name}`, expected, info.dtype)
  for await (const [name, values] of file.readAll(file.tensors.keys())) arrays.set(name, values)
  return described(file, arrays)
}
