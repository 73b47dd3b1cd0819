//! An arena made by hand, with canaries before, between and behind its arrays.

use std::sync::LazyLock;

use antigrad_kernels::layout::{
    self, ACCUMULATED, EXCLUDED, Extent, Header, LINE, ROW_LISTS, SLOW, STAGES, Tensor,
};
use antigrad_kernels::manifest::{Description, HASH, kernels};
use antigrad_kernels::{Arena, ArenaError, BLOCK, BorrowedGradients, InstructionSet, Scratch};

/// Contents of memory that must not be written.
const CANARY: u64 = 0xA5A5_A5A5_A5A5_A5A5;
/// Words of canaries before and behind the arena.
const BORDER: usize = 64;
/// Rows of a tensor that may be listed.
pub const MAX_ROWS: usize = 64;
/// Sums that a block has room for.
pub const PARTS: usize = 4;

/// Tensors that lie side by side, with arrays of their own.
pub struct Family<'a> {
    pub lengths: &'a [usize],
    pub state: usize,
    pub by_tensor: usize,
}

/// The operations on some tensors.
#[derive(Clone, Copy)]
pub struct Segment {
    pub array: usize,
    pub by_tensor: usize,
    pub row: usize,
    pub flags: usize,
    pub kernels: [u16; STAGES],
}

#[derive(Clone)]
struct Array {
    extent: Extent,
    byte: usize,
    first: usize,
    length: usize,
}

#[derive(Clone)]
pub struct Memory {
    words: Vec<u64>,
    pub size: usize,
    pub lengths: Vec<usize>,
    pub offsets: Vec<usize>,
    /// The first array of each family.
    pub first_arrays: Vec<usize>,
    arrays: Vec<Array>,
    first_row: usize,
    row_length: usize,
}

impl Memory {
    /// All zero, with a row for each tensor and one for the flat parameter array, and without segments.
    pub fn new(size: usize, families: &[Family], row_length: usize) -> Self {
        Self::with_planes(size, families, row_length, &[])
    }

    /// The same with some of the arrays that passes over the flat parameter array have.
    pub fn with_planes(size: usize, families: &[Family], row_length: usize, planes: &[usize]) -> Self {
        Self::with_scratch(size, families, row_length, planes, 0)
    }

    /// Same as `new`, with this many numbers of scratch for kernels of matrices.
    pub fn with_scratch(
        size: usize,
        families: &[Family],
        row_length: usize,
        planes: &[usize],
        scratch: usize,
    ) -> Self {
        let lengths: Vec<usize> = families.iter().flat_map(|family| family.lengths).copied().collect();
        let padded = |lengths: &[usize]| lengths.iter().map(|n| n.next_multiple_of(LINE / size)).sum();
        let length = padded(&lengths);
        let offsets = (0..lengths.len()).map(|i| padded(&lengths[..i])).collect();
        let blocks = |lengths: &[usize]| lengths.iter().map(|n| n.div_ceil(BLOCK)).sum::<usize>();
        let count = lengths.len();
        let mut plan = vec![
            (Extent::Elements, 0, length),
            (Extent::Elements, 0, length),
            (Extent::Tensors, 0, count),
            (Extent::Tensors, 0, count),
            (Extent::Tensors, 0, count),
            (Extent::Blocks, 0, blocks(&lengths) * PARTS),
        ];
        plan.extend(
            (ACCUMULATED..=SLOW)
                .map(|array| (Extent::Elements, 0, if planes.contains(&array) { length } else { 0 })),
        );
        plan.push((Extent::Elements, 0, scratch));
        let listed: Vec<usize> = lengths.iter().map(|n| 1 + 2 * n.min(&MAX_ROWS)).collect();
        plan.push((Extent::Lists, 0, listed.iter().sum()));
        let (mut first_arrays, mut first) = (Vec::new(), 0);
        for family in families {
            first_arrays.push(plan.len());
            plan.extend((0..family.state).map(|_| (Extent::Elements, first, padded(family.lengths))));
            plan.extend((0..family.by_tensor).map(|_| (Extent::Tensors, 0, count)));
            first += padded(family.lengths);
        }
        let first_segment = Header::SIZE + plan.len() * layout::Array::SIZE + count * Tensor::SIZE;
        let first_row = first_segment + count * layout::Segment::SIZE;
        let rows = count + 1;
        let mut end = (first_row + rows * row_length * 2) * 4;
        let mut arrays = Vec::new();
        for (extent, first, length) in plan {
            // A line apart at least.
            let byte = (end + LINE).next_multiple_of(LINE);
            end = byte + (length * bytes_of(extent, size)).next_multiple_of(8);
            arrays.push(Array { extent, byte, first, length });
        }
        let words = vec![CANARY; 2 * BORDER + end.next_multiple_of(LINE) / 8];
        let mut memory = Self { words, size, lengths, offsets, first_arrays, arrays, first_row, row_length };
        memory.words[BORDER..BORDER + (first_row + rows * row_length * 2) / 2].fill(0);
        Header {
            hash: HASH as usize,
            element_size: size,
            arrays: memory.arrays.len(),
            tensors: count,
            segments: 0,
            rows,
            row_length,
            length,
            zeroes: 0,
            blocks: blocks(&memory.lengths),
        }
        .write(|k, x| memory.set_word(k, x as u32));
        for (number, Array { extent, byte, first, length }) in memory.arrays.clone().into_iter().enumerate() {
            let at = array_at(number);
            layout::Array { extent: extent as usize, position: byte / LINE, first, length }
                .write(|k, x| memory.set_word(at + k, x as u32));
            let end = (byte + length * bytes_of(extent, size)).next_multiple_of(8);
            memory.words[BORDER + byte / 8..BORDER + end / 8].fill(0);
        }
        for number in 0..count {
            let entry = Tensor {
                offset: memory.offsets[number],
                length: memory.lengths[number],
                block: blocks(&memory.lengths[..number]),
                list: listed[..number].iter().sum(),
                ..Tensor::read(|_| 0)
            };
            let at = memory.tensor_at(number);
            entry.write(|k, x| memory.set_word(at + k, x as u32));
        }
        memory
    }

    /// Words of the tables.
    pub fn tables(&self) -> usize {
        self.first_row + (self.lengths.len() + 1) * self.row_length * 2
    }

    pub fn set_word(&mut self, at: usize, value: u32) {
        let word = &mut self.words[BORDER + at / 2];
        let shift = 32 * (at % 2);
        *word = *word & !(0xFFFF_FFFF << shift) | u64::from(value) << shift;
    }

    pub fn word(&self, at: usize) -> u32 {
        (self.words[BORDER + at / 2] >> (32 * (at % 2))) as u32
    }

    /// Makes segment `number` of the tensors from `first` to `last`.
    pub fn segment(&mut self, number: usize, [first, last]: [usize; 2], segment: Segment) {
        let Segment { array, by_tensor, row, flags, kernels } = segment;
        let (offset, k) = (self.offsets[first], kernels.map(usize::from));
        let length = self.offsets[last] + self.lengths[last] - offset;
        let [early_kernels, late_kernels] = [k[0] | k[1] << 16, k[2] | k[3] << 16];
        let at = self.segment_at(number);
        layout::Segment { offset, length, array, by_tensor, row, flags, early_kernels, late_kernels }
            .write(|k, x| self.set_word(at + k, x as u32));
        self.set_word(Header::AT.segments, number as u32 + 1);
    }

    /// Passes over the flat parameter array leave the tensor out.
    pub fn stays(&mut self, tensor: usize) {
        self.set_word(self.tensor_at(tensor) + Tensor::AT.flags, EXCLUDED as u32);
    }

    /// Gives a tensor `units` rows, some of which have gradients: the list contains the row's number and the position
    /// of its gradient.
    pub fn list(&mut self, tensor: usize, units: usize, list: &[(u32, u32)]) {
        let at = self.tensor_at(tensor);
        self.set_word(at + Tensor::AT.units, units as u32);
        self.set_word(at + Tensor::AT.unit_length, (self.lengths[tensor] / units) as u32);
        let start = self.arrays[ROW_LISTS].byte / 4 + self.word(at + Tensor::AT.list) as usize;
        self.set_word(start, list.len() as u32);
        for (k, (row, place)) in list.iter().enumerate() {
            self.set_word(start + 1 + k, *row);
            self.set_word(start + 1 + units + k, *place);
        }
    }

    /// Makes a tensor a matrix with these rows and columns.
    pub fn matrix(&mut self, tensor: usize, [rows, columns]: [u32; 2]) {
        self.set_word(self.tensor_at(tensor) + Tensor::AT.rows, rows);
        self.set_word(self.tensor_at(tensor) + Tensor::AT.columns, columns);
    }

    /// Makes an elementwise array one with numbers per row or per column.
    pub fn by_line(&mut self, array: usize) {
        self.set_word(array_at(array) + layout::Array::AT.extent, Extent::Lines as u32);
        self.set_word(array_at(array) + layout::Array::AT.first, 0);
    }

    /// Position of a tensor's words.
    pub fn tensor_at(&self, tensor: usize) -> usize {
        array_at(self.arrays.len()) + tensor * Tensor::SIZE
    }

    /// Position of a segment's words.
    pub fn segment_at(&self, segment: usize) -> usize {
        self.tensor_at(self.lengths.len()) + segment * layout::Segment::SIZE
    }

    pub fn zeroes(&mut self) {
        self.set_word(Header::AT.zeroes, 1);
    }

    pub fn row(&mut self, number: usize, row: &[f64]) {
        let at = BORDER + self.first_row / 2 + number * self.row_length;
        row.iter().enumerate().for_each(|(k, x)| self.words[at + k] = x.to_bits());
    }

    fn byte(&self, array: usize, tensor: usize, i: usize) -> usize {
        let Array { byte, first, .. } = self.arrays[array];
        BORDER * 8 + byte + (self.offsets[tensor] + i - first) * self.size
    }

    pub fn set(&mut self, array: usize, tensor: usize, i: usize, x: f64) {
        let at = self.byte(array, tensor, i);
        match self.size {
            4 => self.set_word(at / 4 - BORDER * 2, (x as f32).to_bits()),
            _ => self.words[at / 8] = x.to_bits(),
        }
    }

    pub fn get(&self, array: usize, tensor: usize, i: usize) -> f64 {
        let at = self.byte(array, tensor, i);
        match self.size {
            4 => f64::from(f32::from_bits(self.word(at / 4 - BORDER * 2))),
            _ => f64::from_bits(self.words[at / 8]),
        }
    }

    /// A number of an array that is not of elements.
    pub fn number(&self, array: usize, k: usize) -> f64 {
        f64::from_bits(self.words[BORDER + self.arrays[array].byte / 8 + k])
    }

    pub fn set_number(&mut self, array: usize, k: usize, x: f64) {
        self.words[BORDER + self.arrays[array].byte / 8 + k] = x.to_bits();
    }

    /// Other numbers for each tensor in each of such arrays.
    pub fn set_by_tensor(&mut self, first: usize, arrays: usize, tensors: usize) {
        for (k, tensor) in (0..arrays).flat_map(|k| (0..tensors).map(move |tensor| (k, tensor))) {
            self.set_number(first + k, tensor, 0.1 + (k + tensor) as f64 / 7.0);
        }
    }

    pub fn tensors(&self) -> usize {
        self.lengths.len()
    }

    /// The places of all elements of some tensors.
    pub fn elements(&self, tensors: impl Iterator<Item = usize>) -> Vec<(usize, usize)> {
        tensors.flat_map(|tensor| (0..self.lengths[tensor]).map(move |i| (tensor, i))).collect()
    }

    /// All numbers of all tensors, as bits, with one pattern for all NaN; the sums by tensor too.
    pub fn contents(&self) -> Vec<u64> {
        let mut contents = Vec::new();
        for (number, array) in self.arrays.iter().enumerate() {
            for tensor in 0..self.lengths.len() {
                let offset = self.offsets[tensor];
                if array.extent == Extent::Tensors {
                    contents.push(bits(self.number(number, tensor)));
                } else if array.extent == Extent::Elements
                    && (array.first..array.first + array.length).contains(&offset)
                {
                    contents.extend((0..self.lengths[tensor]).map(|i| bits(self.get(number, tensor, i))));
                }
            }
        }
        contents
    }

    /// The words that no kernel may write to: the tables, and what is not in an array.
    pub fn outside(&self) -> Vec<u64> {
        let mut words = self.words.clone();
        for Array { extent, byte, length, .. } in &self.arrays {
            let end = (byte + length * bytes_of(*extent, self.size)).next_multiple_of(8);
            words[BORDER + byte / 8..BORDER + end / 8].fill(0);
        }
        words
    }

    /// Whether nothing was written before and behind the arena.
    pub fn has_borders(&self) -> bool {
        let behind = &self.words[self.words.len() - BORDER..];
        self.words[..BORDER].iter().chain(behind).all(|word| *word == CANARY)
    }

    /// The arena's bytes.
    pub fn bytes(&mut self) -> (*mut u8, usize) {
        let arena = &mut self.words[BORDER..];
        (arena.as_mut_ptr().cast(), (arena.len() - BORDER) * 8)
    }

    pub fn arena(&mut self, set: InstructionSet) -> Result<Arena, ArenaError> {
        let (base, bytes) = self.bytes();
        // SAFETY: the words are there, aligned, and nothing else uses them during a call.
        unsafe { Arena::new(base, bytes, set) }
    }

    pub fn run(
        &mut self,
        set: InstructionSet,
        stage: usize,
        borrowed: BorrowedGradients,
    ) -> Result<(), ArenaError> {
        // SAFETY: only this thread uses the arena; the borrowed gradients of tests are as long as their tensors.
        unsafe { self.arena(set)?.run(stage, borrowed, &mut Scratch::new()) }
    }
}

/// Position of an array's words.
pub fn array_at(array: usize) -> usize {
    Header::SIZE + array * layout::Array::SIZE
}

/// A number's bits; one pattern for all NaN.
pub fn bits(x: f64) -> u64 {
    if x.is_nan() { u64::MAX } else { x.to_bits() }
}

pub fn sets() -> impl Iterator<Item = InstructionSet> {
    InstructionSet::ALL.iter().copied().filter(|set| set.is_available())
}

/// Both dtypes on every instruction set.
pub fn places() -> impl Iterator<Item = (usize, InstructionSet)> {
    [4, 8].into_iter().flat_map(|size| sets().map(move |set| (size, set)))
}

pub fn kernel(name: &str) -> &'static Description {
    // Under Miri the list takes a second.
    static ALL: LazyLock<Vec<Description>> = LazyLock::new(kernels);
    ALL.iter().find(|kernel| kernel.name == name).expect("a kernel's name")
}

/// Numbers of either dtype that look arbitrary: whole multiples of 2⁻²³ between −1 and 1.
pub fn noise(seed: u32) -> impl FnMut() -> f64 {
    let mut x = seed;
    move || {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        f64::from(x >> 8) / f64::from(1 << 23) - 1.0
    }
}

fn bytes_of(extent: Extent, size: usize) -> usize {
    match extent {
        Extent::Elements => size,
        Extent::Lists => 4,
        _ => 8,
    }
}
