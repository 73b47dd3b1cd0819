//! WebAssembly's fixed-width SIMD: four float32 or two float64.

use super::vector;
use std::arch::wasm32::*;
use std::convert::identity;

vector! {
    F32x4(v128), f32, 4;
    splat: f32x4_splat, load(p): v128_load(p.cast()), store(p, x): v128_store(p.cast(), x),
    add: f32x4_add, sub: f32x4_sub, mul: f32x4_mul, div: f32x4_div, sqrt: f32x4_sqrt,
    greater(a, b, yes, no): v128_bitselect(yes, no, f32x4_gt(a, b)),
    zero(a, yes, no): v128_bitselect(yes, no, f32x4_eq(a, f32x4_splat(0.0))),
    min(a, b): f32x4_pmin(b, a), max(a, b): f32x4_pmax(b, a),
    unless(q, d): v128_andnot(q, f32x4_eq(d, f32x4_splat(0.0))),
    any(a, b): v128_any_true(f32x4_gt(a, b)),
    bits: identity, identity,
    widen(x) -> F64x2, 2: [
        F64x2(f64x2_promote_low_f32x4(x.0)),
        F64x2(f64x2_promote_low_f32x4(i32x4_shuffle::<2, 3, 2, 3>(x.0, x.0))),
    ],
    and: v128_and, xor: v128_xor, add_bits: i32x4_add, sub_bits: i32x4_sub,
    shl(a, n): i32x4_shl(a, n), shr(a, n): u32x4_shr(a, n),
}

vector! {
    F64x2(v128), f64, 2;
    splat: f64x2_splat, load(p): v128_load(p.cast()), store(p, x): v128_store(p.cast(), x),
    add: f64x2_add, sub: f64x2_sub, mul: f64x2_mul, div: f64x2_div, sqrt: f64x2_sqrt,
    greater(a, b, yes, no): v128_bitselect(yes, no, f64x2_gt(a, b)),
    zero(a, yes, no): v128_bitselect(yes, no, f64x2_eq(a, f64x2_splat(0.0))),
    min(a, b): f64x2_pmin(b, a), max(a, b): f64x2_pmax(b, a),
    unless(q, d): v128_andnot(q, f64x2_eq(d, f64x2_splat(0.0))),
    any(a, b): v128_any_true(f64x2_gt(a, b)),
    bits: identity, identity,
    widen(x) -> F64x2, 1: [x, x],
    and: v128_and, xor: v128_xor, add_bits: i64x2_add, sub_bits: i64x2_sub,
    shl(a, n): i64x2_shl(a, n), shr(a, n): u64x2_shr(a, n),
}
