use super::exp::exp_in_two;
use super::numbers::{Of, polynomial, power_of_two};
use crate::vector::{Vector, splat};

/// (tanh x/x − 1)/x² by powers of x², where |x| ≤ ⅝.
const REST: Of<&[f64]> = Of(
    &[-0.3333328, 0.13331431, -0.053738844, 0.020636441, -0.005702218],
    &[
        -0.3333333333333285,
        0.13333333333261432,
        -0.05396825393098553,
        0.02186948757009802,
        -0.008863220929377974,
        0.0035919886202172256,
        -0.0014549562031012802,
        0.000586308261061158,
        -0.00022854832869347264,
        7.712717122152766e-5,
        -1.6064537856418258e-5,
    ],
);

/// From here on it is 1.
const ONE: Of<f64> = Of(10.0, 20.0);

/// The hyperbolic tangent: a polynomial near 0, else 1 − 2/(e^(2·|x|) + 1), as Cody and Waite (1980, ch. 13).
#[inline(always)]
pub fn tanh<V: Vector>(x: V) -> V {
    let one = splat::<V>(1.0);
    let size = x.abs();
    let z = size * size;
    let near = size + size * z * polynomial(z, REST);

    let most = ONE.splat::<V>();
    let bounded = size.if_greater(most, most, size);
    let [exponent, high, low] = exp_in_two(bounded + bounded, splat(0.0));
    let factor = power_of_two(exponent);
    let power = high * factor;
    let d = power + one;
    let t = splat::<V>(2.0) / d;
    // Rounding error of d, which 1/d = t/2 turns into an error of t, and rounding error of the difference.
    let excess = t * t * (splat::<V>(0.5) * (one - (d - power) + low * factor));
    let difference = one - t;
    let far = difference + (one - difference - t + excess);

    size.if_greater(splat(0.625), far, near).xor(x.sign())
}
