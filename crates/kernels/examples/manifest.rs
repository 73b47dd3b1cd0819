//! Writes the manifest: `npm run manifest`.

use std::path::Path;

fn main() -> std::io::Result<()> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../ts/arena"));
    antigrad_kernels::manifest::modules()
        .iter()
        .try_for_each(|(name, text)| std::fs::write(folder.join(name), text))
}
