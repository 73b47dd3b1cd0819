//! Reference implementations of kernels, one element at a time, in float64 and rounded after each operation.
//!
//! A new kernel needs no reference. Without one, all instruction sets are compared with the scalar one.
//! `test/same-bits.test.ts` compares the scalar results with the loop in TypeScript, and fails if a kernel does nothing
//! or moves in the wrong direction.

use antigrad_kernels::manifest::Description;

use crate::memory::{Family, Memory, Segment};
use antigrad_kernels::layout::*;

/// The operations on a segment other than its kernel.
#[derive(Clone, Debug)]
pub struct Job {
    pub scale: f64,
    pub limit: f64,
    pub l2: f64,
    pub decay: f64,
    pub holds: bool,
    pub flushes: bool,
    pub zeroes: bool,
    /// The kernel's own coefficients.
    pub own: [f64; 9],
}

/// Coefficients of a kernel at most; those behind `own` are 0.
const MAX_ROW_LENGTH: usize = 32;

pub const PLAIN: Job = Job {
    scale: 1.0,
    limit: f64::INFINITY,
    l2: 0.0,
    decay: 1.0,
    holds: false,
    flushes: false,
    zeroes: false,
    own: [0.5, 0.25, 0.125, 0.9, 0.1, 0.99, 0.01, 0.0, 0.3],
};

/// The pass itself adds λ·θ then.
pub const DECAYED: Job = Job { l2: 0.1, ..PLAIN };

impl Job {
    pub fn flags(&self) -> usize {
        usize::from(self.holds) * HOLD_PARAMS + usize::from(self.flushes) * FLUSH_STATE
    }

    pub fn row(&self) -> Vec<f64> {
        let own: Vec<f64> =
            self.own.iter().copied().chain([0.0; MAX_ROW_LENGTH]).take(MAX_ROW_LENGTH).collect();
        [&[self.scale, self.limit, self.l2, self.decay], &own[..]].concat()
    }

    /// An arena of one segment.
    pub fn memory(&self, kernel: &Description, size: usize, lengths: &[usize]) -> Memory {
        let family = Family { lengths, state: kernel.state.len(), by_tensor: kernel.tensor.len() };
        let row = self.row();
        let mut memory = Memory::new(size, &[family], row.len());
        memory.row(0, &row);
        let array = memory.first_arrays[0];
        let by_tensor = array + kernel.state.len();
        let segment =
            Segment { array, by_tensor, row: 0, flags: self.flags(), kernels: [kernel.number, 0, 0, 0] };
        memory.segment(0, [0, lengths.len() - 1], segment);
        memory.set_by_tensor(by_tensor, kernel.tensor.len(), lengths.len());
        if self.zeroes {
            memory.zeroes();
        }
        memory
    }
}

pub fn round(size: usize) -> impl Fn(f64) -> f64 {
    move |x| if size == 4 { f64::from(x as f32) } else { x }
}

/// The gradient as the rule sees it.
pub fn prepared(f: &impl Fn(f64) -> f64, job: &Job, theta: f64, g: f64) -> f64 {
    let (limit, l2) = (f(job.limit), f(job.l2));
    let scaled = f(f(job.scale) * g);
    let clamped = match scaled {
        x if x < 0.0 - limit => 0.0 - limit,
        x if x > limit => limit,
        x => x,
    };
    if l2 == 0.0 { clamped } else { f(clamped + f(l2 * theta)) }
}

/// A number of the state after flushing.
pub fn settled(size: usize, job: &Job, x: f64) -> f64 {
    let normal = if size == 4 { f64::from(f32::MIN_POSITIVE) } else { f64::MIN_POSITIVE };
    if job.flushes && x.abs() < normal && x != 0.0 { 0.0 } else { x }
}

/// One element's update: θ, g and the state before, which become those after. `None` where the kernel
/// has no reference.
pub fn update(
    kernel: &Description,
    size: usize,
    job: &Job,
    theta: &mut f64,
    g: &mut f64,
    s: &mut [f64],
) -> Option<()> {
    let f = round(size);
    let next = rule(kernel, &f, job, *theta, prepared(&f, job, *theta, *g), s)?;
    if !job.holds {
        *theta = next;
    }
    s.iter_mut().for_each(|x| *x = settled(size, job, *x));
    if job.zeroes {
        *g = 0.0;
    }
    Some(())
}

fn rule(
    kernel: &Description,
    f: &impl Fn(f64) -> f64,
    job: &Job,
    theta: f64,
    g: f64,
    s: &mut [f64],
) -> Option<f64> {
    let c = |name: &str| {
        let place = kernel.row.iter().position(|known| *known == name).expect("a coefficient");
        f(job.own[place])
    };
    let down = |u: f64| f(f(theta * f(job.decay)) - u);
    let mean = |old: f64, kept: &str, taken: &str, x: f64| f(f(c(kept) * old) + f(c(taken) * x));
    let ratio = |x: f64, divisor: f64| if divisor == 0.0 { 0.0 } else { f(x / divisor) };
    let root = |x: f64| f(x.sqrt());
    Some(match kernel.name {
        "GradientDescent" => down(f(c("lr") * g)),
        "SignSgd" => {
            let sign = if g == 0.0 || g.is_nan() { g } else { g.signum() };
            down(f(c("lr") * sign))
        }
        "Momentum" => {
            s[0] = f(f(c("alpha") * s[0]) - f(c("lr") * g));
            f(theta + s[0])
        }
        "Point" => {
            s[1] = f(theta + f(c("alpha") * s[0]));
            theta
        }
        "Nesterov" => {
            let coasted = f(c("alpha") * s[0]);
            s[0] = f(coasted - f(c("lr") * g));
            f(f(theta - coasted) + f(c("ahead") * s[0]))
        }
        "SgdMomentum" => {
            s[0] = mean(s[0], "mu", "undampened", g);
            down(f(c("lr") * s[0]))
        }
        "SgdNesterov" => {
            s[0] = mean(s[0], "mu", "undampened", g);
            down(f(c("lr") * f(g + f(c("mu") * s[0]))))
        }
        "Adagrad" => {
            s[0] = f(s[0] + f(g * g));
            let sigma = f(root(f(c("c") * s[0])) + c("eps"));
            down(f(c("lr") * ratio(g, sigma)))
        }
        "RmsProp" => {
            s[0] = mean(s[0], "alpha", "one_minus_alpha", f(g * g));
            down(f(c("lr") * ratio(g, f(root(f(s[0] + c("inside"))) + c("outside")))))
        }
        "RmsPropMomentum" => {
            s[0] = mean(s[0], "alpha", "one_minus_alpha", f(g * g));
            let sigma = f(root(f(s[0] + c("inside"))) + c("outside"));
            s[1] = f(f(c("mu") * s[1]) + f(c("inner") * ratio(g, sigma)));
            down(f(c("lr") * s[1]))
        }
        "Adam" | "AmsGrad" | "RAdam" => {
            s[0] = mean(s[0], "beta1", "one_minus_beta1", g);
            s[1] = mean(s[1], "beta2", "one_minus_beta2", f(g * g));
            let mut v = s[1];
            if kernel.name == "AmsGrad" {
                let size = f(c("h") * v);
                s[2] = if s[2] > size { s[2] } else { size };
                v = s[2];
            }
            let adapts = kernel.name != "RAdam" || c("unrectified") == 0.0;
            let divisor = if adapts { f(f(root(v) * c("c2")) + c("eps")) } else { c("unrectified") };
            down(ratio(f(c("c1") * s[0]), divisor))
        }
        _ => return None,
    })
}

/// Σ x² in the order that `sums.rs` states, one element after the other.
pub fn sum_of_squares(values: &[f64]) -> f64 {
    values.chunks(16384).map(striped).fold(0.0, |total, sum| total + sum)
}

/// The striped sum of one block.
pub fn striped(block: &[f64]) -> f64 {
    let mut sums = [0.0; 16];
    for (i, x) in block.iter().enumerate() {
        sums[i % 16] += x * x;
    }
    combined(sums)
}

/// Sixteen sums, by the tree that `sums.rs` states.
pub fn combined(sums: [f64; 16]) -> f64 {
    let eight: [f64; 8] = std::array::from_fn(|i| sums[i] + sums[i + 8]);
    let four: [f64; 4] = std::array::from_fn(|i| eight[i] + eight[i + 4]);
    (four[0] + four[2]) + (four[1] + four[3])
}
