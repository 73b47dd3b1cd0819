//! SSE2, which every x86-64 processor has: four float32 or two float64.

use super::vector;
use std::arch::x86_64::*;

vector! {
    F32x4(__m128), f32, 4;
    splat: _mm_set1_ps, load(p): _mm_loadu_ps(p), store(p, x): _mm_storeu_ps(p, x),
    add: _mm_add_ps, sub: _mm_sub_ps, mul: _mm_mul_ps, div: _mm_div_ps, sqrt: _mm_sqrt_ps,
    greater(a, b, yes, no): select_ps(_mm_cmpgt_ps(a, b), yes, no),
    zero(a, yes, no): select_ps(_mm_cmpeq_ps(a, _mm_setzero_ps()), yes, no),
    min(a, b): _mm_min_ps(a, b), max(a, b): _mm_max_ps(a, b),
    unless(q, d): _mm_andnot_ps(_mm_cmpeq_ps(d, _mm_setzero_ps()), q),
    any(a, b): _mm_movemask_ps(_mm_cmpgt_ps(a, b)) != 0,
    bits: _mm_castps_si128, _mm_castsi128_ps,
    widen(x) -> F64x2, 2: [F64x2(_mm_cvtps_pd(x.0)), F64x2(_mm_cvtps_pd(_mm_movehl_ps(x.0, x.0)))],
    and: _mm_and_si128, xor: _mm_xor_si128, add_bits: _mm_add_epi32, sub_bits: _mm_sub_epi32,
    shl(a, n): _mm_sll_epi32(a, _mm_cvtsi32_si128(n as i32)),
    shr(a, n): _mm_srl_epi32(a, _mm_cvtsi32_si128(n as i32)),
}

vector! {
    F64x2(__m128d), f64, 2;
    splat: _mm_set1_pd, load(p): _mm_loadu_pd(p), store(p, x): _mm_storeu_pd(p, x),
    add: _mm_add_pd, sub: _mm_sub_pd, mul: _mm_mul_pd, div: _mm_div_pd, sqrt: _mm_sqrt_pd,
    greater(a, b, yes, no): select_pd(_mm_cmpgt_pd(a, b), yes, no),
    zero(a, yes, no): select_pd(_mm_cmpeq_pd(a, _mm_setzero_pd()), yes, no),
    min(a, b): _mm_min_pd(a, b), max(a, b): _mm_max_pd(a, b),
    unless(q, d): _mm_andnot_pd(_mm_cmpeq_pd(d, _mm_setzero_pd()), q),
    any(a, b): _mm_movemask_pd(_mm_cmpgt_pd(a, b)) != 0,
    bits: _mm_castpd_si128, _mm_castsi128_pd,
    widen(x) -> F64x2, 1: [x, x],
    and: _mm_and_si128, xor: _mm_xor_si128, add_bits: _mm_add_epi64, sub_bits: _mm_sub_epi64,
    shl(a, n): _mm_sll_epi64(a, _mm_cvtsi32_si128(n as i32)),
    shr(a, n): _mm_srl_epi64(a, _mm_cvtsi32_si128(n as i32)),
}

#[inline(always)]
fn select_ps(mask: __m128, yes: __m128, no: __m128) -> __m128 {
    // SAFETY: SSE2 is part of x86-64.
    let [yes, no] = [unsafe { _mm_and_ps(mask, yes) }, unsafe { _mm_andnot_ps(mask, no) }];
    // SAFETY: see above.
    unsafe { _mm_or_ps(yes, no) }
}

#[inline(always)]
fn select_pd(mask: __m128d, yes: __m128d, no: __m128d) -> __m128d {
    // SAFETY: SSE2 is part of x86-64.
    let [yes, no] = [unsafe { _mm_and_pd(mask, yes) }, unsafe { _mm_andnot_pd(mask, no) }];
    // SAFETY: see above.
    unsafe { _mm_or_pd(yes, no) }
}
