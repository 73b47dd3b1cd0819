/**
 * A process that reads the random inputs of a seed until one fails. If the process dies, the last input is in a file.
 */

import { writeFileSync } from 'node:fs'
import { AntigradError } from 'antigrad'
import fc from 'fast-check'
import { corpus, type Target, words } from './corpus.js'
import { readers } from './readers.js'

export interface Found {
  readonly message: string
  /** The smallest failing input. */
  readonly input: string
}

export interface Answer {
  readonly inputs: number
  readonly bytes: number
  /** The number of accepted inputs, which caused no error and were relevant to the reader. */
  readonly taken: number
  readonly found: Found | null
}

const [, , target, seed, runs, seconds, last] = process.argv as [
  string,
  string,
  Target,
  string,
  string,
  string,
  string,
]

/** The time limit per input in milliseconds on a busy machine, and the memory limit, which includes garbage. */
const LONGEST = 10_000
const LARGEST = 400 * 2 ** 20

interface Edit {
  readonly kind: 'delete' | 'repeat' | 'insert' | 'replace' | 'move' | 'character'
  readonly at: number
  readonly to: number
  readonly word: number
}

const edit: fc.Arbitrary<Edit> = fc.record({
  kind: fc.constantFrom('delete', 'repeat', 'insert', 'replace', 'move', 'character'),
  at: fc.nat(),
  to: fc.oneof(fc.nat(12), fc.nat()),
  word: fc.nat(),
})

function edited(text: string, { kind, at, to, word }: Edit): string {
  const from = at % (text.length + 1)
  const end = Math.min(text.length, from + (to % (text.length + 1)))
  const [head, middle, tail] = [text.slice(0, from), text.slice(from, end), text.slice(end)]
  const piece = words[target][word % words[target].length]
  switch (kind) {
    case 'delete':
      return head + tail
    case 'repeat':
      // The number of repetitions is limited, because repeated doubling would make the text too long to read.
      return text.length > 1e5 ? text : head + middle.repeat(2 + (word % 40)) + tail
    case 'insert':
      return head + piece + middle + tail
    case 'replace':
      return head + piece + tail
    case 'move':
      return middle + head + tail
    case 'character':
      return (
        head +
        String.fromCharCode(word % 3 === 0 ? word % 0x10000 : 32 + (word % 95)) +
        middle.slice(1) +
        tail
      )
  }
}

/** Edits a value within a JSON text, so that most mutants remain JSON. */
function editedWithin(text: string, given: Edit): string {
  let whole: unknown
  try {
    whole = JSON.parse(text)
  } catch {
    return edited(text, given)
  }
  const { kind, at, to, word } = given
  const places: [Record<string, unknown>, string][] = []
  const collect = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return
    for (const [key, child] of Object.entries(node)) {
      places.push([node as Record<string, unknown>, key])
      collect(child)
    }
  }
  collect(whole)
  if (places.length === 0) return edited(text, given)
  const [[node, key], [other, otherKey]] = [places[at % places.length], places[to % places.length]]
  const value = node[key]
  if (kind === 'delete') delete node[key]
  else if (kind === 'move') node[key] = structuredClone(other[otherKey])
  else if (kind === 'repeat') node[key] = typeof value === 'string' ? value.repeat(1 + (word % 3)) : [value]
  else if (kind === 'insert') node[otherKey] = structuredClone(value)
  else if (kind === 'replace') node[key] = values[word % values.length]
  else if (typeof value === 'string')
    node[key] = edited(value, { ...given, kind: to % 2 ? 'delete' : 'character' })
  else if (typeof value === 'number') node[key] = [-value, value + 1, value / 3, value * 1e300][to % 4]
  return JSON.stringify(whole)
}
const values = [
  null,
  true,
  -1,
  0,
  0.5,
  3,
  2 ** 31,
  2 ** 53,
  1e300,
  '',
  'adam',
  'w',
  [],
  {},
  [[]],
  '7fc00000',
  'F16',
]
const isJson = ['saved runs', 'JSON', 'chunk plans', 'safetensors files'].includes(target)
/** One in six edits of JSON changes the text of the file. */
const mutated = (text: string, given: Edit) =>
  isJson && given.word % 6 > 0 ? editedWithin(text, given) : edited(text, given)

let [inputs, bytes, taken] = [0, 0, 0]
const { rss } = process.memoryUsage()

const property = fc.asyncProperty(
  fc.constantFrom(...corpus[target]),
  fc.array(edit, { maxLength: 8 }),
  async (sample, edits) => {
    const input = edits.reduce(mutated, sample)
    writeFileSync(last, JSON.stringify(input))
    inputs++
    bytes += input.length
    const began = process.cpuUsage()
    try {
      if ((await readers[target](input)) !== false) taken++
    } catch (error) {
      if (!(error instanceof AntigradError)) throw error
    }
    const { user, system } = process.cpuUsage(began)
    if ((user + system) / 1000 > LONGEST) throw new Error(`it took ${(user + system) / 1e6} s`)
    const more = process.memoryUsage().rss - rss
    if (more > LARGEST + 1000 * input.length) throw new Error(`${more} more bytes are in use`)
  },
)

// Every input of the corpus is first read unmodified. Former failures are excluded, because readers must refuse them.
const { failed, counterexample, errorInstance } = await fc.check(property, {
  // The search for inputs also stops when the time is over, because skipped inputs take time.
  ...{ seed: Number(seed), numRuns: Number(runs), interruptAfterTimeLimit: Number(seconds) * 1000 },
  examples: corpus[target].map((sample) => [sample, []] as [string, Edit[]]),
})
const [sample, edits] = counterexample ?? ['', []]
const found = failed
  ? { message: String((errorInstance as Error).stack), input: edits.reduce(mutated, sample) }
  : null
process.stdout.write(JSON.stringify({ inputs, bytes, taken, found } satisfies Answer))
