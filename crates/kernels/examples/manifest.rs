//! Prints the manifest: `npm run manifest` writes it to ts/arena/manifest.ts.

fn main() {
    print!("{}", antigrad_kernels::manifest::typescript());
}
