//! Where the C library `libmman` is found.

use super::Finding;
use std::env;
use std::fs;
use std::path::PathBuf;

const NAME: &str = "libmman.so.0";

/// Looks where the loader does, and whether it is loaded here.
pub(super) fn look() -> Vec<Finding> {
    vec![found(), loaded()]
}

fn found() -> Finding {
    let place = places().into_iter().map(|place| place.join(NAME)).find(|file| file.exists());
    let (state, meaning) = match place {
        Some(file) => ("yes", format!("{}: preload it with LD_PRELOAD={NAME}", file.display())),
        None => (
            "no",
            "cargo xtask install puts it in a prefix; then ldconfig, or LD_LIBRARY_PATH".to_owned(),
        ),
    };
    Finding { name: NAME, state: state.to_owned(), meaning }
}

/// `LD_LIBRARY_PATH`, then the loader's usual folders, then `../lib` of this command. ld.so(8)
fn places() -> Vec<PathBuf> {
    let asked = env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let arch = env::consts::ARCH;
    let usual = [
        "/usr/local/lib".to_owned(),
        format!("/usr/local/lib/{arch}-linux-gnu"),
        format!("/usr/lib/{arch}-linux-gnu"),
        "/usr/lib64".to_owned(),
        "/usr/lib".to_owned(),
        format!("/lib/{arch}-linux-gnu"),
        "/lib".to_owned(),
    ];
    let beside =
        env::current_exe().ok().and_then(|file| Some(file.parent()?.parent()?.join("lib")));
    env::split_paths(&asked).chain(usual.into_iter().map(PathBuf::from)).chain(beside).collect()
}

/// A preloaded library shows in the maps of the process.
fn loaded() -> Finding {
    let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let is_it =
        |name: &str| name.rsplit('/').next().is_some_and(|file| file.starts_with("libmman.so"));
    let file =
        maps.lines().filter_map(|line| line.split_whitespace().nth(5)).find(|name| is_it(name));
    let (state, meaning) = match file {
        Some(file) => ("yes", format!("{file}: this command's own calls go through it")),
        None => ("no", "this command's own calls go to the kernel and the C library".to_owned()),
    };
    Finding { name: "libmman preloaded", state: state.to_owned(), meaning }
}
