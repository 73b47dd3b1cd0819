use super::numbers::UNIT;
use crate::vector::{Vector, splat};

/// The largest integer that is not above x; the nearest may be, by 1.
#[inline(always)]
pub fn floor<V: Vector>(x: V) -> V {
    let size = x.abs();
    let unit = UNIT.splat::<V>();
    let nearest = (size + unit - unit).xor(x.sign());
    let below = nearest.if_greater(x, nearest - splat(1.0), nearest);
    unit.if_greater(size, below, x)
}
