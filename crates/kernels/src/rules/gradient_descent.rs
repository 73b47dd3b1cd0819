//! Gradient descent (Cauchy, 1847).

use crate::kernel::Direction;
use crate::kernel::lanes::{Nothing, lanes};
use crate::vector::Vector;

lanes! { Rate { lr } }

pub struct GradientDescent;

impl Direction for GradientDescent {
    type Row = Rate;
    type State = Nothing;
    const DIVIDES: bool = false;
    const BY_ROW: bool = true;

    #[inline(always)]
    fn direction<V: Vector>(row: &Rate<V>, g: V, _: &mut Nothing) -> V {
        row.lr * g
    }
}
