//! Functions of JavaScript's arrays. The pointers are valid until the call returns, because no JavaScript runs before.

use std::ptr;

use antigrad_kernels::Operand;
use napi::bindgen_prelude::{TypedArrayType, Unknown};
use napi::{Env, Error, JsValue, Result, sys};
use napi_derive::napi;

use crate::set_named;

/// Applies an operation of programs to numbers. The result and each operand are arrays of one float type and of one
/// length; an operand may be a number instead. Only the operation's own operands are read. The result may be the array of
/// an operand, and must not overlap otherwise: its numbers are then unspecified.
#[napi(catch_unwind)]
pub fn apply(
    env: &Env,
    operation: u32,
    to: Unknown,
    a: Unknown,
    b: Unknown,
    c: Unknown,
    instruction_set: Option<String>,
) -> Result<()> {
    let set = set_named(instruction_set)?;
    let wrong = || Error::from_reason("expected arrays of one float type and length, or numbers");
    let to = Array::new(env, &to).ok_or_else(wrong)?;
    // A number in the dtype of the result.
    let mut numbers = [[0_u8; 8]; 3];
    let mut operands = [Operand { at: ptr::null(), mask: 0 }; 4];
    for ((operand, number), value) in operands.iter_mut().zip(&mut numbers).zip([a, b, c]) {
        *operand = match Array::new(env, &value) {
            Some(array) if (array.size, array.length) == (to.size, to.length) => {
                Operand { at: array.start.cast_const(), mask: usize::MAX }
            }
            Some(_) => return Err(wrong()),
            None => {
                let mut x = 0.0;
                // SAFETY: the value belongs to the current call; of anything else than a number nothing is read.
                let status = unsafe { sys::napi_get_value_double(env.raw(), value.raw(), &mut x) };
                if status != sys::Status::napi_ok {
                    return Err(wrong());
                }
                match to.size {
                    4 => number[..4].copy_from_slice(&(x as f32).to_ne_bytes()),
                    _ => *number = x.to_ne_bytes(),
                }
                Operand { at: number.as_ptr(), mask: 0 }
            }
        };
    }
    // No operation that is a function has a fourth operand.
    operands[3] = Operand { mask: 0, ..operands[2] };
    // SAFETY: the arrays have these lengths, and the instruction set is available.
    let done = unsafe { set.apply_to_arrays(operation as usize, to.size, to.start, &operands, to.length) };
    if done { Ok(()) } else { Err(Error::from_reason("there is no such operation")) }
}

/// The numbers of a Float32Array or a Float64Array.
struct Array {
    start: *mut u8,
    /// Bytes of a number.
    size: usize,
    length: usize,
}

impl Array {
    /// Returns None for any other value.
    fn new(env: &Env, value: &Unknown) -> Option<Self> {
        let (mut dtype, mut length, mut start) = (-1, 0, ptr::null_mut());
        let (buffer, offset) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: the value belongs to the current call; unneeded outputs may be null.
        let status = unsafe {
            sys::napi_get_typedarray_info(
                env.raw(),
                value.raw(),
                &mut dtype,
                &mut length,
                &mut start,
                buffer,
                offset,
            )
        };
        let size = match dtype {
            _ if status != sys::Status::napi_ok => return None,
            dtype if dtype == TypedArrayType::Float32 as i32 => 4,
            dtype if dtype == TypedArrayType::Float64 as i32 => 8,
            _ => return None,
        };
        Some(Self { start: start.cast(), size, length })
    }
}
