// NLopt's LD_LBFGS on Rosenbrock's function, without any callback of Python. The library is linked at run time: lbfgs_c.py
// loads it from the package nlopt, whose header is not installed.
#include <stddef.h>
#include <time.h>

typedef struct nlopt_opt_s *nlopt_opt;
typedef double (*nlopt_func)(unsigned n, const double *x, double *gradient, void *data);
nlopt_opt nlopt_create(int algorithm, unsigned n);
void nlopt_destroy(nlopt_opt opt);
int nlopt_set_min_objective(nlopt_opt opt, nlopt_func f, void *data);
int nlopt_set_lower_bounds1(nlopt_opt opt, double bound);
int nlopt_set_upper_bounds1(nlopt_opt opt, double bound);
int nlopt_set_vector_storage(nlopt_opt opt, unsigned count);
int nlopt_set_ftol_rel(nlopt_opt opt, double tolerance);
int nlopt_optimize(nlopt_opt opt, double *x, double *value);
int nlopt_algorithm_from_string(const char *name);

static long evaluations;

static double valley(unsigned n, const double *x, double *gradient, void *data) {
  double value = 0;
  (void)data;
  evaluations++;
  if (gradient != NULL)
    for (unsigned i = 0; i < n; i++) gradient[i] = 0;
  for (unsigned i = 0; i + 1 < n; i++) {
    const double rest = 1 - x[i], curve = x[i + 1] - x[i] * x[i];
    value += rest * rest + 100 * curve * curve;
    if (gradient == NULL) continue;
    gradient[i] -= 2 * rest + 400 * x[i] * curve;
    gradient[i + 1] += 200 * curve;
  }
  return value;
}

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return now.tv_sec + 1e-9 * now.tv_nsec;
}

// Minimizes from `runs` starts of n parameters. The first two numbers of `out` are the seconds and the count of
// evaluations of all runs. The third is the time of as many evaluations alone. The last is the count of runs that end at
// a minimum.
void measure(int runs, unsigned n, int isBounded, const double *starts, double *out) {
  double x[64], gradient[64], sum = 0;
  const int algorithm = nlopt_algorithm_from_string("LD_LBFGS");
  int reached = 0;
  evaluations = 0;
  const double begin = seconds();
  for (int run = 0; run < runs; run++) {
    double value;
    nlopt_opt opt = nlopt_create(algorithm, n);
    nlopt_set_min_objective(opt, valley, NULL);
    if (isBounded) {
      nlopt_set_lower_bounds1(opt, -2);
      nlopt_set_upper_bounds1(opt, 2);
    }
    nlopt_set_vector_storage(opt, 10);
    nlopt_set_ftol_rel(opt, 1e-15);
    for (unsigned i = 0; i < n; i++) x[i] = starts[run * n + i];
    nlopt_optimize(opt, x, &value);
    nlopt_destroy(opt);
    if (value < 1e-10 || (value > 3.9 && value < 4)) reached++;
  }
  out[0] = seconds() - begin;
  const long count = evaluations;
  const double alone = seconds();
  for (long k = 0; k < count; k++) {
    const double *start = starts + (k % runs) * n;
    sum += valley(n, start, gradient, NULL) + gradient[0];
  }
  out[2] = seconds() - alone;
  out[1] = count;
  out[3] = sum == 0.5 ? -1 : reached;
}
