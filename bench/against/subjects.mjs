// The subjects of --against: `make(antigrad)` returns the measured call, from the exports of a build. If the build
// lacks an export, the call throws, and the report says so.
import { noise } from '../lib/noise.mjs'

const two = [-1.5, 2]
const inAll = ['native', 'wasm', 'typescript']
const compiled = ['native', 'wasm']

/** Sides of matrices by their number of parameters. */
const sides = { 2: [1, 2], 10: [2, 5], 1e3: [20, 50], 1e5: [250, 400], 1e7: [2500, 4000] }

/** An array that repeats a few random numbers. */
function filled(length, seed) {
  const some = noise(new Float32Array(Math.min(length, 4096)), seed)
  const array = new Float32Array(length)
  for (let at = 0; at < length; at += 4096) array.set(some.subarray(0, length - at), at)
  return array
}

/** An optimizer of tensors with these lengths (of one tensor if it is a number), with gradients in place. */
function optimizerOf({ Optimizer }, rule, lengths, options) {
  const tensors = [lengths].flat().map((length, i) => filled(length, 2 * i + 1))
  const one = !Array.isArray(lengths)
  const optimizer = new Optimizer(one ? tensors[0] : tensors, rule, { threads: 1, ...options })
  for (const [i, grad] of [optimizer.grads].flat().entries()) grad.set(filled(grad.length, 2 * i + 2))
  return optimizer
}

/** A subject with its kind, description and engine; without an engine, the library chooses one. */
const subject = (kind, what, engine, make, isQuick = false) => ({
  name: [kind, what, engine].filter(Boolean).join(', '),
  ...{ kind, engine, isQuick },
  make: (antigrad) => make(antigrad, engine ? { engine } : {}),
})

const steps = [
  // An elementwise rule, a rule that uses norms of tensors, and a rule for matrices.
  ...['adam', 'lamb', 'adafactor'].flatMap((name) =>
    [2, 10, 1e3, 1e5, 1e7].flatMap((n) =>
      // In TypeScript, the time of more than one pass varies by half between processes.
      (n > 1e3 || name !== 'adam' ? compiled : inAll).map((engine) => {
        const isQuick = n === 2 || (n === 1e3 && name === 'adam')
        return subject('steps', `${name} of ${n}`, engine, stepsOf(name, n), isQuick)
      }),
    ),
  ),
]

function stepsOf(name, n) {
  return (antigrad, options) => {
    const shapes = name === 'adafactor' ? { shapes: sides[n] } : {}
    const optimizer = optimizerOf(antigrad, antigrad[name](), n, { ...options, ...shapes })
    return () => optimizer.step()
  }
}

const calls = [
  ...[2, 1e5].flatMap((n) =>
    compiled.map((engine) =>
      subject('clip', `by norm of ${n}`, engine, (antigrad, options) => {
        const optimizer = optimizerOf(antigrad, antigrad.adam(), n, { ...options, clip: { norm: 1 } })
        return () => optimizer.step()
      }),
    ),
  ),
  ...compiled.map((engine) =>
    subject('groups', 'two of ten tensors', engine, (antigrad, options) => {
      const { Optimizer, adamw, momentum } = antigrad
      const layers = (make) =>
        Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`layer${i}`, make(i)]))
      const groups = [
        { match: 'layer1', lr: 1e-4 },
        { match: 'layer2', rule: momentum() },
      ]
      const optimizer = new Optimizer(
        layers((i) => filled(10, i)),
        adamw(),
        { threads: 1, ...options, groups },
      )
      const gradients = layers((i) => filled(10, i + 10))
      return () => optimizer.step(gradients)
    }),
  ),
  ...inAll.map((engine) =>
    subject('gradients', 'step(gradient) of 2', engine, (antigrad, options) => {
      const optimizer = optimizerOf(antigrad, antigrad.adam(), 2, options)
      const gradient = filled(2, 3)
      return () => optimizer.step(gradient)
    }),
  ),
  ...compiled.map((engine) =>
    subject('gradients', 'step(gradients) of 100 of 1000', engine, (antigrad, options) => {
      const lengths = new Array(100).fill(1000)
      const optimizer = optimizerOf(antigrad, antigrad.adam(), lengths, options)
      const gradients = lengths.map((n, i) => filled(n, i))
      return () => optimizer.step(gradients)
    }),
  ),
  ...compiled.flatMap((engine) =>
    [256, 4096].flatMap((count) =>
      [false, true].map((isHard) =>
        subject('rows', `${count}${isHard ? ', repeated, by norm' : ''}`, engine, (antigrad, options) => {
          const { Optimizer, adam, sparseRows } = antigrad
          const [all, columns] = [20_000, 32]
          const embed = filled(all * columns, 1)
          const shapes = { embed: [all, columns] }
          const clip = isHard ? { clip: { norm: 1 } } : {}
          const optimizer = new Optimizer({ embed }, adam(), { threads: 1, shapes, ...clip, ...options })
          const indices = Uint32Array.from({ length: count }, (_, k) => (k * 7919) % all)
          if (isHard)
            filled(count, 2).forEach((x, k) => {
              indices[k] = Math.floor(all * Math.abs(x) ** 3)
            })
          const values = filled(count * columns, 3)
          return () => optimizer.step({ embed: sparseRows(indices, values) })
        }),
      ),
    ),
  ),
  subject('settings', 'set a rate and step', undefined, (antigrad) => {
    const optimizer = optimizerOf(antigrad, antigrad.adam(), 2)
    let lr = 1e-3
    return () => {
      lr = lr === 1e-3 ? 2e-3 : 1e-3
      optimizer.set({ lr })
      return optimizer.step()
    }
  }),
  subject('settings', 'a step by schedule', undefined, (antigrad) => {
    const lr = antigrad.linear(0, { endValue: 0.1, steps: 1e9 })
    const optimizer = optimizerOf(antigrad, antigrad.adam({ lr }), 2)
    return () => optimizer.step()
  }),
]

const runs = [
  ...[undefined, 'native'].map((engine) =>
    subject('minimize', '1,000 iterations in two dimensions', engine, (antigrad, options) => {
      const objective = antigrad.rosenbrock()
      const end = { tolerance: 0, maxIterations: 1000, ...options }
      return () => antigrad.minimize(objective, Float64Array.from(two), antigrad.adam(), end)
    }),
  ),
  ...compiled.map((engine) =>
    subject('many', '2,000 runs of 100 updates', engine, (antigrad, options) => {
      const f = antigrad.expression('(1 - x)^2 + 100*(y - x^2)^2')
      const starts = { x: filled(2000, 1), y: filled(2000, 2) }
      const end = { threads: 1, tolerance: 0, maxIterations: 100, ...options }
      return () => antigrad.minimizeManySync(f, starts, antigrad.adam(), end)
    }),
  ),
  ...compiled.map((engine) =>
    subject('fits', '200 fits of an exponential', engine, (antigrad, options) => {
      const model = antigrad.expression('a*exp(-b*t) + c')
      const t = Array.from({ length: 40 }, (_, k) => k / 10)
      const y = Array.from({ length: 200 }, (_, fit) =>
        noise(new Float64Array(40), fit).map((x, k) => 2 * Math.exp(-t[k] * (1 + fit / 200)) + x / 50),
      )
      const given = { start: { a: 1, b: 1, c: 0 }, threads: 1, ...options }
      return () => antigrad.fitManySync(model, { t, y }, given)
    }),
  ),
]

const lives = [
  ...compiled.map((engine) =>
    subject('construction', 'of ten tensors', engine, ({ Optimizer, adamw }, options) => {
      const tensors = Array.from({ length: 10 }, (_, i) => filled(100, i))
      return () => new Optimizer(tensors, adamw(), { threads: 1, ...options })
    }),
  ),
  subject('saved', 'save', undefined, (antigrad) => {
    const optimizer = optimizerOf(antigrad, antigrad.adamw(), new Array(10).fill(100))
    return () => optimizer.save()
  }),
  subject('saved', 'load', undefined, (antigrad) => {
    const saved = optimizerOf(antigrad, antigrad.adamw(), new Array(10).fill(100)).save()
    return () => antigrad.Optimizer.load(saved)
  }),
]

export const subjects = [...steps, ...calls, ...runs, ...lives]
