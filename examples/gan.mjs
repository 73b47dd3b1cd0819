// @ts-check
// node examples/gan.mjs: two optimizers in turn. A generator a·z + b learns to imitate a normal distribution with mean
// 3 and standard deviation 0.5. Its only signal is the output of a discriminator σ(u·x + v·x² + w).
import { adam, adamw, ema, Optimizer } from 'antigrad'
import { Generator } from './data.mjs'

const [STEPS, BATCH, MEAN, DEVIATION] = [6000, 64, 3, 0.5]
const random = new Generator(1)
/** A standard normal variate, by the method of Box and Muller. */
const normal = () => Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next())

// Each optimizer has its own parameters, rule and state. Together they oscillate around the solution. Weight decay
// damps the oscillation, and the average of the parameters lies close to the solution.
const start = { a: Float64Array.of(1), b: Float64Array.of(0) }
const generator = new Optimizer(start, adam({ lr: 2e-3, beta1: 0.5 }), { average: ema(0.999) })
const rule = adamw({ lr: 1e-2, beta1: 0.5, weightDecay: 0.5 })
const discriminator = new Optimizer({ uvw: new Float64Array(3) }, rule)
const { a, b } = generator.params
const { uvw } = discriminator.params
/** The probability that x is real. @param {number} x */
const real = (x) => 1 / (1 + Math.exp(-(uvw[0] * x + uvw[1] * x * x + uvw[2])))

for (let step = 1; step <= STEPS; step++) {
  // The discriminator minimizes −log D(real) − log(1 − D(fake)) while the generator is constant.
  discriminator.grads.uvw.fill(0)
  for (let i = 0; i < BATCH; i++) {
    const [x, fake] = [MEAN + DEVIATION * normal(), a[0] * normal() + b[0]]
    const [dx, dfake] = [(real(x) - 1) / BATCH, real(fake) / BATCH]
    discriminator.grads.uvw[0] += dx * x + dfake * fake
    discriminator.grads.uvw[1] += dx * x * x + dfake * fake * fake
    discriminator.grads.uvw[2] += dx + dfake
  }
  discriminator.step()

  // The generator minimizes −log D(fake) while the discriminator is constant.
  generator.grads.a[0] = generator.grads.b[0] = 0
  for (let i = 0; i < BATCH; i++) {
    const z = normal()
    const fake = a[0] * z + b[0]
    const slope = ((real(fake) - 1) * (uvw[0] + 2 * uvw[1] * fake)) / BATCH
    generator.grads.a[0] += slope * z
    generator.grads.b[0] += slope
  }
  generator.step()
  if (step % 1000 === 0) {
    const { a, b } = generator.average
    console.log(`step ${step}: mean ${b[0].toFixed(2)}, deviation ${Math.abs(a[0]).toFixed(2)}`)
  }
}
