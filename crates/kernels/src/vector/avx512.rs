//! AVX-512 (foundation): sixteen float32 or eight float64.

use super::vector;
use std::arch::x86_64::*;

vector! {
    F32x16(__m512), f32, 16;
    splat: _mm512_set1_ps, load(p): _mm512_loadu_ps(p), store(p, x): _mm512_storeu_ps(p, x),
    add: _mm512_add_ps, sub: _mm512_sub_ps, mul: _mm512_mul_ps, div: _mm512_div_ps, sqrt: _mm512_sqrt_ps,
    greater(a, b, yes, no): _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_GT_OQ>(a, b), no, yes),
    zero(a, yes, no): _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_EQ_OQ>(a, _mm512_setzero_ps()), no, yes),
    min(a, b): _mm512_min_ps(a, b), max(a, b): _mm512_max_ps(a, b),
    unless(q, d): _mm512_maskz_mov_ps(_mm512_cmp_ps_mask::<_CMP_NEQ_UQ>(d, _mm512_setzero_ps()), q),
    any(a, b): _mm512_cmp_ps_mask::<_CMP_GT_OQ>(a, b) != 0,
    bits: _mm512_castps_si512, _mm512_castsi512_ps,
    widen(x) -> F64x8, 2: [
        F64x8(_mm512_cvtps_pd(_mm512_castps512_ps256(x.0))),
        F64x8(_mm512_cvtps_pd(_mm256_castpd_ps(_mm512_extractf64x4_pd::<1>(_mm512_castps_pd(x.0))))),
    ],
    and: _mm512_and_si512, xor: _mm512_xor_si512, add_bits: _mm512_add_epi32, sub_bits: _mm512_sub_epi32,
    shl(a, n): _mm512_sll_epi32(a, _mm_cvtsi32_si128(n as i32)),
    shr(a, n): _mm512_srl_epi32(a, _mm_cvtsi32_si128(n as i32)),
    load_some(p, n): _mm512_maskz_loadu_ps(((1_u32 << n.min(16)) - 1) as __mmask16, p),
}

vector! {
    F64x8(__m512d), f64, 8;
    splat: _mm512_set1_pd, load(p): _mm512_loadu_pd(p), store(p, x): _mm512_storeu_pd(p, x),
    add: _mm512_add_pd, sub: _mm512_sub_pd, mul: _mm512_mul_pd, div: _mm512_div_pd, sqrt: _mm512_sqrt_pd,
    greater(a, b, yes, no): _mm512_mask_blend_pd(_mm512_cmp_pd_mask::<_CMP_GT_OQ>(a, b), no, yes),
    zero(a, yes, no): _mm512_mask_blend_pd(_mm512_cmp_pd_mask::<_CMP_EQ_OQ>(a, _mm512_setzero_pd()), no, yes),
    min(a, b): _mm512_min_pd(a, b), max(a, b): _mm512_max_pd(a, b),
    unless(q, d): _mm512_maskz_mov_pd(_mm512_cmp_pd_mask::<_CMP_NEQ_UQ>(d, _mm512_setzero_pd()), q),
    any(a, b): _mm512_cmp_pd_mask::<_CMP_GT_OQ>(a, b) != 0,
    bits: _mm512_castpd_si512, _mm512_castsi512_pd,
    widen(x) -> F64x8, 1: [x, x],
    and: _mm512_and_si512, xor: _mm512_xor_si512, add_bits: _mm512_add_epi64, sub_bits: _mm512_sub_epi64,
    shl(a, n): _mm512_sll_epi64(a, _mm_cvtsi32_si128(n as i32)),
    shr(a, n): _mm512_srl_epi64(a, _mm_cvtsi32_si128(n as i32)),
    load_some(p, n): _mm512_maskz_loadu_pd(((1_u32 << n.min(8)) - 1) as __mmask8, p),
}
