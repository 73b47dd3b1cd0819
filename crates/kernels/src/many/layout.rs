//! Layout of a batch. The manifest transfers it to TypeScript, like the layout of arenas.

use crate::arena::{LINE, tables};

/// Runs of a cohort that are computed together. A slot of this many numbers takes 1 or 2 KiB.
pub const BLOCK: usize = 256;

/// Bytes between planes, and between slots: what lies at one place of each must not look alike to a
/// processor's load and store units, which compare the last 12 bits.
pub const GAP: usize = 5 * LINE;

/// Bytes for an instruction whose slots have been looked up.
pub const STEP: usize = 128;

/// Without a kernel the gradient's program makes the updates itself: its outputs are what the parameters become,
/// and then a number, with which a run stops unless it is 0.
pub const NO_KERNEL: usize = u32::MAX as usize;

tables! {
    /// Fields as 32-bit words; positions count lines from the beginning.
    Header of usize {
        /// The hash of the kernels' sources.
        hash,
        /// Bytes of a number: 4 or 8.
        size,
        parameters,
        /// Columns of data, and the number of leading columns that are the same for all runs.
        columns,
        shared,
        constants,
        /// Slots of both programs: parameters, columns, constants and temporaries.
        slots,
        /// Number of rows of data, and numbers per row of a cohort in a column that differs by run. The latter is the
        /// number of the cohort's runs, rounded up to whole vectors, optionally plus one vector.
        rows,
        data_lanes,
        /// With rows in lanes, the numbers from a column to the next one, and `data_lanes` is the number of the batch's
        /// runs; 0 with runs in lanes.
        row_lanes,
        /// The rule's, or [`NO_KERNEL`].
        kernel,
        /// Cohorts, and lanes of each, a multiple of the block.
        cohorts,
        lanes,
        /// How many updates are to be made now.
        updates,
        row_length,
        /// Whether subnormal numbers of the state become 0 at each 256th update.
        flushes,
        /// Whether parameters have bounds; then there are planes of them.
        bounded,
        /// How many scratches there are, one for each thread, and how many lines of each are the tile of matrices.
        scratches,
        tile,
        /// Places: two programs, float64 settings, constants and data in the dtype, for all and by lane, rows of
        /// coefficients.
        value,
        gradient,
        settings,
        constant_values,
        data,
        lane_data,
        coefficients,
        /// Places: how many runs of each cohort live, their numbers, results by run, scratch, and what pieces of rows
        /// sum up to.
        live,
        planes,
        results,
        scratch,
        pieces,
    }

    /// Counts at the beginning of a program: instructions of the head, body and tail, loops, and sums. The instructions,
    /// the loops, the slots of the sums and the slots of the outputs follow.
    Counts of usize {
        head,
        body,
        tail,
        loops,
        sums,
    }

    /// Instructions that repeat as long as the slot `again` is not 0 in some lane, but at most `most` times. Loops are in the
    /// order of their first instructions, an outer loop before its inner loops.
    Loop of usize {
        start,
        end,
        again,
        most,
    }

    /// Number of the operation, slot of the result, and slots of four operands.
    Instruction of usize {
        operation,
        to,
        a,
        b,
        c,
        d,
    }

    /// Counts of updates are float64 numbers: they may be up to 2⁵³ − 1.
    Settings of f64 {
        tolerance,
        /// Updates that all runs have had.
        done,
        most_updates,
        /// Updates during which a short step does not count, and updates during which the parameters stay.
        exempt,
        delay,
    }

    /// Behind the planes of a cohort, a column each, then the runs' numbers: the change and the gradient's norm when
    /// steps became short; the update then, or 0. Two counts follow: short steps, and gradients at nearby points.
    Short of f64 {
        change,
        gradient_norm,
        since,
        steps,
        probes,
    }

    /// Behind the points where runs have ended, a column each, then why they have stopped.
    Outcome of f64 {
        value,
        gradient_norm,
        change,
        updates,
    }
}
