//! The list of a tensor's rows that have gradients: which row each entry names, and where its gradient lies.

use std::array;
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use crate::arena::*;
use crate::memory;
use crate::stages::arena::Arena;
use crate::sums::{STRIPES, Stripes};
use crate::vector::{Scalar, Vector, load_at};

/// A tensor's list, which JavaScript may write at any time.
pub struct List {
    words: *const AtomicU32,
    count: usize,
    rows: usize,
    /// Elements of a row.
    pub length: usize,
}

/// A row, and the neighboring entries that name it: its gradient is their sum, in their order.
pub struct Named {
    pub row: usize,
    /// The gradient of the first entry.
    place: usize,
    entries: Range<usize>,
}

impl Named {
    /// Whether more than one entry names it.
    pub fn is_repeated(&self) -> bool {
        self.entries.len() > 1
    }

    /// The first element of the first entry's gradient.
    pub fn given(&self, list: &List) -> usize {
        self.place * list.length
    }
}

impl List {
    /// Elements of all gradients.
    pub fn elements(&self) -> usize {
        self.count * self.length
    }

    /// The row that entry `k` names, and the place of its gradient.
    fn entry(&self, k: usize) -> Result<[usize; 2], ArenaError> {
        // SAFETY: there is room for as many of each as there are rows, and `count` is no more.
        let [row, place] =
            array::from_fn(|i| unsafe { memory::get(self.words, i * self.rows + k) }.load(Relaxed) as usize);
        if row < self.rows && place < self.count {
            Ok([row, place])
        } else {
            Err(ArenaError::new(&"a row is none"))
        }
    }

    /// The rows in the order of the list.
    pub fn named(&self) -> impl Iterator<Item = Result<Named, ArenaError>> {
        let mut next = 0;
        std::iter::from_fn(move || {
            (next < self.count).then(|| {
                let (first, [row, place]) = (next, self.entry(next)?);
                next += 1;
                while next < self.count && self.entry(next)?[0] == row {
                    next += 1;
                }
                Ok(Named { row, place, entries: first..next })
            })
        })
    }
}

impl Arena {
    /// A tensor's list, which is where its table says and has no more entries than the tensor has rows.
    pub(crate) fn list(&self, tensor: &Tensor) -> Result<List, ArenaError> {
        let array = self.tables.array(ROW_LISTS)?;
        let (rows, length) = (tensor.units, tensor.unit_length);
        // 64 bits hold all of these.
        let (start, words) = (array.position as u64 * LINE as u64, array.length as u64);
        let fits = array.extent == Extent::Lists as usize
            && start + words * 4 <= self.bytes() as u64
            && tensor.list as u64 + 1 + rows as u64 * 2 <= words
            && rows as u64 * length as u64 <= tensor.length as u64;
        if !fits {
            return Err(ArenaError::new(&"a list of rows does not fit"));
        }
        let list = self.start(array.position * LINE + tensor.list * 4).cast_const().cast::<AtomicU32>();
        // SAFETY: this was just checked.
        let count = unsafe { &*list }.load(Relaxed) as usize;
        if count > rows {
            return Err(ArenaError::new(&"a list has more rows than its tensor"));
        }
        Ok(List { words: list.wrapping_add(1), count, rows, length })
    }

    /// Writes the gradient of a row, `count` elements of it from column `first` on.
    ///
    /// # Safety
    /// `g` must have the gradients of the list, and `to` room for the elements.
    pub(crate) unsafe fn sum_of(
        &self,
        list: &List,
        named: &Named,
        [first, count]: [usize; 2],
        g: *const u8,
        to: *mut u8,
    ) -> Result<(), ArenaError> {
        let at = |place: usize| g.wrapping_add((place * list.length + first) * self.size());
        let Range { start, end } = named.entries;
        // SAFETY: the caller guarantees the gradients of the list, of which `place` is one, and room.
        unsafe { to.copy_from_nonoverlapping(at(named.place), count * self.size()) };
        for k in start + 1..end {
            let [_, place] = list.entry(k)?;
            match self.size() {
                // SAFETY: as above; `entry` has checked the place.
                4 => unsafe { add::<f32>(to.cast(), at(place).cast(), count) },
                // SAFETY: see above.
                _ => unsafe { add::<f64>(to.cast(), at(place).cast(), count) },
            }
        }
        Ok(())
    }

    /// Sets the same elements of all gradients of a row to 0.
    ///
    /// # Safety
    /// `g` must have the gradients of the list.
    pub(crate) unsafe fn zero(
        &self,
        list: &List,
        named: &Named,
        [first, count]: [usize; 2],
        g: *mut u8,
    ) -> Result<(), ArenaError> {
        for k in named.entries.clone() {
            let [_, place] = list.entry(k)?;
            let at = g.wrapping_add((place * list.length + first) * self.size());
            // SAFETY: the caller guarantees the gradients of the list, of which `entry` has found `place` to be one.
            unsafe { at.write_bytes(0, count * self.size()) };
        }
        Ok(())
    }
}

/// # Safety
/// Both must have `count` numbers, and not overlap.
unsafe fn add<T: Scalar>(to: *mut T, from: *const T, count: usize) {
    for i in 0..count {
        // SAFETY: the caller guarantees `count` numbers of both.
        let sum = unsafe { memory::read(to, i) };
        // SAFETY: see above.
        let x = unsafe { memory::read(from, i) };
        // SAFETY: see above.
        unsafe { memory::write(to, i, sum + x) };
    }
}

/// Adds squares to their stripes; `first` is the stripe of the first number.
///
/// # Safety
/// `from` must be readable for `length` numbers.
#[inline(always)]
pub unsafe fn add_squares<V: Vector>(
    from: *const V::Scalar,
    length: usize,
    first: usize,
    stripes: &mut [f64; STRIPES],
) {
    // Up to the first stripe, then whole lines of stripes, then the rest: each stripe gets its numbers in order.
    let lead = ((STRIPES - first) % STRIPES).min(length);
    let end = lead + (length - lead) / STRIPES * STRIPES;
    let one = |stripes: &mut [f64; STRIPES], i: usize| {
        // SAFETY: the caller guarantees `length` numbers, of which this is one.
        let x = unsafe { memory::read(from, i) }.to_f64();
        stripes[(first + i) % STRIPES] += x * x;
    };
    (0..lead).for_each(|i| one(stripes, i));
    if lead < end {
        let mut sums = Stripes::<V>::new(stripes);
        for at in (lead..end).step_by(STRIPES) {
            for k in (0..STRIPES).step_by(V::LANES) {
                // SAFETY: the caller guarantees `length` numbers, which have this line of stripes.
                sums.add(k, unsafe { load_at::<V>(from, at + k) });
            }
        }
        *stripes = sums.to_array();
    }
    (end..length).for_each(|i| one(stripes, i));
}
