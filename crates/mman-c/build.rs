//! Gives the shared library its name for the loader.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libmman.so.0");
    // Calls inside the library stay inside. It names no C library: the one of the program is used.
    println!("cargo::rustc-cdylib-link-arg=-Wl,-Bsymbolic,-z,now,-z,relro");
}
