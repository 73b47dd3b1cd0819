//! A batch of runs in a region of memory that describes itself: `ts/many/batch/batch.ts` writes it.
//!
//! The region has no other user. Its contents are checked nevertheless, at the beginning of a call and when slots are
//! used, so that a bug cannot read or write outside of it.

use super::advance::ManyCode;
use super::layout::*;
use super::program::Program;
use super::rows::PIECES;
use crate::arena::{ArenaError, HASH, LINE, Numbers, Tables};
use crate::kernel::PIPELINE;
use crate::kernel::code::{Code, Entry};
use crate::memory;

/// A view of a batch for one call, with the code that runs on it.
pub struct Batch {
    pub base: *mut u8,
    pub header: Header,
    pub settings: Settings,
    /// The rule's kernel, if there is one.
    pub entry: Option<&'static Entry>,
    pub code: &'static Code,
    pub many: &'static ManyCode,
    pub value: Program,
    pub gradient: Program,
}

// SAFETY: its creator guarantees the bytes on any thread, and several threads only ever advance other cohorts, with
// other scratches.
unsafe impl Sync for Batch {}

impl Batch {
    /// Reads and checks the header; `code` is given a number's bytes.
    ///
    /// # Safety
    /// Same as for `new` in [`crate::dispatch`], which has the code.
    pub(crate) unsafe fn read(
        base: *mut u8,
        bytes: usize,
        code: impl FnOnce(usize) -> (&'static Code, &'static ManyCode),
    ) -> Result<Self, ArenaError> {
        if !base.cast::<u64>().is_aligned() || bytes < Header::SIZE * 4 {
            return Err(ArenaError::new(&"it is too short, or not aligned"));
        }
        // SAFETY: the caller guarantees the bytes, and a header fits; this was just checked.
        let header = Header::read(|at| unsafe { memory::read(base.cast::<u32>(), at) as usize });
        let Header { parameters, columns, shared, constants, slots, lanes, .. } = header;
        let is_known =
            header.hash == HASH as usize && (header.size == 8 || cfg!(feature = "rules") && header.size == 4);
        let (code, many) = code(header.size);
        let entry = code.entry(header.kernel).filter(|entry| entry.pass.is_some());
        if entry.is_none() && header.kernel != NO_KERNEL {
            return Err(ArenaError::new(&"there is no such kernel"));
        }
        let inputs = parameters as u64 + columns as u64 + constants as u64;
        if !is_known
            || parameters == 0
            || shared > columns
            || inputs > slots as u64
            || !lanes.is_multiple_of(BLOCK)
            || lanes == 0
        {
            return Err(ArenaError::new(&"its counts are wrong"));
        }
        let vector = LINE / header.size;
        let is_by_rows = header.row_lanes > 0;
        if is_by_rows && (header.row_lanes < header.rows || !header.row_lanes.is_multiple_of(vector)) {
            return Err(ArenaError::new(&"its rows do not fit"));
        }
        if columns > shared
            && !is_by_rows
            && (!header.data_lanes.is_multiple_of(vector)
                || !(vector..=lanes + vector).contains(&header.data_lanes))
        {
            return Err(ArenaError::new(&"its data do not fit"));
        }
        // A program that loops over rows loops over data.
        if columns == 0 && header.rows > 0 {
            return Err(ArenaError::new(&"its data do not fit"));
        }
        let row = PIPELINE.len() + entry.map_or(0, |entry| entry.row);
        if header.row_length < row || entry.is_some_and(|entry| entry.tensor > 0) {
            return Err(ArenaError::new(&"the kernel does not fit"));
        }
        // SAFETY: the caller guarantees the bytes.
        let program = |line: usize, outputs: usize| unsafe { Program::new(base, bytes, line, outputs) };
        let outputs = parameters + usize::from(entry.is_none());
        let (value, gradient) = (program(header.value, 1)?, program(header.gradient, outputs)?);
        let settings = Settings::read(|_| 0.0);
        let mut batch = Self { base, header, settings, entry, code, many, value, gradient };
        // They may lie in any order, but nowhere over one another: most are written to.
        let mut sections = [
            (0, Header::SIZE as u64 * 4),
            (header.value, batch.value.bytes()),
            (header.gradient, batch.gradient.bytes()),
            (header.settings, Settings::SIZE as u64 * 8),
            (header.constant_values, constants as u64 * LINE as u64),
            (header.data, batch.shared_data_bytes()),
            (header.lane_data, batch.own_data_bytes()),
            (header.coefficients, (header.updates as u64 * header.row_length as u64).saturating_mul(8)),
            (header.live, header.cohorts as u64 * 4),
            (header.planes, (header.cohorts as u64).saturating_mul(batch.cohort_bytes())),
            (header.results, (header.cohorts as u64 * lanes as u64).saturating_mul(batch.result_bytes())),
            (header.scratch, (header.scratches as u64).saturating_mul(batch.scratch_bytes())),
            (header.pieces, (header.scratches as u64).saturating_mul(batch.pieces_bytes())),
        ]
        .map(|(line, length)| (line as u64 * LINE as u64, length));
        sections.sort_unstable();
        let mut end = 0;
        for (start, length) in sections.into_iter().filter(|(_, length)| *length > 0) {
            let next = start.saturating_add(length);
            if start < end || next > bytes as u64 {
                return Err(ArenaError::new(&"its arrays do not fit"));
            }
            end = next;
        }
        let settings = batch.place(header.settings).cast::<f64>();
        // SAFETY: just checked; lines are aligned as the base is, and any bytes are float64 numbers.
        batch.settings = Settings::read(|at| unsafe { memory::read(settings, at) });
        Ok(batch)
    }

    /// Number of an update of this call, counted from 1.
    pub fn t(&self, update: usize) -> f64 {
        self.settings.done + update as f64 + 1.0
    }

    pub fn place(&self, line: usize) -> *mut u8 {
        self.base.wrapping_add(line * LINE)
    }

    /// How many arrays of state the rule has.
    pub fn states(&self) -> usize {
        self.entry.map_or(0, |entry| entry.state)
    }

    /// Parameters, their state, their bounds if they have some.
    pub fn planes(&self) -> u64 {
        let Header { parameters, bounded, .. } = self.header;
        parameters as u64 * (1 + self.states() as u64 + if bounded == 0 { 0 } else { 2 })
    }

    /// Planes, then for each lane since when its steps are short, and the run's number.
    pub fn cohort_bytes(&self) -> u64 {
        let Header { size, lanes, .. } = self.header;
        let planes = self.planes();
        let numbers = (planes * size as u64 + Short::SIZE as u64 * 8 + 4).saturating_mul(lanes as u64);
        numbers.saturating_add(planes * GAP as u64)
    }

    /// Whether some columns differ by run, and lie lane by lane.
    pub fn has_own_lanes(&self) -> bool {
        self.header.columns > self.header.shared && self.header.row_lanes == 0
    }

    /// Data that all runs share: row by row, in it column by column; where lanes are rows, column by column.
    fn shared_data_bytes(&self) -> u64 {
        let Header { shared, rows, row_lanes, size, .. } = self.header;
        (shared as u64 * rows.max(row_lanes) as u64).saturating_mul(size as u64)
    }

    /// Data of a cohort's runs: row by row, in it column by column, in that lane by lane.
    fn lane_data_bytes(&self) -> u64 {
        let Header { columns, shared, rows, data_lanes, size, .. } = self.header;
        ((columns - shared) as u64 * rows as u64).saturating_mul(data_lanes as u64 * size as u64)
    }

    /// Same for all cohorts. With rows in lanes, data is stored run by run, and per run column by column.
    fn own_data_bytes(&self) -> u64 {
        let Header { columns, shared, row_lanes, data_lanes, size, cohorts, .. } = self.header;
        match row_lanes {
            0 => self.lane_data_bytes().saturating_mul(cohorts as u64),
            _ => {
                ((columns - shared) as u64 * row_lanes as u64).saturating_mul(data_lanes as u64 * size as u64)
            }
        }
    }

    /// Address of a cohort's data; with rows in lanes, of the data of all runs.
    pub fn lane_data(&self, cohort: usize) -> *mut u8 {
        let cohort = if self.header.row_lanes > 0 { 0 } else { cohort };
        self.place(self.header.lane_data).wrapping_add(cohort * self.lane_data_bytes() as usize)
    }

    /// Bytes of the sums of pieces of rows that are processed at once.
    pub fn pieces_bytes(&self) -> u64 {
        let Header { row_lanes, size, .. } = self.header;
        let pieces = if row_lanes > 0 { PIECES } else { 0 };
        (pieces * size) as u64 * self.gradient.sums().max(self.value.sums()) as u64
    }

    /// A point, and the rest of a result.
    fn result_bytes(&self) -> u64 {
        self.header.parameters as u64 * self.header.size as u64 + Outcome::SIZE as u64 * 8 + 4
    }

    /// Number of scratch bytes. Blocks need slots for both programs, the parameters before a step, the largest change of
    /// the step, its sum, and a prepared gradient. Slots of one vector are needed for a single run, columns and
    /// directions, and the tile of matrices. Steps follow, of the block's gradient, of another routine and of rows.
    pub fn scratch_bytes(&self) -> u64 {
        let Header { parameters, slots, size, tile, .. } = self.header;
        let blocks = 2 * slots as u64 + parameters as u64 + 3;
        let steps = self.gradient.instructions() + self.steps_of_others() + self.steps_of_rows();
        blocks * (BLOCK * size + GAP) as u64
            + (2 * slots as u64 + parameters as u64 + tile as u64) * LINE as u64
            + steps as u64 * STEP as u64
    }

    /// Steps of the body if rows are in lanes.
    pub fn steps_of_rows(&self) -> usize {
        if self.header.row_lanes > 0 { self.steps_of_others() } else { 0 }
    }

    /// Steps of a routine of runs other than the gradient of a block. At most one such routine exists at a time.
    pub fn steps_of_others(&self) -> usize {
        self.gradient.instructions().max(self.value.instructions())
    }

    /// Coefficients of an update of this call.
    pub fn row(&self, update: usize) -> Numbers {
        let length = self.header.row_length;
        Tables::numbers(self.place(self.header.coefficients).wrapping_add(update * length * 8), length)
    }
}
