//! A panic as a value: it ends the call in which it happens, and not the process.

use std::any::Any;
use std::cell::Cell;
use std::fmt;
use std::panic::{self, AssertUnwindSafe};

thread_local! {
    /// The hook's record of this thread's last panic, until it is taken.
    static LAST: Cell<Option<String>> = const { Cell::new(None) };
}

/// Message of a panic; with [`silence_panics`] also its location.
#[derive(Debug)]
pub struct Panic(String);

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Returns the result of `work`, or the panic that ended it. After a panic the data of `work` must not be used again.
#[inline(always)]
pub fn catch_panic<T>(work: impl FnOnce() -> T) -> Result<T, Panic> {
    panic::catch_unwind(AssertUnwindSafe(work)).map_err(|payload| Panic(told(&*payload)))
}

#[cold]
fn told(payload: &(dyn Any + Send)) -> String {
    let said = || {
        let literal = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
        literal.or_else(|| payload.downcast_ref::<String>().cloned())
    };
    LAST.take().or_else(said).unwrap_or_else(|| "a panic".to_owned())
}

/// Prints nothing for a panic that is caught, because its message is in the error. If a second panic follows an
/// uncaught panic, the process is about to end, and both are printed.
pub fn silence_panics() {
    panic::set_hook(Box::new(|panic| {
        let text = panic.to_string().replace('\n', " ");
        if let Ok(Some(before)) = LAST.try_with(|last| last.replace(Some(text))) {
            eprintln!("antigrad: {before}\nantigrad: {panic}");
        }
    }));
}
