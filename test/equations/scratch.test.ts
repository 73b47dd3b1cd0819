import { expect, test } from 'vitest'
import { adam, lamb, Optimizer } from '../../ts/index.js'
import { equations } from '../../ts/equations/equations.js'

const adamText = equations('myAdam', {
  options: { lr: { default: 1e-3, min: 0, scheduled: true }, beta1: { default: 0.9, min: 0, below: 1 }, beta2: { default: 0.999, min: 0, below: 1 }, eps: 1e-8 },
  state: { m: 0, v: 0 },
  scalars: { p1: 1, p2: 1 },
  step: `p1 = p1*beta1
    p2 = p2*beta2
    m = beta1*m + (1 - beta1)*g
    v = beta2*v + (1 - beta2)*(g*g)
    theta = theta - over(lr/(1 - p1)*m, sqrt(v)*(1/sqrt(1 - p2)) + eps)`,
})
const lambText = equations('myLamb', {
  options: { lr: 1e-3, beta1: 0.9, beta2: 0.999, eps: 1e-6 },
  state: { m: { start: 0, flush: false }, v: { start: 0, flush: false } },
  scalars: { p1: 1, p2: 1 },
  step: `p1 = p1*beta1; p2 = p2*beta2
    m = beta1*m + (1 - beta1)*g
    v = beta2*v + (1 - beta2)*(g*g)
    u = over(1/(1 - p1)*m, sqrt(v)*(1/sqrt(1 - p2)) + eps)
    ratio = norm(theta) > 0 && norm(u) > 0 ? norm(theta)/norm(u) : 1
    theta = theta - lr*ratio*u`,
})
for (const dtype of ['float32', 'float64'] as const)
  for (const [own, built] of [[adamText(), adam()], [lambText(), lamb()]] as const)
  test(`${own.name} ${dtype}`, () => {
    const A = dtype === 'float32' ? Float32Array : Float64Array
    const start = () => ({ a: A.from({ length: 1037 }, (_, k) => Math.sin(k)), b: A.from({ length: 3 }, (_, k) => k - 1) })
    const a = new Optimizer(start(), own as never, { engine: 'typescript' })
    const b = new Optimizer(start(), built, { engine: 'typescript' })
    for (let t = 0; t < 20; t++) {
      const g = () => ({ a: A.from({ length: 1037 }, (_, k) => Math.cos(k * 7 + t)), b: A.of(0, 1, -1e-3) })
      a.step(g() as never)
      b.step(g() as never)
    }
    expect([...a.params.a, ...a.params.b]).toEqual([...b.params.a, ...b.params.b])
  })
import { describe as text } from '../../ts/equations/describe.js'
test('describe', () => {
  console.log(text(adamText()))
  console.log(text(lambText()))
  const swap = equations('swap', { state: { a: 1, b: 2, c: 0 }, step: 'old = a\n a = b\n b = old; c = theta\n theta = theta - g' })
  console.log(text(swap()))
  const o = new Optimizer(Float64Array.of(5), swap(), { engine: 'typescript' })
  o.step(Float64Array.of(1))
  expect([...o.state.a, ...o.state.b, ...o.state.c, ...o.params]).toEqual([2, 1, 5, 4])
})
