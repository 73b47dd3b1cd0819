//! signSGD (Bernstein et al., 2018, algorithm 1): u = η·sign(g); zeros and NaN are their own sign.

use super::gradient_descent::Rate;
use crate::kernel::{Direction, splat};
use crate::lanes::Nothing;
use crate::vector::Vector;

pub struct SignSgd;

impl Direction for SignSgd {
    type Row = Rate;
    type State = Nothing;
    const DIVIDES: bool = false;

    #[inline(always)]
    fn direction<V: Vector>(row: &Rate<V>, g: V, _: &mut Nothing) -> V {
        let (zero, one, minus_one) = (splat::<V>(0.0), splat(1.0), splat(-1.0));
        let sign = g.if_greater(zero, one, zero.if_greater(g, minus_one, g));
        row.lr * sign
    }
}
