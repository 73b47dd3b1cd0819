//! Selects the code of a kernel for the current instruction set. This module knows all kernels and all instruction
//! sets.

use crate::arena::{ArenaError, LINE, Numbers};
#[cfg(feature = "equations")]
use crate::kernel::MAX_SUMS;
use crate::kernel::code::{Code, Entry};
use crate::kernel::matrices::{Compiled, Work};
use crate::kernel::pipeline::{self, Factors, Preparation, Scratch};
use crate::kernel::{self, Kernel, MAX_TENSOR, RowAt, Streams, Sum, Sums};
use crate::many::advance::{self, ManyCode, Movement};
#[cfg(not(target_arch = "wasm32"))]
use crate::many::join_loops::{self, for_each_join};
#[cfg(not(target_arch = "wasm32"))]
use crate::many::joined::Join;
#[cfg(feature = "matrices")]
use crate::many::matrices;
use crate::many::{self, Batch};
#[cfg(feature = "equations")]
use crate::programs::equations::{self, Kind};
use crate::programs::operations::{self, Operand, Operands, Operate, Operation, for_each_operation};
#[cfg(feature = "equations")]
use crate::programs::pairs::{self, Pair, for_each_pair};
use crate::stages::arena::Arena;
use crate::stages::plan::CachedArena;
#[cfg(feature = "catalogue")]
use crate::stages::row_list;
use crate::sums;
use crate::target::SMALL;
#[cfg(feature = "emulated")]
use crate::vector::Emulated;
use crate::vector::{self, Scalar, VectorPair, WIDEST};

/// Makes the table of kernels for one type of vectors from the list of rules.
macro_rules! entries {
    (
        ($vector:ty)
        [$($core:ident::$kernel:ident,)*]
        [$($elementwise:ident::$single:ident,)*]
        [$($rule:ident::$matrices:ident,)*]
        [$($(#[$cfg:meta])* $module:ident::$further:ident,)*]
    ) => {
        &[
            Entry::sums(0, &[]),
            Entry::sums(1, &[Sum::Gradients]),
            $(Entry::of::<crate::rules::$core::$kernel>(
                run::<$vector, crate::rules::$core::$kernel, false>,
                run::<$vector, crate::rules::$core::$kernel, true>,
                summed::<$vector, crate::rules::$core::$kernel>,
                by_row::<$vector, crate::rules::$core::$kernel>,
            ),)*
            $(#[cfg(feature = "elementwise")] Entry::of::<crate::rules::$elementwise::$single>(
                run::<$vector, crate::rules::$elementwise::$single, false>,
                run::<$vector, crate::rules::$elementwise::$single, true>,
                summed::<$vector, crate::rules::$elementwise::$single>,
                by_row::<$vector, crate::rules::$elementwise::$single>,
            ),)*
            $(#[cfg(feature = "catalogue")] Entry::of_matrices::<$vector, crate::rules::$rule::$matrices>(),)*
            $(#[cfg(feature = "catalogue")] $(#[$cfg])* Entry::of::<crate::rules::$module::$further>(
                run::<$vector, crate::rules::$module::$further, false>,
                run::<$vector, crate::rules::$module::$further, true>,
                summed::<$vector, crate::rules::$module::$further>,
                by_row::<$vector, crate::rules::$module::$further>,
            ),)*
        ]
    };
}

/// Whether a build has an operation.
const fn has<O: Operation>() -> bool {
    cfg!(not(feature = "functions")) || O::IS_FUNCTION
}

/// The same dispatch for operations.
macro_rules! operate {
    (($vector:ty) $($operation:ident,)*) => {
        &[$(if has::<operations::$operation>() {
            operate::<$vector, operations::$operation> as Operate
        } else {
            operations::left_out
        },)*]
    };
    (($narrow:ty, $wide:ty) $($operation:ident,)*) => {
        &[$(if !has::<operations::$operation>() {
            operations::left_out as Operate
        } else if operations::$operation::IN_FLOAT64 {
            in_float64::<$wide, operations::$operation>
        } else {
            operate::<$narrow, operations::$operation>
        },)*]
    };
}

/// The same dispatch for pairs of operations.
#[cfg(feature = "equations")]
macro_rules! pairs {
    (($vector:ty) $($a:ident $a_all:literal, $b:ident $b_all:literal, $at:literal;)*) => {
        if SMALL { &[] } else { &[$(Pair::of::<operations::$a, operations::$b>(
            [$a_all, $b_all],
            $at,
            both::<$vector, operations::$a, operations::$b, $a_all, $b_all, $at>,
        ),)*] }
    };
}

/// The same dispatch for pairs of operations in programs of expressions.
#[cfg(not(target_arch = "wasm32"))]
macro_rules! joins {
    (($vector:ty) $($a:ident $a_all:literal, $b:ident $b_all:literal, $reads:literal;)*) => {
        &[$(Join::of::<operations::$a, operations::$b>(
            [$a_all, $b_all],
            $reads,
            join::<$vector, operations::$a, operations::$b, $a_all, $b_all, $reads>,
        ),)*]
    };
}

/// A function for each count of arrays of state.
#[cfg(feature = "equations")]
macro_rules! by_states {
    ($of:ident::<$scalar:ident, $other:tt>) => {
        [
            $of::<$scalar, 0, { $other }>,
            $of::<$scalar, 1, { $other }>,
            $of::<$scalar, 2, { $other }>,
            $of::<$scalar, 3, { $other }>,
            $of::<$scalar, 4, { $other }>,
            $of::<$scalar, 5, { $other }>,
            $of::<$scalar, 6, { $other }>,
        ]
    };
}

/// Makes the code of one instruction set: generic functions, compiled for that set alone.
macro_rules! code {
    ($module:ident, $f32:ty, $f64:ty $(, $feature:literal)?) => {
        #[allow(clippy::undocumented_unsafe_blocks)] // Documented below, for all of them at once.
        mod $module {
            use super::*;
            use crate::vector::Vector;

            const _: () = assert!(size_of::<$f32>() <= WIDEST && size_of::<$f64>() <= WIDEST);

            // SAFETY (all of them): the creator of an `Arena`, a `CachedArena` or a `Batch` guarantees that the
            // instruction set is available (see `new` of each). Each function is called with the arrays that its callee
            // requires: see # Safety there.
            $(#[target_feature(enable = $feature)])?
            unsafe fn run<V: Vector, K: Kernel, const DECAYS: bool>(
                streams: &Streams,
                row: Numbers,
                tensor: &[f64; MAX_TENSOR],
                length: usize,
            ) {
                if !DECAYS || kernel::can_decay::<K>() {
                    unsafe { kernel::pass::<V, K, DECAYS>(streams, row, tensor, length) }
                }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn summed<V: Vector, K: Kernel>(
                streams: &Streams,
                row: Numbers,
                tensor: &[f64; MAX_TENSOR],
                length: usize,
                sums: &mut Sums,
            ) {
                // Most kernels have no such loop, and none has one where code is small.
                if !K::SUMS.is_empty() && !SMALL {
                    unsafe { kernel::pass_summed::<V, K>(streams, row, tensor, length, sums) }
                }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn by_row<V: Vector, K: Kernel>(
                streams: &Streams,
                row: Numbers,
                preparation: Option<&Preparation>,
                length: usize,
                rows: &[RowAt],
            ) {
                // SAFETY: as above.
                if K::BY_ROW && !SMALL {
                    unsafe { kernel::pass_by_row::<V, K>(streams, row, preparation, length, rows) }
                }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn prepare<V: Vector>(
                theta: *const u8,
                g: *const u8,
                preparation: &Preparation,
                prepared: *mut u8,
                length: usize,
            ) {
                unsafe { pipeline::prepare::<V>(theta, g, preparation, prepared, length) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn mask<V: Vector>(
                negated: *const u8,
                g: *const u8,
                masked: *mut u8,
                factors: Factors,
                length: usize,
            ) {
                unsafe { pipeline::mask::<V>(negated, g, masked, factors, length) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn squares<V: Vector>(from: *const u8, length: usize) -> f64 {
                unsafe { sums::of_squares::<V>(from.cast(), length) }
            }

            $(#[target_feature(enable = $feature)])?
            #[cfg(feature = "catalogue")]
            unsafe fn add_squares<V: Vector>(from: *const u8, length: usize, first: usize, stripes: &mut [f64; sums::STRIPES]) {
                unsafe { row_list::add_squares::<V>(from.cast(), length, first, stripes) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn values<T: Scalar>(from: *const u8, length: usize, mask: u64) -> f64 {
                // No kernel of the core asks for it.
                if cfg!(not(feature = "catalogue")) {
                    return f64::NAN;
                }
                sums::of_values(unsafe { std::slice::from_raw_parts(from.cast::<T>(), length) }, mask)
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn nonzero<V: Vector>(from: *const u8, length: usize) -> f64 {
                unsafe { sums::of_nonzero::<V>(from, length) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn flush<T: Scalar>(state: *mut u8, length: usize) {
                if length > 0 {
                    pipeline::flush(unsafe { std::slice::from_raw_parts_mut(state.cast::<T>(), length) })
                }
            }

            $(#[target_feature(enable = $feature)])?
            #[inline(never)] // A test finds it by its name.
            unsafe fn piece<V: Vector, W: Work<V>>(work: &W, number: usize, scratch: &mut Scratch) {
                unsafe { work.piece(number, scratch) }
            }

            impl Compiled for $f32 {
                unsafe fn piece<W: Work<Self>>(work: &W, number: usize, scratch: &mut Scratch) {
                    unsafe { piece(work, number, scratch) }
                }
            }

            impl Compiled for $f64 {
                unsafe fn piece<W: Work<Self>>(work: &W, number: usize, scratch: &mut Scratch) {
                    unsafe { piece(work, number, scratch) }
                }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn operate<V: Vector, O: Operation>(to: *mut u8, operands: &Operands, length: usize) {
                unsafe { operations::operate::<V, O>(to, operands, length) }
            }

            $(#[target_feature(enable = $feature)])?
            #[inline(never)] // It is longer than most operations, and one is enough.
            unsafe fn widened(to: *mut u8, operands: &Operands, length: usize, operate: Operate) {
                unsafe { operations::operate_in_float64(to, operands, length, operate) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn in_float64<V: Vector, O: Operation>(
                to: *mut u8,
                operands: &Operands,
                length: usize,
            ) {
                const { assert!(O::OPERANDS <= operations::MAX_WIDENED) };
                unsafe { widened(to, operands, length, operate::<V, O>) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn moved<V: Vector>(movement: &Movement, largest: *mut u8, sum: *mut u8) -> bool {
                unsafe { advance::moved::<V>(movement, largest, sum) }
            }

            $(#[target_feature(enable = $feature)])?
            #[cfg(feature = "matrices")]
            #[inline(never)]
            unsafe fn matrix(to: *mut u8, operands: &Operands, length: usize) {
                unsafe { matrices::operate::<$f64>(to, operands, length) }
            }

            $(#[target_feature(enable = $feature)])?
            #[cfg(feature = "equations")]
            unsafe fn tally<T: Scalar>(from: *const u8, length: usize, what: usize, stripes: &mut [f64; sums::STRIPES]) {
                let values = unsafe { std::slice::from_raw_parts(from.cast::<T>(), length) };
                equations::tally(values, what, stripes)
            }

            $(#[target_feature(enable = $feature)])?
            #[cfg(feature = "equations")]
            unsafe fn both<V: Vector, A: Operation, B: Operation, const A_ALL: u8, const B_ALL: u8, const AT: usize>(
                to: [*mut u8; 2],
                operands: &[Operands; 2],
                length: usize,
            ) {
                unsafe { pairs::operate::<V, A, B, A_ALL, B_ALL, AT>(to, operands, length) }
            }

            $(#[target_feature(enable = $feature)])?
            #[cfg(not(target_arch = "wasm32"))]
            unsafe fn join<V: Vector, A: Operation, B: Operation, const A_ALL: u8, const B_ALL: u8, const READS: u8>(
                to: [*mut u8; 2],
                operands: [&Operands; 2],
                length: usize,
            ) {
                unsafe { join_loops::operate::<V, A, B, A_ALL, B_ALL, READS>(to, operands, length) }
            }

            #[cfg(feature = "equations")]
            fn kind<T>(states: usize, values: usize, program: usize) -> Kind {
                let many = if size_of::<T>() == 4 { &MANY32 } else { &MANY64 };
                Kind { operations: many.operations, pairs: many.pairs, states, values, program }
            }

            #[cfg(feature = "equations")]
            unsafe fn update<T: Scalar, const STATES: usize, const VALUES: usize>(
                streams: &Streams,
                row: Numbers,
                tensor: &[f64; MAX_TENSOR],
                length: usize,
            ) {
                let kind = kind::<T>(STATES, VALUES, 0);
                unsafe { equations::update::<T>(kind, streams, row, tensor, length) }
            }

            #[cfg(feature = "equations")]
            unsafe fn measure<T: Scalar, const STATES: usize, const PROGRAM: usize>(
                streams: &Streams,
                row: Numbers,
                tensor: &[f64; MAX_TENSOR],
                length: usize,
            ) -> [f64; MAX_SUMS] {
                let kind = kind::<T>(STATES, MAX_TENSOR, PROGRAM);
                unsafe { equations::measure::<T>(kind, tally::<T>, streams, row, tensor, length) }
            }

            pub static OPERATIONS32: &[Operate] = for_each_operation!(operate!(($f32, $f64)));
            pub static OPERATIONS64: &[Operate] = for_each_operation!(operate!(($f64)));

            pub static MANY32: ManyCode = ManyCode {
                operations: OPERATIONS32,
                #[cfg(not(target_arch = "wasm32"))]
                joins: for_each_join!(joins!(($f32))),
                #[cfg(target_arch = "wasm32")]
                joins: &[],
                #[cfg(feature = "equations")]
                pairs: for_each_pair!(pairs!(($f32))),
                clamp: operate::<$f32, operations::Clamp>,
                #[cfg(feature = "matrices")]
                matrix,
                moved: moved::<VectorPair<$f32>>,
            };
            pub static MANY64: ManyCode = ManyCode {
                operations: OPERATIONS64,
                #[cfg(not(target_arch = "wasm32"))]
                joins: for_each_join!(joins!(($f64))),
                #[cfg(target_arch = "wasm32")]
                joins: &[],
                #[cfg(feature = "equations")]
                pairs: for_each_pair!(pairs!(($f64))),
                clamp: operate::<$f64, operations::Clamp>,
                #[cfg(feature = "matrices")]
                matrix,
                moved: moved::<VectorPair<$f64>>,
            };

            pub static FLOAT32: Code = Code {
                kernels: if cfg!(feature = "rules") { crate::rules::for_each_kernel!(entries!($f32)) } else { &[] },
                #[cfg(feature = "elementwise")]
                positions: &crate::rules::POSITIONS,
                #[cfg(feature = "equations")]
                equations: &equations::entries(
                    [by_states!(update::<f32, 0>), by_states!(update::<f32, MAX_TENSOR>)],
                    run::<$f32, crate::rules::norms::Prepared, false>,
                    [by_states!(measure::<f32, 1>), by_states!(measure::<f32, 2>)],
                ),
                prepare: prepare::<$f32>,
                mask: mask::<$f32>,
                flush: flush::<f32>,
                squares: squares::<$f32>,
                #[cfg(feature = "catalogue")]
                add_squares: add_squares::<$f32>,
                values: values::<f32>,
                nonzero: nonzero::<$f32>,
                units: crate::rules::PER_UNIT,
            };
            pub static FLOAT64: Code = Code {
                kernels: if cfg!(feature = "rules") { crate::rules::for_each_kernel!(entries!($f64)) } else { &[] },
                #[cfg(feature = "elementwise")]
                positions: &crate::rules::POSITIONS,
                #[cfg(feature = "equations")]
                equations: &equations::entries(
                    [by_states!(update::<f64, 0>), by_states!(update::<f64, MAX_TENSOR>)],
                    run::<$f64, crate::rules::norms::Prepared, false>,
                    [by_states!(measure::<f64, 1>), by_states!(measure::<f64, 2>)],
                ),
                prepare: prepare::<$f64>,
                mask: mask::<$f64>,
                flush: flush::<f64>,
                squares: squares::<$f64>,
                #[cfg(feature = "catalogue")]
                add_squares: add_squares::<$f64>,
                values: values::<f64>,
                nonzero: nonzero::<$f64>,
                units: crate::rules::PER_UNIT,
            };
        }
    };
}

/// One row per instruction set: its name, its vectors, and its detection.
macro_rules! instruction_sets {
    ($(
        $(#[$cfg:meta])*
        $variant:ident, $name:literal, $module:ident, $f32:ty, $f64:ty, $available:expr $(, $feature:literal)?;
    )*) => {
        $($(#[$cfg])* code!($module, $f32, $f64 $(, $feature)?);)*

        /// Target of compiled code.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum InstructionSet { $($(#[$cfg])* $variant),* }

        impl InstructionSet {
            /// Worst first.
            pub const ALL: &[Self] = &[$($(#[$cfg])* Self::$variant),*];

            pub fn name(self) -> &'static str {
                match self { $($(#[$cfg])* Self::$variant => $name),* }
            }

            /// Whether this processor, and its operating system, run it.
            pub fn is_available(self) -> bool {
                match self { $($(#[$cfg])* Self::$variant => $available),* }
            }

            /// The code for numbers of four bytes, or of eight.
            fn code(self, size: usize) -> &'static Code {
                const CODES: &[[&Code; 2]] = &[$($(#[$cfg])* [if cfg!(feature = "rules") { &$module::FLOAT32 } else { &$module::FLOAT64 }, &$module::FLOAT64]),*];
                CODES[self as usize][usize::from(size == 8)]
            }

            /// The code for many runs. (Apart: most builds have none.)
            fn many(self, size: usize) -> &'static ManyCode {
                const ALL: &[[&ManyCode; 2]] = &[$($(#[$cfg])* [if cfg!(feature = "rules") { &$module::MANY32 } else { &$module::MANY64 }, &$module::MANY64]),*];
                ALL[self as usize][usize::from(size == 8)]
            }

            /// The operations, for numbers of four bytes or of eight. (Apart: the module of functions needs no more.)
            fn operations(self, size: usize) -> &'static [Operate] {
                const ALL: &[[&&[Operate]; 2]] = &[$($(#[$cfg])* [
                    if cfg!(any(feature = "rules", feature = "functions")) { &$module::OPERATIONS32 } else { &$module::OPERATIONS64 },
                    &$module::OPERATIONS64,
                ]),*];
                ALL[self as usize][usize::from(size == 8)]
            }
        }
    };
}

/// Adds one-lane code, and plain Rust code with the narrowest and the widest vectors. These let tests run code that is
/// generic over vectors at widths that the processor may lack.
#[cfg(not(target_arch = "wasm32"))]
macro_rules! instruction_sets_beside_scalar {
    ($($row:tt)*) => {
        instruction_sets! {
            Scalar, "scalar", scalar, f32, f64, true;
            #[cfg(feature = "emulated")]
            Emulated8, "emulated, 8 bytes", emulated8, Emulated<f32, 2>, Emulated<f64, 1>, true;
            #[cfg(feature = "emulated")]
            Emulated64, "emulated, 64 bytes", emulated64, Emulated<f32, 16>, Emulated<f64, 8>, true;
            $($row)*
        }
    };
}

#[cfg(target_arch = "x86_64")]
instruction_sets_beside_scalar! {
    Sse2, "sse2", sse2, vector::sse2::F32x4, vector::sse2::F64x2, true, "sse2";
    Avx2, "avx2", avx2, vector::avx2::F32x8, vector::avx2::F64x4, is_x86_feature_detected!("avx2"), "avx2";
    Avx512, "avx512", avx512, vector::avx512::F32x16, vector::avx512::F64x8,
        is_x86_feature_detected!("avx512f"), "avx512f";
}

#[cfg(target_arch = "aarch64")]
instruction_sets_beside_scalar! {
    Neon, "neon", neon, vector::neon::F32x4, vector::neon::F64x2, true, "neon";
}

#[cfg(target_arch = "wasm32")]
instruction_sets! {
    Simd128, "simd128", simd128, vector::simd128::F32x4, vector::simd128::F64x2, true, "simd128";
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "wasm32")))]
instruction_sets_beside_scalar! {}

// Tensors, slots and columns have whole lines.
const _: () = assert!(WIDEST <= LINE);

impl InstructionSet {
    /// The widest that this processor runs.
    pub fn best() -> Self {
        *Self::ALL.iter().rfind(|set| set.is_available()).expect("the first is always there")
    }

    /// x ← an operation, by its name, of x and others, over `length` elements, for who has no program. Columns have whole
    /// lines; what is behind `length` becomes anything.
    ///
    /// # Panics
    /// Where the processor lacks it, there is no such operation, or a column is too short.
    pub fn apply<T: Scalar>(self, name: &str, x: &mut [T], others: [&[T]; 3], length: usize) {
        let least = length.next_multiple_of(LINE / size_of::<T>());
        assert!(self.is_available() && x.len() >= least && others.iter().all(|other| other.len() >= least));
        let number = many::OPERATIONS.iter().position(|known| *known == name).expect("an operation's name");
        let x = x.as_mut_ptr();
        let [y, z, w] = others.map(<[T]>::as_ptr);
        let operands = [x.cast_const(), y, z, w].map(|at| Operand { at: at.cast(), mask: usize::MAX });
        // SAFETY: this was just checked.
        unsafe { self.operations(size_of::<T>())[number](x.cast(), &operands, length) }
    }

    /// Applies the operation of that number to columns of numbers of four or eight bytes. Returns false if there is no
    /// such operation.
    ///
    /// # Safety
    /// The instruction set must be available. The result must have room for `length` numbers, rounded up to whole lines,
    /// and each operand must have as many, or one line if its mask is 0. The result may coincide with an operand, and
    /// must not overlap otherwise.
    pub unsafe fn apply_to_columns(
        self,
        number: usize,
        size: usize,
        to: *mut u8,
        operands: &Operands,
        length: usize,
    ) -> bool {
        let Some(operation) = self.operations(size).get(number) else { return false };
        // SAFETY: the caller guarantees the columns and the instruction set.
        unsafe { operation(to, operands, length) };
        true
    }

    /// Applies the operation of that number to arrays of numbers of four or eight bytes. Returns false if there is no
    /// such operation.
    ///
    /// # Safety
    /// The instruction set must be available. The result must have room for `length` numbers, and each operand must have
    /// as many, or one if its mask is 0. The result may coincide with an operand, and must not overlap otherwise.
    pub unsafe fn apply_to_arrays(
        self,
        number: usize,
        size: usize,
        to: *mut u8,
        operands: &Operands,
        length: usize,
    ) -> bool {
        let Some(&operation) = self.operations(size).get(number) else { return false };
        // SAFETY: the caller guarantees the arrays and the instruction set.
        unsafe { operations::operate_on_arrays(operation, size, to, operands, length) };
        true
    }
}

impl Arena {
    /// Reads the header at `base` and checks that its tables lie within `bytes`.
    ///
    /// # Safety
    /// `base` must be valid for reads and writes of `bytes` bytes for as long as the arena is used, and
    /// the instruction set available. JavaScript may write to the bytes meanwhile: what becomes of them
    /// is then unspecified, but nothing outside of them is touched.
    #[inline(always)]
    pub unsafe fn new(base: *mut u8, bytes: usize, set: InstructionSet) -> Result<Self, ArenaError> {
        // SAFETY: the caller guarantees the bytes, and the instruction set of the code.
        unsafe { Self::read(base, bytes, |size| set.code(size)) }
    }
}

impl CachedArena {
    /// Copies the tables, checks them, and finds what the first stage runs.
    ///
    /// # Safety
    /// Same as for [`Arena::new`].
    pub unsafe fn new(
        words: &[u32],
        base: *mut u8,
        bytes: usize,
        set: InstructionSet,
    ) -> Result<Self, ArenaError> {
        // SAFETY: the caller guarantees the bytes, and the instruction set of the code.
        unsafe { Self::read(words, base, bytes, |size| set.code(size)) }
    }
}

impl Batch {
    /// Reads and checks the header.
    ///
    /// # Safety
    /// `base` must be valid for reads and writes of `bytes` bytes for as long as the batch is used, and the
    /// instruction set available.
    pub unsafe fn new(base: *mut u8, bytes: usize, set: InstructionSet) -> Result<Self, ArenaError> {
        // SAFETY: the caller guarantees the bytes, and the instruction set of the code.
        unsafe { Self::read(base, bytes, |size| (set.code(size), set.many(size))) }
    }
}
