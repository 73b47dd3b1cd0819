//! Measures Adam as equations against its kernel: `cargo run --release --example equations`; a number of elements may
//! follow, and an instruction set's name.

use std::time::Instant;

use antigrad_kernels::layout::*;
use antigrad_kernels::manifest::{HASH, kernels};
use antigrad_kernels::many::OPERATIONS;
use antigrad_kernels::{Arena, InstructionSet, Scratch};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let lengths: Vec<usize> = arguments.iter().filter_map(|text| text.parse().ok()).collect();
    let lengths = if lengths.is_empty() { vec![16, 10_000, 1_000_000, 10_000_000] } else { lengths };
    for set in InstructionSet::ALL.iter().copied().filter(|set| set.is_available()) {
        if arguments.iter().any(|text| text.parse::<usize>().is_err())
            && !arguments.contains(&set.name().into())
        {
            continue;
        }
        for (size, length) in [4, 8].into_iter().flat_map(|size| lengths.iter().map(move |n| (size, *n))) {
            measure(set, size, length);
        }
    }
}

/// In turns; the least of many rounds.
fn measure(set: InstructionSet, size: usize, length: usize) {
    let adam = kernels().into_iter().find(|kernel| kernel.name == "Adam").expect("it is there");
    let own = [1e-3, 1.0, 1e-8, 0.9, 0.1, 0.999, 0.001];
    let fused = memory(size, length, adam.number as usize, &own);
    let equations = memory(size, length, EQUATIONS + 2, &program(&own));
    let mut both = [fused, equations];
    let repeats = (1_000_000 / length).clamp(1, 100_000);
    let mut least = [f64::INFINITY; 2];
    let mut scratch = Scratch::new();
    for _ in 0..if length > 1_000_000 { 15 } else { 60 } {
        for (memory, least) in both.iter_mut().zip(&mut least) {
            // SAFETY: the words are this function's, aligned, and the set is available.
            let arena =
                unsafe { Arena::new(memory.as_mut_ptr().cast(), memory.len() * 64, set) }.expect("it fits");
            let start = Instant::now();
            for _ in 0..repeats {
                // SAFETY: only this thread uses the arena.
                unsafe { arena.run(0, None, &mut scratch) }.expect("it fits");
            }
            let elapsed = start.elapsed().as_secs_f64() / (repeats * length) as f64;
            *least = least.min(elapsed);
        }
    }
    let [fused, equations] = least.map(|seconds| seconds * 1e9);
    println!(
        "{}, {size} bytes, {length}: {fused:.3} ns an element, as equations {equations:.3}, {:.2} times",
        set.name(),
        equations / fused
    );
}

/// Adam in five instructions, behind where it begins and ends.
fn program(own: &[f64]) -> Vec<f64> {
    let steps: [(&str, [u8; 5]); 5] = [
        ("Blend", [2, 15, 2, 16, 1]),
        ("BlendSquare", [3, 17, 3, 18, 1]),
        ("SqrtMultiplyAdd", [20, 3, 13, 14, 0]),
        ("MultiplyOver", [20, 12, 2, 20, 0]),
        ("MultiplySubtract", [0, 0, 19, 20, 0]),
    ];
    let word = |(name, slots): (&str, [u8; 5])| {
        let operation = OPERATIONS.iter().position(|known| *known == name).expect("an operation's name");
        [operation as u8]
            .into_iter()
            .chain(slots)
            .rev()
            .fold(0.0, |word, byte| 256.0 * word + f64::from(byte))
    };
    let places = [6.0, 0.0, 0.0, 12.0, 8.0, 3.0, 5.0];
    places.into_iter().chain(steps.map(word)).chain(own.iter().copied()).chain([0.999]).collect()
}

/// An arena of one tensor, in lines.
fn memory(size: usize, length: usize, kernel: usize, own: &[f64]) -> Vec<[u64; 8]> {
    let row = [&[1.0, f64::INFINITY, 0.0, 0.999], own].concat();
    let plane = length.next_multiple_of(LINE / size);
    let (arrays, states) = (ROW_LISTS + 3, [ROW_LISTS + 1, ROW_LISTS + 2]);
    let tables = Header::SIZE + arrays * Array::SIZE + Tensor::SIZE + Segment::SIZE;
    let mut line = (tables * 4 + 2 * row.len() * 8).div_ceil(LINE);
    let mut words = vec![0_u32; tables];
    let header = Header {
        hash: HASH as usize,
        element_size: size,
        arrays,
        tensors: 1,
        segments: 1,
        rows: 2,
        row_length: row.len(),
        length: plane,
        zeroes: 0,
        blocks: 0,
    };
    header.write(|at, word| words[at] = word as u32);
    let mut places = Vec::new();
    for number in 0..arrays {
        let is_there = [PARAMETERS, GRADIENTS].into_iter().chain(states).any(|own| own == number);
        let length = if is_there { plane } else { 0 };
        let array = Array { extent: Extent::Elements as usize, position: line, first: 0, length };
        array.write(|at, word| words[Header::SIZE + number * Array::SIZE + at] = word as u32);
        places.push(line);
        // Distances as in arenas: not whole pages.
        line += length * size / LINE + 5;
    }
    let first = Header::SIZE + arrays * Array::SIZE;
    Tensor { length, ..Tensor::read(|_| 0) }.write(|at, word| words[first + at] = word as u32);
    let segment = Segment {
        offset: 0,
        length,
        array: states[0],
        row: 0,
        flags: 0,
        by_tensor: 0,
        early_kernels: kernel,
        late_kernels: 0,
    };
    segment.write(|at, word| words[first + Tensor::SIZE + at] = word as u32);
    let mut memory = vec![[0_u64; 8]; line];
    let flat = memory.as_flattened_mut();
    words.chunks(2).enumerate().for_each(|(k, pair)| flat[k] = u64::from(pair[0]) | u64::from(pair[1]) << 32);
    row.iter().enumerate().for_each(|(k, x)| flat[tables / 2 + k] = x.to_bits());
    for (array, place) in
        places.into_iter().enumerate().filter(|(array, _)| [PARAMETERS, GRADIENTS].contains(array))
    {
        for i in 0..plane {
            let x = ((i * 7919 + array) % 1000) as f64 / 500.0 - 1.0;
            let at = flat.as_mut_ptr().cast::<u8>().wrapping_add(place * LINE + i * size);
            // SAFETY: the array is there.
            unsafe {
                match size {
                    4 => at.cast::<f32>().write(x as f32),
                    _ => at.cast::<f64>().write(x),
                }
            }
        }
    }
    memory
}
