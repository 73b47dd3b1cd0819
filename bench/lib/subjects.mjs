// The subjects of the benchmarks: optimizers through the public API, and the code they are compared with.
import binaryen from 'binaryen'
import {
  adagrad,
  adam,
  adamw,
  gradientDescent,
  momentum,
  nesterov,
  Optimizer,
  radam,
  rmsprop,
  sgd,
  signSgd,
  sparseRows,
} from '../../dist/index.js'
import { noise } from './noise.mjs'

/** Rules in the table of engines. yardstick.mjs measures all rules. */
export const rules = {
  adam: adam(),
  adamw: adamw(),
  amsgrad: adam({ amsgrad: true }),
  radam: radam(),
  rmsprop: rmsprop(),
  'rmsprop-momentum': rmsprop({ momentum: 0.9 }),
  adagrad: adagrad(),
  gradientDescent: gradientDescent(),
  signSgd: signSgd(),
  momentum: momentum(),
  nesterov: nesterov(),
  'sgd-momentum': sgd({ momentum: 0.9 }),
  'sgd-nesterov': sgd({ momentum: 0.9, nesterov: true }),
}

export const arrayOf = { float32: Float32Array, float64: Float64Array }
export const bytesOf = { float32: 4, float64: 8 }

/** Converts a size, such as `'1000x1000'` or one length, to an array of lengths. */
export const lengthsOf = (size) => (size === '1000x1000' ? new Array(1000).fill(1000) : [Number(size)])

export const parametersOf = (size) => lengthsOf(size).reduce((sum, length) => sum + length, 0)

/** An optimizer with gradients in place. A single tensor is passed directly, not in an array. */
export function ours(rule, dtype, lengths, options) {
  const initial = lengths.map((length, i) => noise(new arrayOf[dtype](length), 2 * i + 1))
  const one = initial.length === 1
  const optimizer = new Optimizer(one ? initial[0] : initial, rule, { threads: 1, ...options })
  for (const grad of one ? [optimizer.grads] : optimizer.grads) noise(grad, 2 * grad.byteOffset + 2)
  return { name: optimizer.engine, optimizer, call: () => optimizer.step() }
}

/** The flat arrays of an optimizer: written arrays first, the gradient last. */
export function planesOf({ optimizer }) {
  const [params, grads, states] = ['params', 'grads', 'state'].map((name) => [optimizer[name]].flat())
  const { updates: _, ...state } = states[0]
  const byName = Object.keys(state).map((name) => states.map((each) => each[name]))
  return [params, ...byName, grads].map((arrays) => {
    const [first, last] = [arrays[0], arrays.at(-1)]
    const bytes = last.byteOffset + last.byteLength - first.byteOffset
    return new first.constructor(first.buffer, first.byteOffset, bytes / first.BYTES_PER_ELEMENT)
  })
}

/**
 * The bandwidth pass over an optimizer's own memory, whose arrays consist of whole cache lines. `on(threads)` runs it
 * on several threads.
 */
export function pass(limits, subject) {
  const planes = planesOf(subject)
  return passOver(limits, planes.slice(0, -1), planes.slice(-1))
}

/** A pass that rewrites some arrays unchanged and reads others. */
export function passOver(limits, written, read) {
  return job(limits, 'pass', 0, written.length, [...written, ...read], written[0])
}

/** A job of limits.c on some arrays, by single calls or with the loop of calls in C. */
function job(limits, name, kind, writes, streams, row) {
  const number = limits.job(kind, writes, row, ...streams)
  return {
    name,
    number,
    streams,
    row,
    call: () => limits.run(number, 1),
    on: (threads) => ({ name: `${name}, ${threads} threads`, call: () => limits.runOn(number, threads) }),
    inC: {
      name: `${name}, in C`,
      streams,
      row,
      run: (times) => limits.run(number, times),
      call: () => limits.run(number, 1),
    },
  }
}

/** Arrays of n numbers in one buffer, whose addresses are spread evenly modulo 4096. */
function staggered(buffer, dtype, n, count, first = 0) {
  const bytes = Math.ceil((n * bytesOf[dtype]) / 64) * 64
  const shift = (4096 / count) & ~63
  const distance = bytes * count <= 4096 ? bytes : Math.ceil(bytes / 4096) * 4096 + shift
  return Array.from({ length: count }, (_, k) => new arrayOf[dtype](buffer, first + k * distance, n))
}

const bytesFor = (dtype, n, count) => count * (n * bytesOf[dtype] + 8192)

const streamCount = { adam: 4, momentum: 3 }
/** Kinds of jobs in limits.c. */
const kindOf = { adam: 1, momentum: 2 }
const writesOf = { adam: 3, momentum: 2 }

/** Adam or momentum in C with intrinsics, on separate memory. */
export function handwritten(limits, name, dtype, n, { huge = false } = {}) {
  const count = streamCount[name]
  const streams = staggered(limits.memory(bytesFor(dtype, n, count), huge ? 1 : 0), dtype, n, count)
  begin(streams)
  return job(
    limits,
    huge ? 'C, huge pages' : 'C',
    kindOf[name],
    writesOf[name],
    streams,
    new arrayOf[dtype](8),
  )
}

const table = { rows: 20_000, columns: 32 }

/**
 * Indices with the frequencies of words in a text: small indices are frequent (1/7 of 1,024 and 1/4 of 4,096 repeat).
 */
function words(count, all) {
  const random = noise(new Float64Array(count), 3)
  return Uint32Array.from(random, (x) => Math.floor(all * Math.abs(x) ** 3))
}

/**
 * Updates of some rows of an embedding by `step({ embed: sparseRows(indices, values) })`, with distinct rows or with
 * the repeated rows of a batch of words.
 */
export function byRow(rule, count, { repeats = false, dtype = 'float32', ...options }) {
  const { rows: all, columns } = table
  const distinct = Uint32Array.from({ length: count }, (_, k) => (k * 7919) % all)
  const indices = repeats ? words(count, all) : distinct
  const values = noise(new arrayOf[dtype](count * columns), 2)
  const embed = noise(new arrayOf[dtype](all * columns), 1)
  const optimizer = new Optimizer({ embed }, rule, {
    shapes: { embed: [all, columns] },
    threads: 1,
    ...options,
  })
  const call = () => optimizer.step({ embed: sparseRows(indices, values) })
  return { name: optimizer.engine, optimizer, indices, values, call }
}

/** Matrix factorization: gradients of a batch of ratings, as sparse rows or whole tensors, clipped by their norm. */
export function factorization(isByRow, options) {
  const [ratings, columns] = [256, table.columns]
  const sides = { users: 6_000, items: 4_000 }
  const each = (make) =>
    Object.fromEntries(Object.entries(sides).map(([name, all], k) => [name, make(all, k + 1)]))
  const optimizer = new Optimizer(
    each((all, seed) => noise(new Float32Array(all * columns), seed)),
    adam(),
    { ...options, threads: 1, clip: { norm: 1 }, shapes: each((all) => [all, columns]) },
  )
  const batch = each((all, seed) => ({
    indices: words(ratings, all),
    values: noise(new Float32Array(ratings * columns), seed + 2),
  }))
  const whole = each((all) => new Float32Array(all * columns))
  for (const [name, { indices, values }] of Object.entries(batch)) {
    indices.forEach((row, k) => {
      for (let j = 0; j < columns; j++) whole[name][row * columns + j] += values[k * columns + j]
    })
  }
  const some = ({ indices, values }) => sparseRows(indices, values)
  // The time to compute whole gradients is not included, although it is larger.
  const call = isByRow
    ? () => optimizer.step({ users: some(batch.users), items: some(batch.items) })
    : () => optimizer.step(whole)
  return { name: isByRow ? 'rows' : 'whole gradients', call }
}

/**
 * Updates the same rows in C with intrinsics, on separate memory, and checks that the bits are the same.
 * @throws Error if the bits differ
 */
export function byRowByHand(limits, name, { optimizer, indices, values, call }) {
  const { columns } = table
  const states = ['m', 'v', 's'].filter((state) => state in optimizer.state.embed)
  const planes = [optimizer.params.embed, ...states.map((state) => optimizer.state.embed[state])]
  const { length } = planes[0]
  const memory = limits.memory(bytesFor('float32', length, planes.length + 1), 0)
  const streams = staggered(memory, 'float32', length, planes.length + 1)
  for (const [k, plane] of planes.entries()) streams[k].set(plane)
  streams.at(-1).set(values)
  const row = new Float32Array(8)
  if (name === 'adam') coefficients('adam', 1, row)
  else row.set([1, 1e-2, 1, 1e-10])
  const hand = job(limits, 'C over those rows', { adam: 5, adagrad: 6 }[name], planes.length, streams, row)
  limits.rows(hand.number, indices, columns)
  hand.call()
  call()
  planes.forEach((plane, k) => {
    if (!plane.every((x, i) => Object.is(x, streams[k][i])))
      throw new Error(`C over rows: ${name} gives other bits than ours`)
  })
  return { ...hand, indices }
}

/** Subjects that measure the division unit per number: one call computes `numbers` results. */
export function unit(limits, dtype) {
  // Vectors are loaded from aligned cache lines, and small JavaScript arrays may be unaligned.
  const values = noise(new arrayOf[dtype](limits.memory(4096, 0), 0, 4096 / bytesOf[dtype]))
  values.forEach((x, i) => {
    values[i] = Math.abs(x)
  })
  const row = new arrayOf[dtype](8).fill(1)
  const numbers = 8 * 1024 * (limits.width() / 8 / bytesOf[dtype])
  const make = (name, kind) => job(limits, name, kind, 1, [values], row)
  return { division: make('division', 3), root: make('root', 4), numbers }
}

/** Initializes the arrays of a competitor like the arrays of `ours` with one tensor. */
function begin(streams) {
  noise(streams[0], 1)
  noise(streams.at(-1), 2)
}

/** Adam's and momentum's coefficients for update t, as in the sources of the rules. */
function coefficients(name, t, row) {
  if (name === 'momentum') return row.set([1e-3, 0.9])
  let [product1, product2] = [1, 1]
  for (let i = 0; i < t; i++) {
    product1 *= 0.9
    product2 *= 0.999
  }
  row.set([1, 1e-3 / (1 - product1), 1 / Math.sqrt(1 - product2), 1e-8, 0.9, 1 - 0.9, 0.999, 1 - 0.999])
}

/**
 * Compares the bits of three updates of a competitor with ours before it is measured.
 * @throws Error if they differ
 */
export function verify(rival, name, dtype, n, options) {
  const subject = ours(rules[name], dtype, [n], options)
  const planes = planesOf(subject)
  planes.at(-1).set(rival.streams.at(-1))
  for (let t = 1; t <= 3; t++) {
    coefficients(name, t, rival.row)
    rival.call()
    subject.optimizer.step()
  }
  const bits = (array) => Buffer.from(array.buffer, array.byteOffset, array.byteLength)
  planes.forEach((plane, k) => {
    if (bits(plane).equals(bits(rival.streams[k]))) return
    throw new Error(`${rival.name}: ${name} in ${dtype} with ${n} parameters gives other bits than ours`)
  })
  return rival
}

/** A plain JavaScript loop for float32 that rounds each operation. */
export function plainLoop(name, n) {
  const streams = Array.from({ length: streamCount[name] }, () => new Float32Array(n))
  begin(streams)
  const row = new Float32Array(8)
  // The function is created from its text, so that it is compiled only for these types.
  const loop = new Function(`return ${{ adam: plainAdam, momentum: plainMomentum }[name]}`)()
  return { name: 'plain loop', streams, row, call: () => loop(...streams, ...row) }
}

function plainAdam(theta, m, v, g, decay, c1, c2, eps, beta1, oneMinusBeta1, beta2, oneMinusBeta2) {
  const f = Math.fround
  for (let i = 0; i < theta.length; i++) {
    m[i] = f(f(beta1 * m[i]) + f(oneMinusBeta1 * g[i]))
    v[i] = f(f(beta2 * v[i]) + f(oneMinusBeta2 * f(g[i] * g[i])))
    const divisor = f(f(f(Math.sqrt(v[i])) * c2) + eps)
    theta[i] = f(f(theta[i] * decay) - (divisor === 0 ? 0 : f(f(c1 * m[i]) / divisor)))
  }
}

function plainMomentum(theta, v, g, lr, alpha) {
  const f = Math.fround
  for (let i = 0; i < theta.length; i++) {
    v[i] = f(f(alpha * v[i]) - f(lr * g[i]))
    theta[i] = f(theta[i] + v[i])
  }
}

/** Adam or momentum in hand-written WebAssembly text, four float32 vectors at a time. */
export function wasmByHand(name, n) {
  const count = streamCount[name]
  const pages = Math.ceil((bytesFor('float32', n, count) + 4096) / 65536)
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages })
  const row = new Float32Array(memory.buffer, 0, 8)
  const streams = staggered(memory.buffer, 'float32', n, count, 4096)
  begin(streams)
  const instance = new WebAssembly.Instance(assemble(name), { js: { memory } })
  const update = instance.exports.update
  const addresses = streams.map(({ byteOffset }) => byteOffset)
  const end = addresses[0] + Math.ceil((4 * n) / 64) * 64
  return { name: 'hand-written WebAssembly', streams, row, call: () => update(end, ...addresses) }
}

const modules = new Map()

function assemble(name) {
  if (!modules.has(name)) {
    const module = binaryen.parseText(name === 'adam' ? adamText() : momentumText())
    module.setFeatures(binaryen.Features.All)
    modules.set(name, new WebAssembly.Module(module.emitBinary()))
    module.dispose()
  }
  return modules.get(name)
}

const load = (array, offset) => `(v128.load offset=${offset} (local.get $${array}))`
const store = (array, offset, value) => `(v128.store offset=${offset} (local.get $${array}) ${value})`
const op = (operation, ...operands) => `(f32x4.${operation} ${operands.join(' ')})`
const get = (local) => `(local.get $${local})`
const set = (local, value) => `(local.set $${local} ${value})`

/** A loop over `arrays`, with the coefficients at address 0. */
function loopText(arrays, scalars, temporaries, body) {
  const locals = [...scalars, ...temporaries].map((local) => `(local $${local} v128)`)
  return `(module (import "js" "memory" (memory 1))
    (func (export "update") (param $end i32) ${arrays.map((array) => `(param $${array} i32)`).join(' ')}
      ${locals.join(' ')}
      ${scalars.map((scalar, k) => set(scalar, `(v128.load32_splat (i32.const ${4 * k}))`)).join('\n')}
      (loop $next
        ${[0, 16, 32, 48].map(body).join('\n')}
        ${arrays.map((array) => set(array, `(i32.add ${get(array)} (i32.const 64))`)).join('\n')}
        (br_if $next (i32.lt_u ${get(arrays[0])} (local.get $end))))))`
}

const adamText = () =>
  loopText(
    ['theta', 'm', 'v', 'g'],
    ['decay', 'c1', 'c2', 'eps', 'beta1', 'oneMinusBeta1', 'beta2', 'oneMinusBeta2'],
    ['gi', 'mi', 'vi', 'divisor'],
    (at) => `
      ${set('gi', load('g', at))}
      ${set('mi', op('add', op('mul', get('beta1'), load('m', at)), op('mul', get('oneMinusBeta1'), get('gi'))))}
      ${store('m', at, get('mi'))}
      ${set('vi', op('add', op('mul', get('beta2'), load('v', at)), op('mul', get('oneMinusBeta2'), op('mul', get('gi'), get('gi')))))}
      ${store('v', at, get('vi'))}
      ${set('divisor', op('add', op('mul', op('sqrt', get('vi')), get('c2')), get('eps')))}
      ${store(
        'theta',
        at,
        op(
          'sub',
          op('mul', load('theta', at), get('decay')),
          // Quotients with a divisor of 0 become +0.
          `(v128.andnot ${op('div', op('mul', get('c1'), get('mi')), get('divisor'))}
            ${op('eq', get('divisor'), '(v128.const i32x4 0 0 0 0)')})`,
        ),
      )}`,
  )

const momentumText = () =>
  loopText(
    ['theta', 'v', 'g'],
    ['lr', 'alpha'],
    ['vi'],
    (at) => `
      ${set('vi', op('sub', op('mul', get('alpha'), load('v', at)), op('mul', get('lr'), load('g', at))))}
      ${store('v', at, get('vi'))}
      ${store('theta', at, op('add', load('theta', at), get('vi')))}`,
  )
