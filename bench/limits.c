// Hardware limits for the benchmarks. Adam, momentum, and the updates of some rows of a table are hand-written with
// intrinsics. Other passes move the same streams with trivial arithmetic, or compute only divisions and roots. The last
// limit is many runs of one function.
//
// This Node addon needs no headers: bench/lib/limits.mjs compiles it with `cc` alone. The option -ffp-contract=off
// is necessary, because compilers fuse even intrinsics. A job is created once, with its addresses, and then run by
// its index, so that a call costs as little as a call of antigrad's addon.
#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#if defined(__x86_64__)
#include <immintrin.h>
#define TARGET(set) __attribute__((target(set)))
#else
#define TARGET(set)
#endif
#define INLINE static inline __attribute__((always_inline))

// Declarations of the few used functions of Node-API, whose ABI is stable.
typedef struct napi_env__ *napi_env;
typedef struct napi_value__ *napi_value;
typedef struct napi_info__ *napi_info;
typedef napi_value (*napi_callback)(napi_env, napi_info);
typedef void (*napi_finalize)(napi_env, void *, void *);
int napi_get_cb_info(napi_env, napi_info, size_t *, napi_value *, napi_value *, void **);
int napi_get_typedarray_info(napi_env, napi_value, int *, size_t *, void **, napi_value *, size_t *);
int napi_get_value_double(napi_env, napi_value, double *);
int napi_create_double(napi_env, double, napi_value *);
int napi_create_function(napi_env, const char *, size_t, napi_callback, void *, napi_value *);
int napi_set_named_property(napi_env, napi_value, const char *, napi_value);
int napi_create_external_arraybuffer(napi_env, void *, size_t, napi_finalize, void *, napi_value *);
int napi_throw_error(napi_env, const char *, const char *);

enum { STREAMS = 8 };
typedef struct Job Job;
typedef void (*Run)(const Job *);
struct Job {
  Run run;
  char *stream[STREAMS];
  size_t bytes; // Length of a stream in whole cache lines, including a tensor's padding.
  const void *row;
  const uint32_t *indices; // Row indices for all streams except the gradient, whose rows are contiguous.
  size_t count, columns;
};

// ---- Passes: reads and writes of whole vectors that change no bit. ----

// Makes a loaded value opaque to the compiler, so that it removes neither the load nor the store of the same value.
// A test counts both.
#if defined(__aarch64__)
#define LOADED(vector) __asm__ volatile("" : "+w"(vector))
#else
#define LOADED(vector) __asm__ volatile("" : "+x"(vector))
#endif

enum { MOST_READ = 6 };
#define EACH_PASS(of, name, target)                                                                   \
  of(name, target, 1, 1) of(name, target, 2, 1) of(name, target, 2, 2) of(name, target, 3, 1)         \
  of(name, target, 3, 2) of(name, target, 3, 3) of(name, target, 4, 1) of(name, target, 4, 2)         \
  of(name, target, 4, 3) of(name, target, 4, 4) of(name, target, 5, 1) of(name, target, 5, 2)         \
  of(name, target, 5, 3) of(name, target, 5, 4) of(name, target, 5, 5) of(name, target, 6, 1)         \
  of(name, target, 6, 2) of(name, target, 6, 3) of(name, target, 6, 4) of(name, target, 6, 5)         \
  of(name, target, 6, 6)
#define PASS_OF(name, target, reads, writes)                                                          \
  target static void name##_##reads##_##writes(const Job *job) { name##_mix(job, reads, writes); }
#define PASS_IN(name, target, reads, writes) [reads][writes] = name##_##reads##_##writes,

#define PASS(name, width, target)                                                                     \
  typedef uint32_t name##_vector __attribute__((vector_size(width), aligned(width), may_alias));      \
  target INLINE void name##_mix(const Job *job, int reads, int writes) {                              \
    char *s[STREAMS];                                                                                 \
    for (int k = 0; k < reads; k++) s[k] = job->stream[k];                                            \
    size_t bytes = job->bytes;                                                                        \
    for (size_t at = 0; at < bytes; at += 64)                                                         \
      for (size_t in = 0; in < 64; in += width)                                                       \
        for (int k = reads; k-- > 0;) {                                                               \
          name##_vector *place = (name##_vector *)(s[k] + at + in), vector = *place;                  \
          LOADED(vector);                                                                             \
          if (k < writes) *place = vector;                                                            \
        }                                                                                             \
  }                                                                                                   \
  EACH_PASS(PASS_OF, name, target)                                                                    \
  static const Run name[MOST_READ + 1][MOST_READ + 1] = {EACH_PASS(PASS_IN, name, )};

PASS(pass128, 16, )
#if defined(__x86_64__)
PASS(pass256, 32, TARGET("avx2"))
PASS(pass512, 64, TARGET("avx512f"))
#endif

// ---- Hand-written Adam (streams θ, m, v, g) and momentum (streams θ, v, g). ----

#if defined(__x86_64__)
// NONZERO_DIV: a / b, but +0 if b is exactly 0.
#define NONZERO_DIV_512(t, a, b) \
  _mm512_maskz_div_##t(_mm512_cmp_##t##_mask(b, _mm512_setzero_##t(), _CMP_NEQ_UQ), a, b)
#define NONZERO_DIV_256(t, a, b) \
  _mm256_and_##t(_mm256_cmp_##t(b, _mm256_setzero_##t(), _CMP_NEQ_UQ), _mm256_div_##t(a, b))
#define ZERO_512(t) _mm512_setzero_##t()
#define ZERO_256(t) _mm256_setzero_##t()

// Loops are unrolled, with UNROLL vectors in flight.
#define HAND(name, bits, t, scalar, vector, target, UNROLL)                                           \
  target INLINE void name##_adam_over(scalar *theta, scalar *m, scalar *v, const scalar *g, size_t n, \
                                      const vector *row) {                                            \
    vector decay = row[0], c1 = row[1], c2 = row[2], eps = row[3];                                    \
    vector b1 = row[4], o1 = row[5], b2 = row[6], o2 = row[7];                                        \
    size_t lanes = sizeof(vector) / sizeof(scalar);                                                   \
    _Pragma(UNROLL) for (size_t i = 0; i < n; i += lanes) {                                           \
      vector gi = _mm##bits##_load_##t(g + i);                                                        \
      vector mi = _mm##bits##_add_##t(_mm##bits##_mul_##t(b1, _mm##bits##_load_##t(m + i)),           \
                                      _mm##bits##_mul_##t(o1, gi));                                   \
      vector vi = _mm##bits##_add_##t(_mm##bits##_mul_##t(b2, _mm##bits##_load_##t(v + i)),           \
                                      _mm##bits##_mul_##t(o2, _mm##bits##_mul_##t(gi, gi)));          \
      _mm##bits##_store_##t(m + i, mi);                                                               \
      _mm##bits##_store_##t(v + i, vi);                                                               \
      vector d = _mm##bits##_add_##t(_mm##bits##_mul_##t(_mm##bits##_sqrt_##t(vi), c2), eps);         \
      vector q = NONZERO_DIV_##bits(t, _mm##bits##_mul_##t(c1, mi), d);                               \
      vector x = _mm##bits##_mul_##t(_mm##bits##_load_##t(theta + i), decay);                         \
      _mm##bits##_store_##t(theta + i, _mm##bits##_sub_##t(x, q));                                    \
    }                                                                                                 \
  }                                                                                                   \
  target static void name##_adam(const Job *job) {                                                    \
    vector row[8];                                                                                    \
    for (int k = 0; k < 8; k++) row[k] = _mm##bits##_set1_##t(((const scalar *)job->row)[k]);         \
    name##_adam_over((scalar *)job->stream[0], (scalar *)job->stream[1], (scalar *)job->stream[2],    \
                     (scalar *)job->stream[3], job->bytes / sizeof(scalar), row);                     \
  }                                                                                                   \
  target static void name##_adam_rows(const Job *job) {                                               \
    vector row[8];                                                                                    \
    for (int k = 0; k < 8; k++) row[k] = _mm##bits##_set1_##t(((const scalar *)job->row)[k]);         \
    for (size_t k = 0; k < job->count; k++) {                                                         \
      size_t at = job->indices[k] * job->columns;                                                     \
      name##_adam_over((scalar *)job->stream[0] + at, (scalar *)job->stream[1] + at,                  \
                       (scalar *)job->stream[2] + at, (scalar *)job->stream[3] + k * job->columns,    \
                       job->columns, row);                                                            \
    }                                                                                                 \
  }                                                                                                   \
  /* Streams: θ, s, g. Coefficients: decay, η, c, ε. */                                               \
  target static void name##_adagrad_rows(const Job *job) {                                            \
    vector row[4];                                                                                    \
    for (int k = 0; k < 4; k++) row[k] = _mm##bits##_set1_##t(((const scalar *)job->row)[k]);         \
    size_t lanes = sizeof(vector) / sizeof(scalar), columns = job->columns;                           \
    for (size_t k = 0; k < job->count; k++) {                                                         \
      scalar *theta = (scalar *)job->stream[0] + job->indices[k] * columns;                           \
      scalar *s = (scalar *)job->stream[1] + job->indices[k] * columns;                               \
      const scalar *g = (scalar *)job->stream[2] + k * columns;                                       \
      _Pragma(UNROLL) for (size_t i = 0; i < columns; i += lanes) {                                   \
        vector gi = _mm##bits##_load_##t(g + i);                                                      \
        vector si = _mm##bits##_add_##t(_mm##bits##_load_##t(s + i), _mm##bits##_mul_##t(gi, gi));    \
        _mm##bits##_store_##t(s + i, si);                                                             \
        vector d = _mm##bits##_add_##t(_mm##bits##_sqrt_##t(_mm##bits##_mul_##t(row[2], si)), row[3]);\
        vector q = _mm##bits##_mul_##t(row[1], NONZERO_DIV_##bits(t, gi, d));                         \
        vector x = _mm##bits##_mul_##t(_mm##bits##_load_##t(theta + i), row[0]);                      \
        _mm##bits##_store_##t(theta + i, _mm##bits##_sub_##t(x, q));                                  \
      }                                                                                               \
    }                                                                                                 \
  }                                                                                                   \
  target static void name##_momentum(const Job *job) {                                                \
    scalar *theta = (scalar *)job->stream[0], *v = (scalar *)job->stream[1];                          \
    scalar *g = (scalar *)job->stream[2];                                                             \
    const scalar *row = job->row;                                                                     \
    vector lr = _mm##bits##_set1_##t(row[0]), alpha = _mm##bits##_set1_##t(row[1]);                   \
    size_t lanes = sizeof(vector) / sizeof(scalar), n = job->bytes / sizeof(scalar);                  \
    _Pragma(UNROLL) for (size_t i = 0; i < n; i += lanes) {                                           \
      vector vi = _mm##bits##_sub_##t(_mm##bits##_mul_##t(alpha, _mm##bits##_load_##t(v + i)),        \
                                      _mm##bits##_mul_##t(lr, _mm##bits##_load_##t(g + i)));          \
      _mm##bits##_store_##t(v + i, vi);                                                               \
      _mm##bits##_store_##t(theta + i, _mm##bits##_add_##t(_mm##bits##_load_##t(theta + i), vi));     \
    }                                                                                                 \
  }                                                                                                   \
  /* 1024 times eight independent vectors in registers; row[0] is 1, so values stay as they are. */   \
  target static void name##_divide(const Job *job) {                                                  \
    vector x[8], one = _mm##bits##_set1_##t(((const scalar *)job->row)[0]);                           \
    for (int k = 0; k < 8; k++) x[k] = _mm##bits##_load_##t((scalar *)(job->stream[0] + 64 * k));     \
    for (int i = 0; i < 1024; i++)                                                                    \
      for (int k = 0; k < 8; k++) x[k] = _mm##bits##_div_##t(x[k], one);                              \
    for (int k = 0; k < 8; k++) _mm##bits##_store_##t((scalar *)(job->stream[0] + 64 * k), x[k]);     \
  }                                                                                                   \
  target static void name##_root(const Job *job) {                                                    \
    vector x[8];                                                                                      \
    for (int k = 0; k < 8; k++) x[k] = _mm##bits##_load_##t((scalar *)(job->stream[0] + 64 * k));     \
    for (int i = 0; i < 1024; i++)                                                                    \
      for (int k = 0; k < 8; k++) x[k] = _mm##bits##_sqrt_##t(x[k]);                                  \
    for (int k = 0; k < 8; k++) _mm##bits##_store_##t((scalar *)(job->stream[0] + 64 * k), x[k]);     \
  }                                                                                                   \
  static const Run name[] = {name##_adam,   name##_momentum,  name##_divide,                             \
                             name##_root,   name##_adam_rows, name##_adagrad_rows};

HAND(hand256f32, 256, ps, float, __m256, TARGET("avx2"), "GCC unroll 4")
HAND(hand256f64, 256, pd, double, __m256d, TARGET("avx2"), "GCC unroll 4")
HAND(hand512f32, 512, ps, float, __m512, TARGET("avx512f"), "GCC unroll 2")
HAND(hand512f64, 512, pd, double, __m512d, TARGET("avx512f"), "GCC unroll 2")
#endif

// ---- Many runs of Adam on Rosenbrock's function in float32, compiled for this function alone. ----

typedef struct Runs {
  float *x, *y;         // Starting points of the runs, which become their end points.
  uint32_t *iterations; // Number of updates of each run.
  size_t count, most;
  const float *rows; // Coefficients per update: d, c1, c2, ε, β₁, 1−β₁, β₂, 1−β₂.
  double tolerance;
} Runs;

enum { LANES = 1024 }; // Number of runs that advance together. Their nine arrays take 36 KiB.

typedef struct Lanes {
  _Alignas(64) float x[LANES], y[LANES], mx[LANES], my[LANES], vx[LANES], vy[LANES], gx[LANES], gy[LANES];
  _Alignas(64) int ends[LANES];
  uint32_t run[LANES];
} Lanes;

static int width(void) {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512f") ? 512 : __builtin_cpu_supports("avx2") ? 256 : 128;
#else
  return 128;
#endif
}

#define GRADIENT(x, y)                                                                                \
  float w = 100 * (y - x * x), gy = w + w, p = x * gy, r = 1 - x, gx = (-p - p) - (r + r);

// Adam's step of one parameter, with the same operations as antigrad, so that the bits are the same.
#define STEP(theta, m, v, g)                                                                          \
  m = row[4] * m + row[5] * g;                                                                        \
  v = row[6] * v + row[7] * (g * g);                                                                  \
  float divisor_##g = __builtin_sqrtf(v) * row[2] + row[3], step_##g = row[1] * m / divisor_##g;      \
  theta = theta * row[0] - (divisor_##g == 0 ? 0 : step_##g);

/// Updates all lanes, in a loop that the compiler vectorizes. Returns whether a run may have ended, because its step
/// is short or not finite.
INLINE int update(Lanes *restrict lanes, const float *row, float tolerance, size_t whole) {
  int found = 0;
  for (size_t i = 0; i < whole; i++) {
    float x = lanes->x[i], y = lanes->y[i], xn = x, yn = y;
    GRADIENT(x, y)
    STEP(xn, lanes->mx[i], lanes->vx[i], gx)
    STEP(yn, lanes->my[i], lanes->vy[i], gy)
    float dx = __builtin_fabsf(xn - x), dy = __builtin_fabsf(yn - y);
    int ends = ((dx > dy ? dx : dy) < tolerance ? 1 : 0) | (dx + dy < __builtin_inff() ? 0 : 1);
    found |= ends;
    lanes->ends[i] = ends;
    lanes->gx[i] = gx, lanes->gy[i] = gy, lanes->x[i] = xn, lanes->y[i] = yn;
  }
  return found;
}

/// Whether the gradient vanishes within 100 tolerances, like isAtRest in ts/minimize/convergence.ts.
static bool is_at_rest(const Lanes *lanes, size_t lane, double tolerance) {
  float at[2] = {lanes->x[lane], lanes->y[lane]}, g[2] = {lanes->gx[lane], lanes->gy[lane]}, near[2];
  double reach[2], answer[2], direction[2] = {g[0] > 0 ? -1 : 1, g[1] > 0 ? -1 : 1};
  double size = fmax(fabs(g[0]), fabs(g[1]));
  for (int k = 0; k < 2; k++) reach[k] = 100 * fmax(tolerance, 1.1920928955078125e-7 * fabs(at[k]));
  if (size == 0) return true;
  for (int probe = 0; probe < 3; probe++) {
    for (int k = 0; k < 2; k++) near[k] = (float)(at[k] + direction[k] * reach[k]);
    GRADIENT(near[0], near[1])
    answer[0] = (double)gx - g[0], answer[1] = (double)gy - g[1];
    if (fmax(fabs(answer[0]), fabs(answer[1])) >= size) return true;
    for (int k = 0; k < 2; k++) direction[k] = answer[k] < 0 ? -1 : 1;
  }
  return false;
}

/// Copies a lane to another one.
INLINE void copy_lane(Lanes *lanes, size_t to, size_t from) {
  lanes->x[to] = lanes->x[from], lanes->mx[to] = lanes->mx[from], lanes->vx[to] = lanes->vx[from];
  lanes->y[to] = lanes->y[from], lanes->my[to] = lanes->my[from], lanes->vy[to] = lanes->vy[from];
  lanes->run[to] = lanes->run[from];
}

/// Advances all runs. A run ends with a short step and a vanishing gradient, or with a step that is not finite. The
/// last live run then moves to its lane.
INLINE void advance(const Runs *runs) {
  static Lanes lanes;
  for (size_t first = 0; first < runs->count; first += LANES) {
    size_t live = runs->count - first < LANES ? runs->count - first : LANES;
    memset(&lanes, 0, sizeof lanes);
    for (size_t i = 0; i < LANES; i++) {
      lanes.run[i] = (uint32_t)(i < live ? first + i : first);
      lanes.x[i] = runs->x[lanes.run[i]], lanes.y[i] = runs->y[lanes.run[i]];
    }
    for (size_t t = 1; live > 0; t++) {
      size_t whole = (live + 15) / 16 * 16;
      int found = update(&lanes, runs->rows + 8 * (t - 1), (float)runs->tolerance, whole);
      if (!found && t < runs->most) continue;
      for (size_t i = live; i-- > 0;) {
        if (t < runs->most && !(lanes.ends[i] && is_at_rest(&lanes, i, runs->tolerance))) continue;
        uint32_t run = lanes.run[i];
        runs->x[run] = lanes.x[i], runs->y[run] = lanes.y[i], runs->iterations[run] = (uint32_t)t;
        copy_lane(&lanes, i, --live);
      }
      // Lanes that pad the last vector repeat the first run, and their results are ignored.
      for (size_t i = live; i < whole; i++) copy_lane(&lanes, i, 0);
    }
  }
}

static void many128(const Runs *runs) { advance(runs); }
#if defined(__x86_64__)
TARGET("avx2") static void many256(const Runs *runs) { advance(runs); }
TARGET("avx512f,prefer-vector-width=512") static void many512(const Runs *runs) { advance(runs); }
#endif

// ---- Exported functions. ----

static Job jobs[1 << 16];
static uint32_t job_count = 0;

static size_t arguments(napi_env env, napi_info info, napi_value *into, size_t most) {
  napi_get_cb_info(env, info, &most, into, NULL, NULL);
  return most;
}

static double number(napi_env env, napi_value value) {
  double x = 0;
  napi_get_value_double(env, value, &x);
  return x;
}

static napi_value answer(napi_env env, double x) {
  napi_value value = NULL;
  napi_create_double(env, x, &value);
  return value;
}

/// width(): width of the widest used vectors, in bits.
static napi_value call_width(napi_env env, napi_info info) {
  (void)info;
  return answer(env, width());
}

/// job(kind, writes, row, ...streams): creates a job and returns its index. Kind 0 is a pass that writes its first
/// `writes` streams, 1 Adam, 2 momentum, 3 divisions, 4 roots, 5 Adam by row, and 6 Adagrad by row. The caller must
/// keep the arrays alive.
static napi_value call_job(napi_env env, napi_info info) {
  napi_value given[3 + STREAMS];
  size_t count = arguments(env, info, given, 3 + STREAMS);
  int kind = (int)number(env, given[0]), writes = (int)number(env, given[1]), type = 0;
  size_t length = 0;
  Job *job = &jobs[job_count];
  napi_get_typedarray_info(env, given[2], NULL, NULL, (void **)&job->row, NULL, NULL);
  if (count > 3 + STREAMS) count = 3 + STREAMS;
  for (size_t k = 3; k < count; k++)
    napi_get_typedarray_info(env, given[k], &type, &length, (void **)&job->stream[k - 3], NULL, NULL);
  bool is_double = type == 8; // napi_float64_array
  job->bytes = (length * (is_double ? 8 : 4) + 63) / 64 * 64;
  job->run = NULL;
  int bits = width();
  (void)bits;
  int reads = (int)count - 3;
  if (kind == 0 && writes >= 1 && writes <= reads && reads <= MOST_READ) {
    job->run = pass128[reads][writes];
#if defined(__x86_64__)
    if (bits >= 256) job->run = pass256[reads][writes];
    if (bits >= 512) job->run = pass512[reads][writes];
  } else if (kind >= 1 && kind <= 6 && bits >= 256) {
    if (bits >= 512) job->run = (is_double ? hand512f64 : hand512f32)[kind - 1];
    else job->run = (is_double ? hand256f64 : hand256f32)[kind - 1];
#endif
  }
  if (job->run == NULL || job_count + 1 == sizeof jobs / sizeof *jobs) {
    napi_throw_error(env, NULL, "there is no such job on this processor");
    return NULL;
  }
  return answer(env, job_count++);
}

/// rows(job, indices, columns): sets the rows of a job by row, as a Uint32Array. Call it again to change the rows.
static napi_value call_rows(napi_env env, napi_info info) {
  napi_value given[3];
  arguments(env, info, given, 3);
  Job *job = &jobs[(uint32_t)number(env, given[0])];
  napi_get_typedarray_info(env, given[1], NULL, &job->count, (void **)&job->indices, NULL, NULL);
  job->columns = (size_t)number(env, given[2]);
  return NULL;
}

/// run(job, times): runs a job several times.
static napi_value call_run(napi_env env, napi_info info) {
  napi_value given[2];
  arguments(env, info, given, 2);
  const Job *job = &jobs[(uint32_t)number(env, given[0])];
  for (int64_t left = (int64_t)number(env, given[1]); left > 0; left--) job->run(job);
  return NULL;
}

static void *run_part(void *job) {
  ((const Job *)job)->run(job);
  return NULL;
}

/// runOn(job, threads): runs a job once, divided among threads, which are started for each call.
static napi_value call_run_on(napi_env env, napi_info info) {
  napi_value given[2];
  arguments(env, info, given, 2);
  const Job *job = &jobs[(uint32_t)number(env, given[0])];
  enum { MOST = 64 };
  Job parts[MOST];
  pthread_t threads[MOST];
  size_t count = (size_t)number(env, given[1]), lines = job->bytes / 64, first = 0;
  if (count < 1 || count > MOST) count = 1;
  for (size_t k = 0; k < count; k++) {
    size_t next = lines * (k + 1) / count;
    parts[k] = *job;
    parts[k].bytes = (next - first) * 64;
    for (int s = 0; s < STREAMS; s++) parts[k].stream[s] = job->stream[s] + first * 64;
    first = next;
  }
  size_t started = 1;
  for (; started < count; started++)
    if (pthread_create(&threads[started], NULL, run_part, &parts[started]) != 0) break;
  for (size_t k = started; k < count; k++) run_part(&parts[k]);
  run_part(&parts[0]);
  for (size_t k = 1; k < started; k++) pthread_join(threads[k], NULL);
  return NULL;
}

/// rosenbrock(x, y, iterations, rows, tolerance, bits): runs Adam from all points and overwrites x and y with the ends.
static napi_value call_rosenbrock(napi_env env, napi_info info) {
  napi_value given[6];
  arguments(env, info, given, 6);
  Runs runs = {.tolerance = number(env, given[4])};
  size_t numbers = 0;
  napi_get_typedarray_info(env, given[0], NULL, &runs.count, (void **)&runs.x, NULL, NULL);
  napi_get_typedarray_info(env, given[1], NULL, NULL, (void **)&runs.y, NULL, NULL);
  napi_get_typedarray_info(env, given[2], NULL, NULL, (void **)&runs.iterations, NULL, NULL);
  napi_get_typedarray_info(env, given[3], NULL, &numbers, (void **)&runs.rows, NULL, NULL);
  runs.most = numbers / 8;
  int bits = (int)number(env, given[5]);
  if (bits > width()) bits = width();
#if defined(__x86_64__)
  if (bits >= 512) return many512(&runs), NULL;
  if (bits >= 256) return many256(&runs), NULL;
#endif
  many128(&runs);
  return NULL;
}

static void release(napi_env env, void *data, void *hint) {
  (void)env, (void)hint;
  free(data);
}

/// memory(bytes, huge): allocates memory in C, with huge pages if requested and available.
static napi_value call_memory(napi_env env, napi_info info) {
  napi_value given[2], buffer = NULL;
  arguments(env, info, given, 2);
  size_t page = 1 << 21, bytes = ((size_t)number(env, given[0]) + page - 1) / page * page;
  char *data = NULL;
  if (posix_memalign((void **)&data, page, bytes) != 0) {
    napi_throw_error(env, NULL, "no memory");
    return NULL;
  }
#if defined(__linux__)
  madvise(data, bytes, number(env, given[1]) ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
#endif
  memset(data, 0, bytes);
  napi_create_external_arraybuffer(env, data, bytes, release, NULL, &buffer);
  return buffer;
}

static void export(napi_env env, napi_value exports, const char *name, napi_callback callback) {
  napi_value function = NULL;
  napi_create_function(env, name, strlen(name), callback, NULL, &function);
  napi_set_named_property(env, exports, name, function);
}

__attribute__((visibility("default"))) napi_value napi_register_module_v1(napi_env env, napi_value exports) {
  export(env, exports, "width", call_width);
  export(env, exports, "job", call_job);
  export(env, exports, "rows", call_rows);
  export(env, exports, "run", call_run);
  export(env, exports, "runOn", call_run_on);
  export(env, exports, "memory", call_memory);
  export(env, exports, "rosenbrock", call_rosenbrock);
  return exports;
}
