//! LZMA decoder (Pavlov; 7-Zip's SDK has the specification). LZMA compresses a module to three quarters of its gzip
//! size. Browsers only decompress gzip asynchronously, but an optimizer is created synchronously. JavaScript is slow at
//! first, and would take longer for this than everything that follows.

use wasm_bindgen::prelude::wasm_bindgen;

/// A choice depends on the place modulo this, and a literal on three bits of the byte before: what is usual.
const PLACES: usize = 4;
const STATES: usize = 12;

// Positions of the probabilities: a few choices by state, lengths, distances, and literals.
const IS_MATCH: usize = 0;
const IS_LONG: usize = IS_MATCH + STATES * PLACES;
const IS_REPEATED: usize = IS_LONG + STATES * PLACES;
const IS_OLDER: usize = IS_REPEATED + STATES;
const LENGTHS: usize = IS_OLDER + STATES * 3;
/// Two choices, short and middle lengths by place, and long ones.
const LENGTHS_SIZE: usize = 2 + PLACES * 16 + 256;
const SLOTS: usize = LENGTHS + 2 * LENGTHS_SIZE;
const SHORT_DISTANCES: usize = SLOTS + 4 * 64;
const LOW_BITS: usize = SHORT_DISTANCES + 128;
const LITERALS: usize = LOW_BITS + 16;
const LITERAL: usize = 3 * 256;
const ALL: usize = LITERALS + 8 * LITERAL;

/// In front: properties, the size, and the range coder's first byte, which is 0.
const HEADER: usize = 14;

struct Decoder {
    next: *const u8,
    range: u32,
    code: u32,
    /// Probabilities that a bit is 0, in 2048ths.
    probabilities: [u16; ALL],
}

static mut DECODER: Decoder = Decoder { next: std::ptr::null(), range: 0, code: 0, probabilities: [0; ALL] };

/// Writes the `size` bytes that were packed to `to`. The packing is trusted: a wrong one traps, or gives other bytes of
/// the memory that both are in.
#[wasm_bindgen]
pub fn unpack(packed: usize, to: usize, size: usize) {
    // SAFETY: the module has one thread, and JavaScript has a memory of this size for this call alone.
    unsafe {
        let decoder = &raw mut DECODER;
        (*decoder).run((packed + HEADER) as *const u8, to as *mut u8, size);
    }
}

impl Decoder {
    /// # Safety
    /// All that is packed must be at `next`, a right packing of `size` bytes, for which there is room at `to`.
    unsafe fn run(&mut self, next: *const u8, to: *mut u8, size: usize) {
        (self.next, self.range, self.code) = (next, u32::MAX, 0);
        self.probabilities.fill(1024);
        let mut state = 0;
        // The last four distances, less 1.
        let mut distances = [0; 4];
        let mut at = 0;
        // SAFETY: the caller guarantees the packing and the room: no distance leads before the start of what has been
        // written, and nothing goes beyond its end.
        unsafe {
            (0..4).for_each(|_| self.shift());
            while at < size {
                let place = at % PLACES;
                if !self.bit(IS_MATCH + state * PLACES + place) {
                    let before = if at > 0 { to.add(at - 1).read() } else { 0 };
                    let matched = if state < 7 { None } else { Some(to.add(at - distances[0] - 1).read()) };
                    to.add(at).write(self.literal(before, matched));
                    at += 1;
                    state = match state {
                        ..4 => 0,
                        4..10 => state - 3,
                        _ => state - 6,
                    };
                    continue;
                }
                let begins = |if_literal, otherwise| if state < 7 { if_literal } else { otherwise };
                let count;
                if !self.bit(IS_REPEATED + state) {
                    count = self.length(LENGTHS, place);
                    let [a, b, c, _] = distances;
                    distances = [self.distance(count), a, b, c];
                    state = begins(7, 10);
                } else {
                    let [a, b, c, d] = distances;
                    let older = IS_OLDER + state * 3;
                    let mut is_long = true;
                    distances = if !self.bit(older) {
                        is_long = self.bit(IS_LONG + state * PLACES + place);
                        distances
                    } else if !self.bit(older + 1) {
                        [b, a, c, d]
                    } else if !self.bit(older + 2) {
                        [c, a, b, d]
                    } else {
                        [d, a, b, c]
                    };
                    count = if is_long { self.length(LENGTHS + LENGTHS_SIZE, place) } else { 1 };
                    state = if is_long { begins(8, 11) } else { begins(9, 11) };
                }
                // One by one: it may be what has just been written.
                for _ in 0..count {
                    to.add(at).write(to.add(at - distances[0] - 1).read());
                    at += 1;
                }
            }
        }
    }

    /// The next byte of the code.
    ///
    /// # Safety
    /// There must be one at `next`.
    unsafe fn shift(&mut self) {
        // SAFETY: the caller guarantees this byte.
        unsafe {
            self.code = (self.code << 8) | u32::from(self.next.read());
            self.next = self.next.add(1);
        }
    }

    /// # Safety
    /// Same as for `shift`, where the range is small.
    unsafe fn normalize(&mut self) {
        if self.range < 1 << 24 {
            self.range <<= 8;
            // SAFETY: the caller guarantees a byte at `next`.
            unsafe { self.shift() };
        }
    }

    /// # Safety
    /// The place must be below `ALL`, and what is packed not end before this bit.
    #[inline(never)]
    unsafe fn bit(&mut self, at: usize) -> bool {
        // SAFETY: the caller guarantees the place, and a byte at `next` where one is wanted.
        unsafe {
            let probability = self.probabilities.get_unchecked_mut(at);
            let bound = (self.range >> 11) * u32::from(*probability);
            let is_one = self.code >= bound;
            if is_one {
                self.code -= bound;
                self.range -= bound;
                *probability -= *probability >> 5;
            } else {
                self.range = bound;
                *probability += (2048 - *probability) >> 5;
            }
            self.normalize();
            is_one
        }
    }

    /// Bits of equal chances.
    ///
    /// # Safety
    /// What is packed must not end before these bits.
    unsafe fn direct(&mut self, count: usize) -> usize {
        (0..count).fold(0, |value, _| {
            self.range >>= 1;
            let is_one = self.code >= self.range;
            if is_one {
                self.code -= self.range;
            }
            // SAFETY: the caller guarantees a byte at `next` where one is wanted.
            unsafe { self.normalize() };
            value * 2 + usize::from(is_one)
        })
    }

    /// Decodes a tree from the highest bit on.
    ///
    /// # Safety
    /// A tree of this many bits must end below `ALL`, and the packed data must not end before its bits.
    #[inline(never)]
    unsafe fn tree(&mut self, at: usize, bits: usize) -> usize {
        // SAFETY: the caller guarantees the tree, of which `node` is one.
        let node = (0..bits).fold(1, |node, _| node * 2 + usize::from(unsafe { self.bit(at + node) }));
        node - (1 << bits)
    }

    /// From the lowest bit on.
    ///
    /// # Safety
    /// Same as for `tree`.
    #[inline(never)]
    unsafe fn reversed(&mut self, at: usize, bits: usize) -> usize {
        let mut node = 1;
        (0..bits).fold(0, |value, k| {
            // SAFETY: the caller guarantees the tree, of which `node` is one.
            let bit = usize::from(unsafe { self.bit(at + node) });
            node = node * 2 + bit;
            value + (bit << k)
        })
    }

    /// Decodes a literal. After a match, the byte that would continue the match is the context, up to the first
    /// difference.
    ///
    /// # Safety
    /// The packed data must not end before this literal.
    unsafe fn literal(&mut self, before: u8, matched: Option<u8>) -> u8 {
        let at = LITERALS + usize::from(before >> 5) * LITERAL;
        let (mut expected, mut mask) = matched.map_or((0, 0), |byte| (usize::from(byte), 256));
        let mut node = 1;
        while node < 256 {
            expected *= 2;
            let bit = expected & mask;
            // SAFETY: each of the eight literal contexts has places for `node`, below 256, three times: alone, and for
            // either expected bit. The caller guarantees the packed data.
            let is_one = unsafe { self.bit(at + mask + bit + node) };
            node = node * 2 + usize::from(is_one);
            mask &= if is_one { bit } else { !bit };
        }
        node as u8
    }

    /// # Safety
    /// `at` must be the place of lengths, and what is packed not end before this one.
    #[inline(never)]
    unsafe fn length(&mut self, at: usize, place: usize) -> usize {
        let short = at + 2 + place * 16;
        // SAFETY: the caller guarantees that these are lengths, of which `LENGTHS_SIZE` has room for all trees, and
        // what is packed.
        unsafe {
            if !self.bit(at) {
                2 + self.tree(short, 3)
            } else if !self.bit(at + 1) {
                10 + self.tree(short + 8, 3)
            } else {
                18 + self.tree(at + 2 + PLACES * 16, 8)
            }
        }
    }

    /// Decodes the distance of a match that is not a repetition.
    ///
    /// # Safety
    /// The packed data must not end before this distance.
    unsafe fn distance(&mut self, count: usize) -> usize {
        // SAFETY: each tree has room for all of its nodes: four trees of slots, a tree of short distances for each slot
        // below 14, and a tree of low bits. (Places go up to `from − slot + 2^bits`, which is at most 115.) The caller
        // guarantees the packed data.
        unsafe {
            let slot = self.tree(SLOTS + (count - 2).min(3) * 64, 6);
            if slot < 4 {
                return slot;
            }
            let bits = (slot >> 1) - 1;
            let from = (2 + (slot & 1)) << bits;
            if slot < 14 {
                from + self.reversed(SHORT_DISTANCES + from - slot, bits)
            } else {
                from + self.direct(bits - 4) * 16 + self.reversed(LOW_BITS, 4)
            }
        }
    }
}
