//! How an arena is laid out. The manifest carries it to TypeScript: what is here is nowhere else a number.

/// Arrays and tensors start at multiples of this many bytes; what pads a tensor may be overwritten.
pub const LINE: usize = 64;
/// Stages of a step, and behind them the pass that writes the point where a gradient is wanted.
pub const STAGES: usize = 4;

/// Declares tables: their numbers by name, in order, all of one type.
macro_rules! tables {
    ($($(#[$doc:meta])* $name:ident of $type:ty { $($(#[$of:meta])* $field:ident,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub struct $name {
            $($(#[$of])* pub $field: $type),*
        }

        #[allow(dead_code)] // Some are lists of places alone.
        impl $name {
            pub const NAMES: &[&str] = &[$(stringify!($field)),*];
            /// How many numbers it has.
            pub const SIZE: usize = Self::NAMES.len();
            /// Positions of the fields.
            pub const AT: Self = {
                let mut count = 0;
                Self { $($field: { count += 1; (count - 1) as $type }),* }
            };

            /// Reads each of them once.
            #[inline(always)]
            pub fn read(number: impl Fn(usize) -> $type) -> Self {
                Self { $($field: number(Self::AT.$field as usize)),* }
            }

            #[inline(always)]
            pub fn write(&self, mut number: impl FnMut(usize, $type)) {
                $(number(Self::AT.$field as usize, self.$field);)*
            }
        }
    )*};
}
pub(crate) use tables;

tables! {
    Header of usize {
        /// Hash of the sources: see [`super::HASH`].
        hash,
        /// Bytes of an element: 4 or 8.
        element_size,
        arrays,
        tensors,
        segments,
        /// One row for each tensor, followed by the row of the flat parameter array.
        rows,
        /// Numbers in a row.
        row_length,
        /// Elements of the parameters' array, padding included.
        length,
        /// Whether gradients are set to 0 once they are used.
        zeroes,
        /// Blocks of all tensors, for sums.
        blocks,
    }

    /// The array contains elements `first` to `first + length − 1` of the flat parameter array, or of its own extent.
    Array of usize {
        extent,
        /// Position of the array, in lines.
        position,
        first,
        length,
    }

    Tensor of usize {
        offset,
        length,
        /// The number of its first block.
        block,
        flags,
        /// Rows and columns of each of the matrices that it is, one behind the other; or 0.
        rows,
        columns,
        /// Position of the tensor's numbers in arrays per row and per column.
        first_row,
        first_column,
        /// How many rows its shape has, in which gradients may be centralized and clipped, or of which some have
        /// gradients; 0 where it has none.
        units,
        /// Key of the tensor's name, if noise is added to its gradients.
        key,
        /// Elements of one of these rows.
        unit_length,
        /// Position of the tensor's row list in ROW_LISTS.
        list,
    }

    /// Neighboring tensors that are updated by the same kernels with one row of coefficients.
    Segment of usize {
        offset,
        length,
        /// The number of the first array of its state.
        array,
        row,
        flags,
        /// The number of the first array that has numbers by tensor.
        by_tensor,
        /// The kernels of the stages 0 and 1, and of 2 and 3: 16 bits each, from the lowest on.
        early_kernels,
        late_kernels,
    }
}

// So that rows of coefficients are aligned.
const _: () = assert!((Header::SIZE | Array::SIZE | Tensor::SIZE | Segment::SIZE).is_multiple_of(2));
// Segments have this many kernels.
const _: () = assert!(STAGES == 4);

/// The parameters are collected, but stay (a delayed start).
pub const HOLD_PARAMS: usize = 1;
/// Afterwards, subnormal numbers of the state become +0.
pub const FLUSH_STATE: usize = 2;

/// The first stage, of a direction u, does not move θ: it leaves u·k, k = [u·g > 0], where the gradient
/// was, and Σ k as the first number by tensor.
pub const MASKED: usize = 4;
/// Gradients are scaled by a number of their tensor's in SCALES, too.
pub const CLIPPED_PER_TENSOR: usize = 8;
/// The norm of the parameters is needed in addition to that of the gradients.
pub const NEEDS_PARAM_NORM: usize = 16;
/// Gradients are centralized or clipped by unit, or get noise, before the first stage.
pub const PER_UNIT: usize = 32;
/// With MASKED: k is the sign of u·g (Grams), or 1 (nothing is masked).
pub const MASK_TAKES_SIGN: usize = 64;
pub const MASK_KEEPS_ALL: usize = 128;
/// The segment is one tensor, of which some rows have gradients: they are in its list.
pub const BY_ROW: usize = 1 << 10;

/// A flag of a tensor: passes over the flat parameter array leave it out.
pub const EXCLUDED: usize = 1;

/// Numbers of the arrays that every arena has. State arrays follow.
pub const PARAMETERS: usize = 0;
pub const GRADIENTS: usize = 1;
/// Σ g² by tensor.
pub const SQUARES: usize = 2;
/// Σ θ² by tensor, where that is wanted.
pub const PARAMETER_SQUARES: usize = 3;
/// Factors of the gradients by tensor.
pub const SCALES: usize = 4;
/// Partial sums: some numbers per block of each tensor, from which sums per tensor are computed.
pub const PARTIALS: usize = 5;

/// Sums of gradients, averages and slow copies of the parameters; of length 0 unless they were asked for.
pub const ACCUMULATED: usize = 6;
pub const AVERAGE: usize = 7;
pub const SLOW: usize = 8;
/// Workspace of rules that process tensors as matrices; of length 0 without such a rule.
pub const SCRATCH: usize = 9;
/// Which rows have gradients. A tensor's list is their count, their numbers, and, behind room for all of these, which
/// of the rows that lie where the tensor's gradients begin each is.
pub const ROW_LISTS: usize = 10;

/// Over what an array extends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Extent {
    /// A number for each parameter, of the arena's dtype.
    Elements = 0,
    /// A float64 for each tensor.
    Tensors = 1,
    /// Some float64 for each block of each tensor.
    Blocks = 2,
    /// A number of the arena's dtype for each row, or for each column, of tensors that are matrices.
    Lines = 3,
    /// 32-bit words.
    Lists = 4,
}
