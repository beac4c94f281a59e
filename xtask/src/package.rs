//! `package`: the Debian package of the command, by cargo-deb.

use std::path::Path;

use crate::failure::{Done, Failure};
use crate::{command, metadata, run};

pub(crate) fn run(root: &Path, _arguments: &[String]) -> Done {
    let has_it = run::cargo(root)
        .args(["deb", "--version"])
        .output()
        .is_ok_and(|output| output.status.success());
    if !has_it {
        return Err(Failure::new("package needs cargo-deb: cargo install cargo-deb"));
    }
    // What the package holds besides the program is made first.
    command::build(root)?;
    let arguments = ["deb", "--locked", "--no-build", "--strip", "--package", "mman-cli"];
    run::plain("cargo deb", run::cargo(root).args(arguments))?;
    println!("{}", metadata::read(root)?.target.join("debian").display());
    Ok(())
}
