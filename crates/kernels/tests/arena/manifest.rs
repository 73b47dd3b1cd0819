//! The list of kernels, as TypeScript has it.

use antigrad_kernels::manifest;
use std::collections::HashSet;

#[test]
fn the_manifest_of_typescript_is_that_of_these_sources() {
    for (name, text) in manifest::modules() {
        let path = format!("{}/../../ts/arena/{name}", env!("CARGO_MANIFEST_DIR"));
        let checked_in = std::fs::read_to_string(path).expect("it is there");
        assert!(checked_in == text, "ts/arena/{name} is stale: `npm run manifest` writes it anew");
    }
}

#[test]
fn kernels_of_the_core_are_numbered_by_the_list_and_all_others_by_their_names() {
    let kernels = manifest::kernels();
    let (core, others): (Vec<_>, Vec<_>) = kernels.iter().partition(|kernel| kernel.is_core);
    assert!(core.iter().map(|kernel| kernel.number).eq(2..2 + core.len() as u16));
    // The numbers hold whatever other kernels the list contains.
    let number = |name| others.iter().find(|kernel| kernel.name == name).expect("it is there").number;
    assert_eq!(["Lion", "Unitwise", "Lamb"].map(number), [828, 845, 594]);
    let numbers: HashSet<_> = others.iter().map(|kernel| kernel.number).collect();
    assert_eq!(numbers.len(), others.len());
    assert!(numbers.iter().all(|number| (320..1024).contains(number)));
    assert_eq!(kernels.iter().any(|kernel| !kernel.is_shipped), cfg!(feature = "trial"));
}
