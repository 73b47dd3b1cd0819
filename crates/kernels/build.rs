//! Hashes the sources: an engine, a manifest or a saved run that was made with others is told by it.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// Sources that affect every kernel's result.
const SHARED: [&str; 3] = ["src/kernel/mod.rs", "src/kernel/pipeline.rs", "src/sums/mod.rs"];
/// Sources that contain a kernel's equations or run them.
const OWN: [&str; 3] = ["src/rules", "src/stages/plane.rs", "src/programs/equations.rs"];

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=src");
    // Here and not in the sources: it changes no kernel's hash.
    if env::var("CARGO_CFG_TARGET_ENDIAN").is_ok_and(|order| order == "big") {
        println!("cargo::error=antigrad wants a little-endian processor, and this target is big-endian");
    }
    let mut files = Vec::new();
    collect(Path::new("src"), &mut files)?;
    files.sort();
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    fs::write(out.join("hash.rs"), format!("0x{:08x}", hash(&files)?))?;
    let mut sources = String::new();
    for file in files.iter().filter(|file| OWN.iter().any(|own| file.starts_with(own))) {
        let module = file.file_stem().unwrap_or_default().display();
        let own: Vec<_> = [file.clone()].into_iter().chain(SHARED.map(PathBuf::from)).collect();
        sources += &format!("(\"{module}\", 0x{:08x}), ", hash(&own)?);
    }
    fs::write(out.join("sources.rs"), format!("&[{sources}]"))
}

/// FNV-1a of the files' lines.
fn hash(files: &[PathBuf]) -> io::Result<u32> {
    let mut hash = 0x811c_9dc5_u32;
    for file in files {
        for line in fs::read_to_string(file)?.lines().map(str::trim) {
            // Words about the code are not the code.
            if !line.starts_with("//") && !line.is_empty() {
                hash =
                    line.bytes().fold(hash, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
            }
        }
    }
    Ok(hash)
}

/// All files in a folder and below.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { collect(&path, files)? } else { files.push(path) }
    }
    Ok(())
}
