//! Structs whose fields are lanes: what a rule calls its coefficients and its state by name.

/// A list of names, and a struct of vectors, numbers or pointers under these names.
pub trait Lanes {
    type Of<V>;
    const NAMES: &'static [&'static str];

    /// The struct whose field number k is `lanes(k)`.
    fn each<V>(lanes: impl FnMut(usize) -> V) -> Self::Of<V>;

    /// Calls `see` with each field and its number.
    fn visit<V: Copy>(of: &Self::Of<V>, see: impl FnMut(usize, V));
}

/// Declares structs of lanes: `lanes! { Moments { m, v } }`.
macro_rules! lanes {
    ($($(#[$doc:meta])* $name:ident { $($field:ident),* $(,)? })*) => {
        $(
            $(#[$doc])*
            pub struct $name<V = ()> {
                $(pub $field: V),*
            }

            impl $crate::kernel::lanes::Lanes for $name {
                type Of<V> = $name<V>;
                const NAMES: &'static [&'static str] = &[$(stringify!($field)),*];

                #[inline(always)]
                fn each<V>(mut lanes: impl FnMut(usize) -> V) -> $name<V> {
                    let mut count = 0..;
                    // The numbers are constants once this is inlined.
                    $name { $($field: lanes(count.next().unwrap_or_default())),* }
                }

                #[inline(always)]
                fn visit<V: Copy>(of: &$name<V>, mut see: impl FnMut(usize, V)) {
                    let mut count = 0..;
                    $(see(count.next().unwrap_or_default(), of.$field);)*
                }
            }
        )*
    };
}
pub(crate) use lanes;

/// No lanes at all.
pub struct Nothing;

impl Lanes for Nothing {
    type Of<V> = Self;
    const NAMES: &'static [&'static str] = &[];

    #[inline(always)]
    fn each<V>(_: impl FnMut(usize) -> V) -> Self {
        Self
    }

    #[inline(always)]
    fn visit<V: Copy>(_: &Self, _: impl FnMut(usize, V)) {}
}
