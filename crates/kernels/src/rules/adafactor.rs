//! Adafactor (Shazeer and Stern, 2018, algorithms 4 and 5). Of a matrix only the rows' and the columns' means
//! of g² are kept, r and c: V̂ = r·c/mean(r). Then U = g/√V̂, and θ ← d·θ − rate·U.
//!
//! `LineSums` sums g² by row and by column, and TypeScript makes of them r, c, and factors of rows and
//! columns whose product is 1/√V̂. `Factored` leaves U where the gradient was, and TypeScript makes the
//! tensor's rate of the norms. Other tensors keep v, one for each element: `Unfactored`.

use crate::kernel::{Kernel, Lines, Output, Sum};
use crate::lanes::{Nothing, lanes};
use crate::vector::Vector;

lanes! {
    /// `rest2` is 1 − β̂₂ and `rest1` 1 − β₁; `added` to g², `floor` of √v, `cap` of 1/√V̂.
    Row { beta2, rest2, added, floor, cap, beta1, rest1 }
    /// Σ θ² and Σ U², the tensor's rate and its decay d.
    Measured { parameters, direction, rate, decay }
    SecondMoment { v }
    Momentum { m }
    Both { v, m }
}

/// Keeps the gradient as it was prepared, and sums g² by row and by column.
pub struct LineSums;

impl Kernel for LineSums {
    type Row = Row;
    type State = Nothing;
    type Tensor = Measured;
    const OUTPUT: Output = Output::Gradients;
    const LINES: Option<Lines> = Some(Lines::Summed);
    const LINE_STATE: &'static [&'static str] = &["r", "c"];
    const COPIES: bool = true;
    const DIVIDES: bool = false;

    #[inline(always)]
    fn apply<V: Vector>(_: &Row<V>, _: &Measured<V>, _: V, _: V, g: V, _: &mut Nothing) -> V {
        g
    }
}

/// U = g·min(row·column, cap): the row's factor comes as the rate, and the columns' where θ would be.
pub struct Factored;

impl Kernel for Factored {
    type Row = Row;
    type State = Nothing;
    type Tensor = Measured;
    const OUTPUT: Output = Output::Gradients;
    const SUMS: &'static [Sum] = &[Sum::Parameters, Sum::Gradients];
    const LINES: Option<Lines> = Some(Lines::Scaled);
    const DIVIDES: bool = false;

    #[inline(always)]
    fn apply<V: Vector>(row: &Row<V>, by: &Measured<V>, _: V, column: V, g: V, _: &mut Nothing) -> V {
        let factor = by.rate * column;
        g * factor.if_greater(row.cap, row.cap, factor)
    }
}

/// v ← β̂₂·v + (1−β̂₂)·(g·g + ε), and U = g / max(√v, floor).
pub struct Unfactored;

impl Kernel for Unfactored {
    type Row = Row;
    type State = SecondMoment;
    type Tensor = Measured;
    const OUTPUT: Output = Output::Gradients;
    const SUMS: &'static [Sum] = &[Sum::Parameters, Sum::Gradients];
    const DIVIDES: bool = true;

    #[inline(always)]
    fn apply<V: Vector>(row: &Row<V>, _: &Measured<V>, _: V, _: V, g: V, s: &mut SecondMoment<V>) -> V {
        s.v = row.beta2 * s.v + row.rest2 * (g * g + row.added);
        let root = s.v.sqrt();
        // A NaN in v is taken over.
        g.div_or_zero(row.floor.if_greater(root, row.floor, root))
    }
}

/// θ ← d·θ − rate·U.
pub struct AdafactorStep;

impl Kernel for AdafactorStep {
    type Row = Row;
    type State = Nothing;
    type Tensor = Measured;
    const OUTPUT: Output = Output::Parameters;
    const DIVIDES: bool = false;

    #[inline(always)]
    fn apply<V: Vector>(_: &Row<V>, by: &Measured<V>, _: V, theta: V, u: V, _: &mut Nothing) -> V {
        theta * by.decay - by.rate * u
    }
}

/// m ← β₁·m + (1−β₁)·(rate·U), θ ← d·θ − m.
pub struct FactoredMomentum;

impl Kernel for FactoredMomentum {
    type Row = Row;
    type State = Momentum;
    type Tensor = Measured;
    const OUTPUT: Output = Output::Parameters;
    const DIVIDES: bool = false;

    #[inline(always)]
    fn apply<V: Vector>(row: &Row<V>, by: &Measured<V>, _: V, theta: V, u: V, s: &mut Momentum<V>) -> V {
        s.m = row.beta1 * s.m + row.rest1 * (by.rate * u);
        theta * by.decay - s.m
    }
}

/// The same beside v.
pub struct UnfactoredMomentum;

impl Kernel for UnfactoredMomentum {
    type Row = Row;
    type State = Both;
    type Tensor = Measured;
    const OUTPUT: Output = Output::Parameters;
    const DIVIDES: bool = false;

    #[inline(always)]
    fn apply<V: Vector>(row: &Row<V>, by: &Measured<V>, _: V, theta: V, u: V, s: &mut Both<V>) -> V {
        s.m = row.beta1 * s.m + row.rest1 * (by.rate * u);
        theta * by.decay - s.m
    }
}
