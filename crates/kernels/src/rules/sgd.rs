//! SGD with momentum as PyTorch defines it: without the dampening τ at the first update, and with Nesterov's
//! correction.

use crate::kernel::Direction;
use crate::kernel::lanes::lanes;
use crate::vector::Vector;

lanes! {
    /// `undampened` is 1 − τ, or 1 at the first update.
    Torch { lr, mu, undampened }
    Buffer { b }
}

pub struct SgdMomentum;

impl Direction for SgdMomentum {
    type Row = Torch;
    type State = Buffer;
    const DIVIDES: bool = false;
    const BY_ROW: bool = true;

    #[inline(always)]
    fn direction<V: Vector>(row: &Torch<V>, g: V, s: &mut Buffer<V>) -> V {
        s.b = row.mu * s.b + row.undampened * g;
        row.lr * s.b
    }
}

pub struct SgdNesterov;

impl Direction for SgdNesterov {
    type Row = Torch;
    type State = Buffer;
    const DIVIDES: bool = false;
    const BY_ROW: bool = true;

    #[inline(always)]
    fn direction<V: Vector>(row: &Torch<V>, g: V, s: &mut Buffer<V>) -> V {
        s.b = row.mu * s.b + row.undampened * g;
        row.lr * (g + row.mu * s.b)
    }
}
