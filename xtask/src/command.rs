//! The command `mman` with all that is installed beside it: its manual and its completions, made by itself.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::failure::{Done, Failure};
use crate::{metadata, run};

/// Completions: what the command calls the shell, and the file's place below a prefix.
const SHELLS: &[(&str, &str)] = &[
    ("bash", "share/bash-completion/completions/mman"),
    ("zsh", "share/zsh/site-functions/_mman"),
    ("fish", "share/fish/vendor_completions.d/mman.fish"),
];

/// A file that is to be installed.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) from: PathBuf,
    /// Below the prefix.
    pub(crate) to: PathBuf,
    pub(crate) mode: u32,
}

/// Builds the command, has it make its manual and its completions, and lists all of it. They are in
/// `package/` of the target directory of releases then, where the Debian package takes them from.
pub(crate) fn build(root: &Path) -> Done<Vec<Item>> {
    let build = ["build", "--quiet", "--locked", "--release", "--package", "mman-cli"];
    run::plain("the build of the command", run::cargo(root).args(build))?;
    let release = metadata::read(root)?.target.join("release");
    let program = release.join("mman");
    let made = release.join("package");
    let manual = made.join("man");
    match fs::remove_dir_all(&made) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(Failure::new(format!("{} cannot be made anew: {error}", made.display())));
        }
        _ => {} // a page that there is no more
    }
    let make = |path: &Path| {
        fs::create_dir_all(path)
            .map_err(|error| Failure::new(format!("{} cannot be made: {error}", path.display())))
    };
    make(&manual)?;
    run::plain("mman generate man", Command::new(&program).args(["generate", "man"]).arg(&manual))?;
    let mut items =
        vec![Item { from: program.clone(), to: PathBuf::from("bin/mman"), mode: 0o755 }];
    for name in names(&manual)? {
        let to = Path::new("share/man/man1").join(&name);
        items.push(Item { from: manual.join(name), to, mode: 0o644 });
    }
    for (shell, to) in SHELLS {
        let from = made.join("completions").join(shell);
        make(&made.join("completions"))?;
        let out = fs::File::create(&from)
            .map_err(|error| Failure::new(format!("{} cannot be made: {error}", from.display())))?;
        let mut command = Command::new(&program);
        command.args(["generate", "completions", shell]).stdout(Stdio::from(out));
        run::plain("mman generate completions", &mut command)?;
        items.push(Item { from, to: PathBuf::from(to), mode: 0o644 });
    }
    Ok(items)
}

/// The files of a folder, in their order.
fn names(folder: &Path) -> Done<Vec<PathBuf>> {
    let cannot = |error| Failure::new(format!("{} cannot be read: {error}", folder.display()));
    let entries = fs::read_dir(folder).map_err(cannot)?;
    let mut names = Vec::new();
    for entry in entries {
        names.push(PathBuf::from(entry.map_err(cannot)?.file_name()));
    }
    names.sort();
    Ok(names)
}
