/** Races that are worth a look, each with two sentences that say what to see. A test runs what they say. */

export interface Scene {
  readonly title: string
  readonly hash: string
  readonly says: readonly [string, string]
}

/** Of nobody's library: the sign of an average (Su, 2023). */
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
      'Down a ravine that is a hundred times steeper across than along, gradient descent zigzags and creeps.',
      'Momentum adds up what the steps have in common, and arrives in fewer updates.',
    ],
  },
  {
    title: 'Too large a rate',
    hash: 'f=bowl&from=-2.7,1.4&condition=10&maxIterations=200&gradientDescent=lr:0.1&gradientDescent=lr:0.19&gradientDescent=lr:0.205',
    says: [
      'A rate a little too large, 0.19, crosses the valley at each step, and still arrives.',
      'Beyond 2 divided by the steepest curvature, 0.2 here, each step lands higher than the last: 0.205 diverges.',
    ],
  },
  {
    title: 'Learning-rate decay',
    hash: 'f=bowl&from=-2.7,1.4&condition=10&noise=1&tolerance=0&maxIterations=1500&distance=0.1&adam=lr:0.3&adam=lr:cosine(0.3,{steps:1200})',
    says: [
      'With noise in the gradient, Adam at a constant rate circles the minimum and never rests.',
      'Where the rate decays to nothing it comes to rest beside the minimum.',
    ],
  },
  {
    title: 'Nesterov',
    hash: 'f=bowl&from=-2.7,1.4&condition=100&maxIterations=600&momentum=lr:0.009,momentum:0.95&nesterov=lr:0.009,momentum:0.95',
    says: [
      'Heavy ball and Nesterov have the same rate and the same momentum, and the heavy ball swings farther.',
      'Nesterov asks for the slope where it is about to be, which brakes it in time: it arrives first.',
    ],
  },
  {
    title: 'A saddle',
    hash: 'f=own&expression=x*x%20-%20y*y%20%2B%20y*y*y*y%2F4&view=-2,2,-2,2&from=-1.5,0.0001&maxIterations=400&gradientDescent=lr:0.05&momentum=lr:0.05&adam=lr:0.05',
    says: [
      'All begin almost on the ridge of a saddle, where the slope to the sides is next to nothing.',
      'Adam divides by the size of the slope and leaves at once, momentum gathers speed, and gradient descent is the last to leave.',
    ],
  },
  {
    title: 'Noise and averages',
    hash: 'f=bowl&from=-2.7,1.4&condition=10&noise=2&tolerance=0&maxIterations=2000&distance=0.05&sgd=lr:0.15&scheduleFreeSgd=lr:0.15',
    says: [
      'Every gradient has noise, the same for both, and plain steps dance around the minimum for ever.',
      'Schedule-free SGD shows the average of its points, which stays three times as near.',
    ],
  },
  {
    title: 'Several minima',
    hash: 'f=himmelblau&from=-1,-0.5&gradientDescent=lr:0.01&momentum=lr:0.01&adam=lr:0.3&rmsprop=lr:0.05',
    says: [
      'Himmelblau’s function has four minima, all as low, and from one start not all go to the same.',
      'Open the basins below: each start has the color of the minimum that it leads to.',
    ],
  },
  {
    title: 'L-BFGS',
    hash: 'f=rosenbrock&from=-1.5,2&maxIterations=20000&lbfgs=&adam=lr:0.1&momentum=lr:0.001',
    says: [
      'L-BFGS learns the curvature from its steps, and may ask for several gradients in one update: here the clock counts gradients.',
      'So counted it still arrives long before Adam and momentum.',
    ],
  },
  {
    title: 'A rule of your own',
    hash: `f=bowl&from=-2.7,1.4&condition=100&tolerance=0&maxIterations=600&distance=0.1&equations=${encodeURIComponent(TIGER)}&own=lr:0.03,beta:0.9&gradientDescent=lr:0.018`,
    says: [
      'Tiger is typed, as its two lines: change them, and the race follows.',
      'It steps as far along x as along y, however steep the ravine, and is there before gradient descent; as its rate stays, it then swings about the minimum.',
    ],
  },
]
