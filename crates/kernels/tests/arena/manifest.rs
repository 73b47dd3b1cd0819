//! The list of kernels, as TypeScript has it.

use antigrad_kernels::manifest;

#[test]
fn the_manifest_of_typescript_is_that_of_these_sources() {
    for (name, text) in manifest::modules() {
        let path = format!("{}/../../ts/arena/{name}", env!("CARGO_MANIFEST_DIR"));
        let checked_in = std::fs::read_to_string(path).expect("it is there");
        assert!(checked_in == text, "ts/arena/{name} is stale: `npm run manifest` writes it anew");
    }
}

#[test]
fn kernels_that_are_not_shipped_come_last() {
    let shipped: Vec<bool> = manifest::kernels().iter().map(|kernel| kernel.is_shipped).collect();
    assert!(shipped.is_sorted_by(|a, b| a >= b), "{shipped:?}");
    assert_eq!(shipped.contains(&false), cfg!(feature = "trial"));
    let numbers = manifest::kernels().into_iter().map(|kernel| usize::from(kernel.number));
    assert!(numbers.eq(2..2 + shipped.len()));
}
