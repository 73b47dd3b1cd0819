// @ts-check
// A classifier with one hidden layer (ReLU) and softmax, forward and backward by hand.

/**
 * A weight matrix has one row per input. Training uses Float32Array. Float64Array is for checking the gradient.
 *
 * @template {Float32Array | Float64Array} [A=Float32Array]
 * @typedef {{ weight: A, bias: A }} Layer
 */
/**
 * @template {Float32Array | Float64Array} [A=Float32Array]
 * @typedef {{ hidden: Layer<A>, output: Layer<A> }} Params
 */
/** @typedef {import('./data.mjs').Data} Data */

export class Network {
  /** @param {number} inputs @param {number} hidden @param {number} outputs */
  constructor(inputs, hidden, outputs) {
    this.shapes = {
      hidden: { weight: [inputs, hidden], bias: [hidden] },
      output: { weight: [hidden, outputs], bias: [outputs] },
    }
    this.inputs = inputs
    this.x = new Float64Array(inputs)
    this.h = new Float64Array(hidden)
    this.dh = new Float64Array(hidden)
    this.p = new Float64Array(outputs)
  }

  /** Initializes weights by He et al. (2015), and biases with 0. @param {() => number} random uniform in [0, 1) */
  init(random) {
    /** @param {{ weight: number[], bias: number[] }} shapes @returns {Layer} */
    const layer = ({ weight: [inputs, outputs], bias }) => ({
      weight: new Float32Array(inputs * outputs).map(() => Math.sqrt(6 / inputs) * (2 * random() - 1)),
      bias: new Float32Array(bias[0]),
    })
    return { hidden: layer(this.shapes.hidden), output: layer(this.shapes.output) }
  }

  /**
   * Computes ReLU(x·W + b) into `h` and the probabilities of the classes into `p`.
   *
   * @param {Params<any>} params @param {Uint8Array} image
   */
  forward({ hidden, output }, image) {
    const { x, h, p } = this
    for (let i = 0; i < x.length; i++) x[i] = image[i] / 255
    affine(x, hidden, h)
    for (let j = 0; j < h.length; j++) h[j] = Math.max(0, h[j])
    affine(h, output, p)
    const largest = p.reduce((a, b) => Math.max(a, b))
    let sum = 0
    for (let k = 0; k < p.length; k++) sum += p[k] = Math.exp(p[k] - largest)
    for (let k = 0; k < p.length; k++) p[k] /= sum
  }

  /**
   * Computes the mean cross-entropy of some images, and writes its gradient to `grads`.
   *
   * @param {Params<any>} params @param {Params<any>} grads @param {Data} data @param {ArrayLike<number>} batch
   */
  loss(params, grads, data, batch) {
    const { x, h, dh, p } = this
    for (const { weight, bias } of [grads.hidden, grads.output]) {
      weight.fill(0)
      bias.fill(0)
    }
    let loss = 0
    for (let n = 0; n < batch.length; n++) {
      const label = data.labels[batch[n]]
      this.forward(params, image(data, batch[n], this.inputs))
      loss -= Math.log(p[label]) / batch.length
      // `p` becomes the gradient with respect to the logits, `dh` the gradient with respect to x·W + b.
      p[label] -= 1
      for (let k = 0; k < p.length; k++) p[k] /= batch.length
      backward(h, p, grads.output)
      const { weight } = params.output
      for (let j = 0; j < h.length; j++) {
        dh[j] = 0
        if (h[j] > 0) for (let k = 0; k < p.length; k++) dh[j] += weight[j * p.length + k] * p[k]
      }
      backward(x, dh, grads.hidden)
    }
    return loss
  }

  /** The fraction of images whose most probable class is correct. @param {Params<any>} params @param {Data} data */
  accuracy(params, data) {
    let right = 0
    data.labels.forEach((label, n) => {
      this.forward(params, image(data, n, this.inputs))
      if (this.p[label] === Math.max(...this.p)) right++
    })
    return right / data.labels.length
  }
}

/** @param {Data} data @param {number} n @param {number} size */
const image = ({ images }, n, size) => images.subarray(n * size, (n + 1) * size)

/** y = x·W + b @param {Float64Array} x @param {Layer<any>} layer @param {Float64Array} y */
function affine(x, { weight, bias }, y) {
  y.set(bias)
  for (let i = 0, row = 0; i < x.length; i++, row += y.length) {
    // Most pixels and about half of the hidden units are 0.
    if (x[i] !== 0) for (let j = 0; j < y.length; j++) y[j] += x[i] * weight[row + j]
  }
}

/** Adds one image's gradient. @param {Float64Array} x @param {Float64Array} dy @param {Layer<any>} grads */
function backward(x, dy, { weight, bias }) {
  for (let j = 0; j < dy.length; j++) bias[j] += dy[j]
  for (let i = 0, row = 0; i < x.length; i++, row += dy.length) {
    if (x[i] !== 0) for (let j = 0; j < dy.length; j++) weight[row + j] += x[i] * dy[j]
  }
}
