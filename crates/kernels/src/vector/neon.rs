//! NEON, which every AArch64 processor has: four float32 or two float64.

use super::vector;
use std::arch::aarch64::*;

vector! {
    F32x4(float32x4_t), f32, 4;
    splat: vdupq_n_f32, load(p): vld1q_f32(p), store(p, x): vst1q_f32(p, x),
    add: vaddq_f32, sub: vsubq_f32, mul: vmulq_f32, div: vdivq_f32, sqrt: vsqrtq_f32,
    greater(a, b, yes, no): vbslq_f32(vcgtq_f32(a, b), yes, no),
    zero(a, yes, no): vbslq_f32(vceqzq_f32(a), yes, no),
    min(a, b): vbslq_f32(vcltq_f32(a, b), a, b), max(a, b): vbslq_f32(vcgtq_f32(a, b), a, b),
    unless(q, d): vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(q), vceqzq_f32(d))),
    any(a, b): vmaxvq_u32(vcgtq_f32(a, b)) != 0,
    bits: vreinterpretq_u32_f32, vreinterpretq_f32_u32,
    widen(x) -> F64x2, 2: [F64x2(vcvt_f64_f32(vget_low_f32(x.0))), F64x2(vcvt_high_f64_f32(x.0))],
    and: vandq_u32, xor: veorq_u32, add_bits: vaddq_u32, sub_bits: vsubq_u32,
    shl(a, n): vshlq_u32(a, vdupq_n_s32(n as i32)), shr(a, n): vshlq_u32(a, vdupq_n_s32(-(n as i32))),
}

vector! {
    F64x2(float64x2_t), f64, 2;
    splat: vdupq_n_f64, load(p): vld1q_f64(p), store(p, x): vst1q_f64(p, x),
    add: vaddq_f64, sub: vsubq_f64, mul: vmulq_f64, div: vdivq_f64, sqrt: vsqrtq_f64,
    greater(a, b, yes, no): vbslq_f64(vcgtq_f64(a, b), yes, no),
    zero(a, yes, no): vbslq_f64(vceqzq_f64(a), yes, no),
    min(a, b): vbslq_f64(vcltq_f64(a, b), a, b), max(a, b): vbslq_f64(vcgtq_f64(a, b), a, b),
    unless(q, d): vreinterpretq_f64_u64(vbicq_u64(vreinterpretq_u64_f64(q), vceqzq_f64(d))),
    any(a, b): vmaxvq_u32(vreinterpretq_u32_u64(vcgtq_f64(a, b))) != 0,
    bits: vreinterpretq_u64_f64, vreinterpretq_f64_u64,
    widen(x) -> F64x2, 1: [x, x],
    and: vandq_u64, xor: veorq_u64, add_bits: vaddq_u64, sub_bits: vsubq_u64,
    shl(a, n): vshlq_u64(a, vdupq_n_s64(n as i64)), shr(a, n): vshlq_u64(a, vdupq_n_s64(-(n as i64))),
}
