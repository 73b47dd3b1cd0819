//! signSGD (Bernstein et al., 2018, algorithm 1): u = η·sign(g); zeros and NaN are their own sign.

use super::gradient_descent::Rate;
use crate::kernel::Direction;
use crate::lanes::Nothing;
use crate::vector::Vector;

pub struct SignSgd;

impl Direction for SignSgd {
    type Row = Rate;
    type State = Nothing;
    const DIVIDES: bool = false;

    #[inline(always)]
    fn direction<V: Vector>(row: &Rate<V>, g: V, _: &mut Nothing) -> V {
        row.lr * g.signum()
    }
}
