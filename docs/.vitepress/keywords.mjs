/** Names that torch.optim, Optax, SciPy, lmfit and NLopt use, per page: the search finds the page by them, too. */
export const keywords = {
  'not-here':
    'L-BFGS-B constraints SLSQP trust-constr linprog integer programming CMA-ES Nelder-Mead ODR orthogonal distance regression ODE solve_ivp GPU CUDA autograd mixed precision AMP GradScaler early stopping callbacks hooks newton_krylov fsolve root Hessian-free K-FAC Shampoo MCMC emcee',
  start: 'getting started tutorial optim.SGD zero_grad backward',
  optimizer:
    'torch.optim.Optimizer step zero_grad param_groups add_param_group apply_updates closure set_to_none retain_grad clip_grad_norm_ clip_grad_value_ clip_by_global_norm adaptive_grad_clip gradient accumulation MultiSteps apply_if_finite',
  models:
    'state_dict load_state_dict param_groups param_groups_layer_decay layer_decay multi_transform masked set_to_zero swa_utils AveragedModel ema params_ema apply_if_finite max_consecutive_errors freeze unfreeze requires_grad',
  rows: 'sparse gradients SparseAdam IndexedSlices embedding sparse_coo_tensor',
  schedules:
    'lr_scheduler LRScheduler ReduceLROnPlateau reduce_on_plateau num_bad_epochs cooldown_counter StepLR MultiStepLR ExponentialLR CosineAnnealingLR CosineAnnealingWarmRestarts OneCycleLR CyclicLR LinearLR PolynomialLR SequentialLR ChainedScheduler warmup_cosine_decay_schedule cosine_decay_schedule join_schedules piecewise_constant_schedule exponential_decay',
  rules:
    'optimizers AdamW NAdam RAdam Adagrad Adadelta Adamax RMSprop Rprop ASGD SGD LBFGS Adafactor Muon Lion LAMB LARS contrib.schedule_free inject_hyperparams',
  equations: 'custom optimizer GradientTransformation scale_by_adam chain user-defined update rule',
  minimize:
    'scipy.optimize.minimize fmin_l_bfgs_b L-BFGS-B OptimizeResult jac nit nfev njev approx_fprime check_grad hess_inv numdifftools numerical Hessian nlopt opt set_min_objective set_lower_bounds set_xtol_rel LD_LBFGS gtol ftol',
  objectives: 'test functions benchmark rosen rosen_der',
  expressions:
    'autograd automatic differentiation jax.grad vmap asteval ExpressionModel multistart MLSL basinhopping',
  recurrences:
    'arch arch_model GARCH statsmodels tsa ARIMA SARIMAX ExponentialSmoothing UnobservedComponents KalmanFilter hmmlearn lax.scan rugarch forecast',
  sweep: 'hyperparameter search grid search random search brute Optuna Ray Tune',
  fits: 'curve_fit least_squares leastsq popt pcov absolute_sigma max_nfev x_scale lmfit Model Parameters minimize report_fit redchi chisqr nvarys nfree ndata varys Minimizer guess make_params nan_policy active_mask df_resid nobs f_scale soft_l1 method lm trf dogbox',
  'fits-models':
    'lmfit GaussianModel LorentzianModel VoigtModel PseudoVoigtModel ExponentialModel guess make_params EC50 IC50 4PL 5PL drc dose-response curve enzyme kinetics baseline peak fitting',
  'fits-errors':
    'conf_interval conf_interval2d profile likelihood MINOS minos mncontour eval_uncertainty stderr bootstrap confidence band prediction interval nuisance parameters',
  'fits-functions': 'jac Dfun diff_step epsfcn finite differences num_derivative 2-point 3-point',
  'fits-shared':
    'global fit simultaneous fitting shared local parameters variable projection varpro TOMS 741',
  'fits-compare':
    'F test ftest anova AICc akaike weights GLS generalized least squares ODR IRLS model selection',
  'fits-outliers': 'ROUT rlm nlrob get_influence hat_matrix_diag resid_studentized rstudent rstandard',
  'fits-tables': 'fit_report summary tidy broom augment glance to_csv write.csv read_csv pandas DataFrame',
  'fits-unknowns': 'drc ED invest calibrate investr inverse.predict chemCal inversion Fieller',
  engines: 'device backend cuda compile jit foreach fused',
  numerics: 'determinism reproducibility use_deterministic_algorithms manual_seed float16 bfloat16 eps',
  functions: 'autograd jit trace tf.function gpu.js TSL toString acorn closure automatic differentiation',
  'same-bits':
    'numpy.random default_rng scipy.special erf gammaln psi voigt_profile ndtr ndtri vectorize ufunc out seedrandom mathjs',
  threads: 'set_num_threads num_threads Web Workers SharedArrayBuffer',
  files: 'torch.save torch.load state_dict safetensors save_file load_file checkpoint orbax',
  tfjs: 'tf.train.Optimizer applyGradients computeGradients variableGrads',
  chunks: 'distributed Slurm array jobs dask joblib map cluster scheduler',
  errors: 'exceptions ValueError RuntimeError error messages',
}
