//! AVX2: eight float32 or four float64.

use super::vector;
use std::arch::x86_64::*;

/// All bits of the first `count` lanes, of the given bytes per lane.
///
/// # Safety
/// AVX2 must be available, and `count` must not exceed the lanes of a vector.
#[inline(always)]
unsafe fn mask_of(count: usize, bytes: usize) -> __m256i {
    static ENDS: [i64; 8] = [-1, -1, -1, -1, 0, 0, 0, 0];
    // SAFETY: the caller guarantees that the lanes are 32 bytes at most, so this is one of the first 33 of 64.
    let from = unsafe { ENDS.as_ptr().byte_add(32 - count * bytes) };
    // SAFETY: from there on there are 32 bytes, and the caller guarantees AVX2.
    unsafe { _mm256_loadu_si256(from.cast()) }
}

vector! {
    F32x8(__m256), f32, 8;
    splat: _mm256_set1_ps, load(p): _mm256_loadu_ps(p), store(p, x): _mm256_storeu_ps(p, x),
    add: _mm256_add_ps, sub: _mm256_sub_ps, mul: _mm256_mul_ps, div: _mm256_div_ps, sqrt: _mm256_sqrt_ps,
    greater(a, b, yes, no): _mm256_blendv_ps(no, yes, _mm256_cmp_ps::<_CMP_GT_OQ>(a, b)),
    zero(a, yes, no): _mm256_blendv_ps(no, yes, _mm256_cmp_ps::<_CMP_EQ_OQ>(a, _mm256_setzero_ps())),
    min(a, b): _mm256_min_ps(a, b), max(a, b): _mm256_max_ps(a, b),
    unless(q, d): _mm256_andnot_ps(_mm256_cmp_ps::<_CMP_EQ_OQ>(d, _mm256_setzero_ps()), q),
    any(a, b): _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(a, b)) != 0,
    bits: _mm256_castps_si256, _mm256_castsi256_ps,
    widen(x) -> F64x4, 2: [
        F64x4(_mm256_cvtps_pd(_mm256_castps256_ps128(x.0))),
        F64x4(_mm256_cvtps_pd(_mm256_extractf128_ps::<1>(x.0))),
    ],
    and: _mm256_and_si256, xor: _mm256_xor_si256, add_bits: _mm256_add_epi32, sub_bits: _mm256_sub_epi32,
    shl(a, n): _mm256_sll_epi32(a, _mm_cvtsi32_si128(n as i32)),
    shr(a, n): _mm256_srl_epi32(a, _mm_cvtsi32_si128(n as i32)),
    load_some(p, n): _mm256_maskload_ps(p, mask_of(n.min(8), 4)),
}

vector! {
    F64x4(__m256d), f64, 4;
    splat: _mm256_set1_pd, load(p): _mm256_loadu_pd(p), store(p, x): _mm256_storeu_pd(p, x),
    add: _mm256_add_pd, sub: _mm256_sub_pd, mul: _mm256_mul_pd, div: _mm256_div_pd, sqrt: _mm256_sqrt_pd,
    greater(a, b, yes, no): _mm256_blendv_pd(no, yes, _mm256_cmp_pd::<_CMP_GT_OQ>(a, b)),
    zero(a, yes, no): _mm256_blendv_pd(no, yes, _mm256_cmp_pd::<_CMP_EQ_OQ>(a, _mm256_setzero_pd())),
    min(a, b): _mm256_min_pd(a, b), max(a, b): _mm256_max_pd(a, b),
    unless(q, d): _mm256_andnot_pd(_mm256_cmp_pd::<_CMP_EQ_OQ>(d, _mm256_setzero_pd()), q),
    any(a, b): _mm256_movemask_pd(_mm256_cmp_pd::<_CMP_GT_OQ>(a, b)) != 0,
    bits: _mm256_castpd_si256, _mm256_castsi256_pd,
    widen(x) -> F64x4, 1: [x, x],
    and: _mm256_and_si256, xor: _mm256_xor_si256, add_bits: _mm256_add_epi64, sub_bits: _mm256_sub_epi64,
    shl(a, n): _mm256_sll_epi64(a, _mm_cvtsi32_si128(n as i32)),
    shr(a, n): _mm256_srl_epi64(a, _mm_cvtsi32_si128(n as i32)),
    load_some(p, n): _mm256_maskload_pd(p, mask_of(n.min(4), 8)),
}
