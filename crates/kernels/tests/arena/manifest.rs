//! The list of kernels, as TypeScript has it.

use antigrad_kernels::manifest;

#[test]
fn the_manifest_of_typescript_is_that_of_these_sources() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../ts/arena/manifest.ts");
    let checked_in = std::fs::read_to_string(path).expect("ts/arena/manifest.ts is there");
    assert!(
        checked_in == manifest::typescript(),
        "ts/arena/manifest.ts is stale: `npm run manifest` writes it anew"
    );
}

#[test]
fn kernels_that_are_not_shipped_come_last() {
    let shipped: Vec<bool> = manifest::kernels().iter().map(|kernel| kernel.is_shipped).collect();
    assert!(shipped.is_sorted_by(|a, b| a >= b), "{shipped:?}");
    assert_eq!(shipped.contains(&false), cfg!(feature = "trial"));
    let numbers = manifest::kernels().into_iter().map(|kernel| usize::from(kernel.number));
    assert!(numbers.eq(2..2 + shipped.len()));
}
