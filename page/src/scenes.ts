/** Instructive races, each with two sentences on what to observe. A test checks these sentences. */

export interface Scene {
  readonly title: string
  readonly hash: string
  readonly says: readonly [string, string]
}

/** A rule that the library does not contain: Tiger, the sign of an average (Su, 2023). */
export const TIGER = `defineRule('tiger', {
  options: {
    lr: { default: 0.02, min: 0, scheduled: true },
    beta: { default: 0.965, min: 0, below: 1 },
  },
  state: { m: 0 },
  step: \`m = beta*m + (1 - beta)*g
    theta = theta - lr*sign(m)\`,
})`

export const scenes: readonly Scene[] = [
  {
    title: 'A ravine',
    hash: 'f=bowl&from=-2.7,1.4&condition=100&gradientDescent=lr:0.018&momentum=lr:0.018',
    says: [
      'In a ravine that is a hundred times steeper across than along its floor, gradient descent zigzags and advances slowly.',
      'Momentum accumulates the common direction of the steps and arrives in fewer updates.',
    ],
  },
  {
    title: 'Too large a learning rate',
    hash: 'f=bowl&from=-2.7,1.4&condition=10&maxIterations=200&gradientDescent=lr:0.1&gradientDescent=lr:0.19&gradientDescent=lr:0.205',
    says: [
      'With a slightly too large learning rate of 0.19, each step crosses the valley, but the run still reaches the minimum.',
      'If the learning rate exceeds 2 divided by the largest curvature (0.2 in this bowl), each step ends at a higher value: the run with 0.205 diverges.',
    ],
  },
  {
    title: 'Learning-rate decay',
    hash: 'f=bowl&from=-2.7,1.4&condition=10&noise=1&tolerance=0&maxIterations=1500&distance=0.1&adam=lr:0.3&adam=lr:cosine(0.3,{steps:1200})',
    says: [
      'With noise in the gradient, Adam with a constant learning rate circles the minimum and never converges.',
      'If the learning rate decays to 0, Adam stops near the minimum.',
    ],
  },
  {
    title: 'Nesterov',
    hash: 'f=bowl&from=-2.7,1.4&condition=100&maxIterations=600&momentum=lr:0.009,momentum:0.95&nesterov=lr:0.009,momentum:0.95',
    says: [
      'Heavy ball and Nesterov use the same learning rate and momentum, but the heavy ball overshoots farther.',
      'Nesterov evaluates the gradient at its next position, so Nesterov slows down earlier and arrives first.',
    ],
  },
  {
    title: 'A saddle',
    hash: 'f=own&expression=x*x%20-%20y*y%20%2B%20y*y*y*y%2F4&view=-2,2,-2,2&from=-1.5,0.0001&maxIterations=400&gradientDescent=lr:0.05&momentum=lr:0.05&adam=lr:0.05',
    says: [
      'All optimizers start almost on the ridge of a saddle, where the gradient across the ridge is almost 0.',
      'Adam divides by the size of the gradient and leaves at once, momentum accelerates, and gradient descent is the last to leave.',
    ],
  },
  {
    title: 'Noise and averaging',
    hash: 'f=bowl&from=-2.7,1.4&condition=10&noise=2&tolerance=0&maxIterations=2000&distance=0.05&sgd=lr:0.15&scheduleFreeSgd=lr:0.15',
    says: [
      'Both optimizers receive the same noise in every gradient, and plain SGD never stops moving around the minimum.',
      'The displayed point of schedule-free SGD is an average. Its distance from the minimum is less than a third of plain SGD’s distance.',
    ],
  },
  {
    title: 'Several minima',
    hash: 'f=himmelblau&from=-1,-0.5&gradientDescent=lr:0.01&momentum=lr:0.01&adam=lr:0.3&rmsprop=lr:0.05',
    says: [
      'Himmelblau’s function has four equally low minima, and optimizers from the same start reach different minima.',
      'Show the basins: each starting point has the color of the minimum that a run from this point reaches.',
    ],
  },
  {
    title: 'L-BFGS',
    hash: 'f=rosenbrock&from=-1.5,2&maxIterations=20000&lbfgs=&adam=lr:0.1&momentum=lr:0.001',
    says: [
      'L-BFGS estimates the curvature from its steps and may need several gradients per update, so the timeline counts gradients.',
      'Even when gradients are counted, L-BFGS arrives long before Adam and momentum.',
    ],
  },
  {
    title: 'Newton and bounds',
    hash: 'f=rosenbrock&from=-1.5,2&maxIterations=20000&bounds=-1.8,0.5,-0.5,2.5&newton=&lbfgs=&adam=lr:0.1',
    says: [
      'The optimizers must stay in the box, so the lowest point that they can reach is on the right side of the box, where the star is.',
      'Newton knows the exact curvature and arrives first, L-BFGS estimates the curvature and arrives second, and Adam is moved back into the box after each step.',
    ],
  },
  {
    title: 'Custom rule',
    hash: `f=bowl&from=-2.7,1.4&condition=100&tolerance=0&maxIterations=600&distance=0.1&equations=${encodeURIComponent(TIGER)}&own=lr:0.03,beta:0.9&gradientDescent=lr:0.018`,
    says: [
      'Tiger is a custom rule of two lines: edit the lines, and the race updates.',
      'Tiger steps equally far along x and y, however steep the ravine, and arrives before gradient descent, but then oscillates around the minimum because its learning rate is constant.',
    ],
  },
]
