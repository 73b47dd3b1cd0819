//! Gradient descent (Cauchy, 1847): θ ← θ − η·g.

use super::{Row, Rule, State};
use crate::vector::Vector;

pub struct GradientDescent;

impl Rule for GradientDescent {
    const STATE: usize = 0;

    #[inline(always)]
    fn update<V: Vector>(row: &Row<V>, theta: V, g: V, _: &mut State<V>) -> V {
        let [lr, ..] = *row;
        theta - lr * g
    }
}
