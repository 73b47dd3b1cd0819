use super::numbers::{Of, polynomial};
use crate::vector::{Vector, splat};
use std::f64::consts::{FRAC_PI_2, FRAC_PI_4};

/// (atan u/u − 1)/u² by powers of u², where |u| ≤ 7/16.
const REST: Of<&[f64]> = Of(
    &[-0.33333302, 0.19997692, -0.14228854, 0.10486302, -0.058094807],
    &[
        -0.33333333333332904,
        0.19999999999869214,
        -0.1428571427187128,
        0.1111111037814154,
        -0.0909088645375923,
        0.07691865735859672,
        -0.06660969987496353,
        0.05832918911343315,
        -0.04974329342942204,
        0.036475271394654264,
        -0.016232157721469593,
    ],
);

/// From where on a number c is used, c, and its arctangent in two parts.
const CENTERS: [(f64, f64, Of<[f64; 2]>); 3] = [
    (0.4375, 0.5, Of([0.4636476, 5.0121587e-9], [0.4636476090008061, 2.2698777452961687e-17])),
    (0.6875, 1.0, Of([FRAC_PI_4, -2.1855694e-8], [FRAC_PI_4, 3.061616997868383e-17])),
    (1.1875, 1.5, Of([0.98279375, -2.5131424e-8], [0.982793723247329, 1.3903311031230998e-17])),
];
/// The same for ∞.
pub const FAR: f64 = 2.4375;
const HALF_PI: Of<[f64; 2]> = Of([FRAC_PI_2, -4.371139e-8], [FRAC_PI_2, 6.123233995736766e-17]);

/// The number c that is near, and its arctangent in two parts; where ∞ is near, c is any.
#[inline(always)]
pub fn nearest_to<V: Vector>(size: V) -> [V; 3] {
    let zero = splat::<V>(0.0);
    let [mut c, mut base, mut base_low] = [zero; 3];
    for (from, center, atan) in CENTERS {
        let [high, low] = atan.get::<V>();
        c = size.if_greater(splat(from), splat(center), c);
        base = size.if_greater(splat(from), splat(high), base);
        base_low = size.if_greater(splat(from), splat(low), base_low);
    }
    let [high, low] = HALF_PI.get::<V>();
    let far = splat::<V>(FAR);
    [c, size.if_greater(far, splat(high), base), size.if_greater(far, splat(low), base_low)]
}

/// Rounding error of atan c + atan u as the sum of its base and u.
#[inline(always)]
pub fn rest_of<V: Vector>(u: V, base_low: V) -> V {
    let z = u * u;
    u * z * polynomial(z, REST) + base_low
}

/// The arctangent: with the nearest c it is atan c + atan u, u = (|x| − c)/(1 + c·|x|), where u is −1/|x|
/// when c is ∞, as in fdlibm (Sun, 1993).
#[inline(always)]
pub fn atan<V: Vector>(x: V) -> V {
    let (zero, one) = (splat::<V>(0.0), splat::<V>(1.0));
    let size = x.abs();
    let [c, base, base_low] = nearest_to(size);
    let far = splat::<V>(FAR);
    let numerator = size.if_greater(far, zero - one, size - c);
    let denominator = size.if_greater(far, size, one + c * size);
    let u = numerator / denominator;
    (base + (u + rest_of(u, base_low))).xor(x.sign())
}
