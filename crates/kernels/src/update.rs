//! The one loop: what happens around a rule, for lanes of any width.

use crate::arena::{Arena, Segment};
use crate::rules::{MAX_STATE, Row, Rule};
use crate::vector::{Scalar, Vector};

/// Runs rule `R` over one segment of the arena.
///
/// `PREPARE` adds what is wanted of the gradient before the rule sees it: g ← clamp(scale·g),
/// then g ← g + λ·θ, and zeroing it in the same pass. Without it the gradient goes in as it is.
///
/// # Safety
/// The segment must lie within the arena (`Arena::step` checks it), and nothing else may touch
/// these bytes meanwhile. A last, incomplete vector runs into the padding behind a tensor, where
/// zeros stay zeros.
#[inline(always)]
pub unsafe fn update<V: Vector, R: Rule, const PREPARE: bool>(arena: &Arena, segment: &Segment) {
    let pass = Pass::<V, PREPARE>::new(arena, segment);
    // A cache line at a time, so that short vectors have several in flight.
    let line = 64 / size_of::<V::Scalar>();
    let end = segment.offset + segment.length;
    let mut at = segment.offset;
    // SAFETY: all lanes lie within the segment or its padding.
    unsafe {
        while at + line <= end {
            for vector in 0..line / V::LANES {
                pass.lanes::<R>(at + vector * V::LANES);
            }
            at += line;
        }
        while at < end {
            pass.lanes::<R>(at);
            at += V::LANES;
        }
    }
}

/// What stays the same over a segment, ready in registers.
///
/// Everything here is `inline(always)`: only inside of the caller, which is compiled for one
/// instruction set, do the vectors' operations become single instructions.
struct Pass<V: Vector, const PREPARE: bool> {
    theta: *mut V::Scalar,
    g: *mut V::Scalar,
    state: [*mut V::Scalar; MAX_STATE],
    row: Row<V>,
    scale: V,
    limit: V,
    l2: V,
    decays: bool,
    zeroes: bool,
    holds: bool,
}

impl<V: Vector, const PREPARE: bool> Pass<V, PREPARE> {
    #[inline(always)]
    fn new(arena: &Arena, segment: &Segment) -> Self {
        let mut row = [splat::<V>(0.0); _];
        for (lanes, coefficient) in row.iter_mut().zip(segment.row) {
            *lanes = splat(coefficient);
        }
        Self {
            theta: arena.plane(0),
            g: arena.plane(1),
            state: [arena.plane(2), arena.plane(3), arena.plane(4)],
            row,
            scale: splat(segment.scale),
            limit: splat(segment.limit),
            l2: splat(segment.l2),
            decays: segment.l2 != 0.0,
            zeroes: arena.zeroes_gradients(),
            holds: segment.hold != 0.0,
        }
    }

    /// # Safety
    /// Every plane must have a whole vector at `at`.
    #[inline(always)]
    // A constant bound, so that the loops unroll and unused state costs nothing.
    #[allow(clippy::needless_range_loop)]
    unsafe fn lanes<R: Rule>(&self, at: usize) {
        // SAFETY: the caller vouches for these lanes.
        unsafe {
            let theta = V::load(self.theta.add(at));
            let mut g = V::load(self.g.add(at));
            let mut state = [theta; MAX_STATE];
            for k in 0..R::STATE {
                state[k] = V::load(self.state[k].add(at));
            }
            if PREPARE {
                g = (self.scale * g).clamp(self.limit);
                if self.decays {
                    g = g + self.l2 * theta;
                }
                if self.zeroes {
                    splat::<V>(0.0).store(self.g.add(at));
                }
            }
            let moved = R::update(&self.row, theta, g, &mut state);
            for k in 0..R::STATE {
                state[k].store(self.state[k].add(at));
            }
            if !self.holds {
                moved.store(self.theta.add(at));
            }
        }
    }
}

#[inline(always)]
fn splat<V: Vector>(x: f64) -> V {
    V::splat(V::Scalar::from_f64(x))
}
