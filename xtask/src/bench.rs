//! `bench [NAME...]`: the measurements, built for speed.

use std::path::Path;

use crate::failure::Done;
use crate::run;

pub(crate) fn run(root: &Path, names: &[String]) -> Done {
    let arguments = ["run", "--release", "--locked", "--package", "mman-bench", "--"];
    run::plain("mman-bench", run::cargo(root).args(arguments).args(names))
}
