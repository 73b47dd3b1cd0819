/** The rules that users have: what is exported here is one. */

export { type Adagrad, adagrad } from './adagrad.js'
export { type Adam, adam } from './adam.js'
export { type AdamW, adamw } from './adamw.js'
export { type GradientDescent, gradientDescent } from './gradient-descent.js'
export { type Momentum, momentum } from './momentum.js'
export { type Nesterov, nesterov } from './nesterov.js'
export { type RAdam, radam } from './radam.js'
export { type RmsProp, rmsprop } from './rmsprop.js'
export { type Sgd, sgd } from './sgd.js'
export { type SignSgd, signSgd } from './sign-sgd.js'
