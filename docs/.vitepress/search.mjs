// The options of the site's search. The index has a field of keywords, which pages do not show: names in other
// libraries, and everyday words for what a page is about.

import { keywords } from './keywords.mjs'

/** Everyday words for the contents of a page, per page. */
const everydayWords = {
  start:
    'install installation npm add setup quick start hello world first steps beginner introduction train loop',
  which: 'which optimizer choose recommend best default comparison advice',
  'coming-from': 'migrate migration equivalent alternative port PyTorch Python',
  'coming-from-fits': 'migrate migration equivalent alternative port SciPy Python MATLAB Excel Origin Prism',
  recipes:
    'examples learning rate finder LR range test gradient accumulation GAN LoRA fine-tuning resume crash server Express HTTP service cancel timeout deploy',
  charts:
    'plot draw graph figure visualize Plotly Chart.js ECharts Observable Plot D3 Vega-Lite confidence band residual plot loss curve trendline scatter',
  'not-here':
    'constraint constraints constrained equality inequality global minimum global optimum global optimization simulated annealing genetic algorithm particle swarm Bayesian optimization differential equation differential equations ODE PDE early stopping mixed precision half precision fp16 bf16 GPU WebGPU CUDA integer variables discrete combinatorial linear programming quadratic programming backpropagation missing feature unsupported alternatives root finding nonlinear equations errors in variables random effects mixed effects MCMC Bayesian posterior',
  optimizer:
    'train training loop step gradient clipping exploding gradients NaN gradients NaN loss inf infinite loss skip nonfinite loss curve monitor log gradient norm weight decay moving average EMA memory leak zero gradients',
  models:
    'freeze layers transfer learning fine-tune per-layer learning rate save load resume checkpoint early stopping best model',
  rows: 'sparse embedding lookup word vectors recommender matrix factorization data parallel federated gradients of workers',
  schedules:
    'learning rate decay warmup warm-up cosine annealing reduce on plateau cyclical one cycle restarts learning rate schedule',
  rules:
    'list of optimizers algorithms defaults hyperparameters learning rate weight decay momentum equations formula',
  equations: 'own optimizer write implement new custom optimizer user-defined',
  minimize:
    'minimum minima optimize function gradient descent L-BFGS quasi-Newton BFGS convergence tolerance stopping criterion Hessian bounds box check gradient numerical derivative',
  objectives: 'benchmark functions Rosenbrock Rastrigin Himmelblau Ackley results',
  expressions:
    'formula string parse derivative symbolic gradient multi-start many starts starting points random starts Sobol Latin hypercube global minimum local minima bounds parallel',
  recurrences:
    'GARCH ARCH volatility ARMA ARIMA autoregressive time series exponential smoothing Holt-Winters Kalman filter state space hidden Markov population dynamics lag previous row scan recurrent',
  sweep: 'hyperparameters tuning grid search learning rate search compare optimizers',
  fits: 'curve fitting nonlinear regression least squares regression fit data goodness of fit R squared residuals chi-squared weights outliers robust fit initial guess trendline',
  'fits-models':
    'EC50 IC50 dose response 4PL 5PL logistic sigmoid Hill Gaussian Lorentzian Voigt peak fitting exponential decay half-life growth Michaelis-Menten Km Vmax polynomial linear regression sine power law initial guess',
  'fits-command-line':
    'CSV export TSV table Excel spreadsheet NDJSON terminal shell plot PNG SVG save figure',
  'fits-method': 'Levenberg-Marquardt algorithm NIST certified StRD accuracy how it works',
  'fits-errors':
    'confidence interval confidence intervals standard error uncertainty error bars confidence band prediction interval bootstrap profile likelihood credible p-value significance',
  'fits-functions': 'custom function callback model integrate black box residuals Jacobian',
  odes: 'differential equations ODE solve_ivp integrate simulation pharmacokinetics NONMEM dose infusion SIR stiff Radau',
  'fits-shared': 'global fit shared parameters replicates groups batch of data sets simultaneous',
  'fits-compare':
    'model selection AIC BIC F-test p-value likelihood ratio overfitting which model heteroscedastic correlated noise covariance',
  'fits-outliers':
    'outlier detection remove outliers studentized residual leverage hat matrix robust regression false discovery rate Grubbs',
  'fits-tables':
    'export results CSV spreadsheet Excel Prism table of parameters residuals report summary long wide format tidy',
  'fits-unknowns':
    'standard curve calibration curve interpolate unknown samples ELISA inverse regression concentration back-calculate quantification',
  engines: 'native addon WebAssembly WASM SIMD backend force engine fallback doctor slow',
  functions:
    'write the model as a JavaScript function arrow function loop if else spline Newton Kepler exact derivatives automatic differentiation autodiff unroll minifier',
  'same-bits':
    'deterministic lockstep multiplayer netcode rollback game physics simulation replay drift floating point cross-browser Math.sin Math.exp different random seed PRNG normal Gaussian noise error function gamma',
  numerics:
    'rounding precision floating point reproducible deterministic float32 float64 NaN infinity subnormal denormal',
  threads:
    'parallel multithreading multi-core cores web worker block event loop UI freeze responsive async main thread',
  everywhere:
    'install installation download Next.js Nuxt Remix SvelteKit Vite webpack Rollup esbuild Cloudflare Workers Vercel serverless Lambda Edge browser Deno Bun Electron React Native CDN script tag Docker Alpine musl platforms CSP content security policy bundle size',
  performance: 'speed fast slow benchmark throughput milliseconds',
  rivals: 'compare comparison alternatives versus vs TensorFlow jax speed',
  'how-it-works': 'architecture internals design',
  chunks:
    'cluster HPC distributed queue job array S3 Kubernetes Slurm many machines cloud big data resume retry',
  'chunks-engines': 'Slurm Kubernetes AWS Batch BullMQ GNU parallel GitHub Actions job script',
  'command-line': 'CLI terminal command npx options help SVG PNG CSV completion shell doctor',
  page: 'demo playground visualization visualize animation teach interactive share link contour plot paste CSV export',
  files: 'save load export import checkpoint safetensors PyTorch state disk download upload resume ONNX',
  tfjs: 'TensorFlow.js Keras model.compile model.fit neural network',
  errors:
    'exception catch try error message error types abort cancel AbortSignal AbortController signal timeout stop',
  reliability: 'tests bugs crash fuzzing safe production memory safety',
  releasing: 'version semver deprecated breaking changes support policy Node versions',
}

/** The keywords of the first section of a page, which has no sections above it. */
function keywordsOf({ id, titles }) {
  const page = /(?:^|\/)docs\/([\w-]+)\.html/.exec(id)?.[1] ?? ''
  const words = (table) => (titles.length === 0 && Object.hasOwn(table, page) ? table[page] : '')
  return `${words(keywords)} ${words(everydayWords)}`.trim()
}

/** Options of the index, and of the page that loads it. The page never calls `extractField`. */
export const indexOptions = {
  fields: ['title', 'titles', 'text', 'keywords'],
  extractField: (document, field) => (field === 'keywords' ? keywordsOf(document) : document[field]),
}

export const searchOptions = {
  boost: { title: 4, text: 2, titles: 1, keywords: 30 },
  // Guides precede the reference and the pages for maintainers. The site contains this function as text, so it uses
  // no other names.
  boostDocument: (id) => (/docs\/api|CHANGELOG|contributing|SECURITY|releasing/i.test(id) ? 0.1 : 1),
}
