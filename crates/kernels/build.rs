//! Hashes the sources: an engine, a manifest or a saved run that was made with others is told by it.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=src");
    let mut files = Vec::new();
    collect(Path::new("src"), &mut files)?;
    files.sort();
    let mut hash = 0x811c_9dc5_u32;
    for file in files {
        for line in fs::read_to_string(&file)?.lines().map(str::trim) {
            // Words about the code are not the code.
            if !line.starts_with("//") && !line.is_empty() {
                hash =
                    line.bytes().fold(hash, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
            }
        }
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it")).join("hash.rs");
    fs::write(out, format!("0x{hash:08x}"))
}

/// All files in a folder and below.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { collect(&path, files)? } else { files.push(path) }
    }
    Ok(())
}
