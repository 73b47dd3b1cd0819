//! Adagrad (Duchi, Hazan and Singer, 2011).
//!
//! c is 1 for the sum of squares (the paper, PyTorch) and 1/t for their mean (the essay). If the divisor is exactly 0,
//! the parameter keeps its value.

use crate::kernel::Direction;
use crate::kernel::lanes::lanes;
use crate::vector::Vector;

lanes! {
    Rates { lr, c, eps }
    Squares { s }
}

pub struct Adagrad;

impl Direction for Adagrad {
    type Row = Rates;
    type State = Squares;
    const DIVIDES: bool = true;
    const BY_ROW: bool = true;

    #[inline(always)]
    fn direction<V: Vector>(row: &Rates<V>, g: V, s: &mut Squares<V>) -> V {
        s.s = s.s + g * g;
        let sigma = (row.c * s.s).sqrt() + row.eps;
        row.lr * g.div_or_zero(sigma)
    }
}
