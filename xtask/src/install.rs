//! `install [--prefix DIR] [--destdir DIR] [--libdir DIR]`: builds the command and libmman, and puts them where
//! users and C programs find them.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};

use crate::command::{self, Item};
use crate::failure::{Done, Failure};
use crate::metadata;
use crate::run;

/// The name that programs are linked with; the build script of `mman-c` writes it into the library.
const SONAME: &str = "libmman.so.0";

/// What pkg-config's files give a meaning to, and no path may have.
const NOT_IN_PATHS: &[char] = &['"', '\'', '\\', '$', '#'];

/// Where things go, from the arguments.
#[derive(Debug, PartialEq, Eq)]
struct Places {
    prefix: PathBuf,
    libdir: PathBuf,
    /// Where the tree of the prefix is built up, to be packed; `/` otherwise.
    destdir: PathBuf,
}

pub(crate) fn run(root: &Path, arguments: &[String]) -> Done {
    let places = Places::of(arguments)?;
    // Before the build, so that a place without rights is told at once.
    for folder in [&places.libdir, &places.prefix] {
        make_folder(&places.real(folder))?;
    }
    let build = ["build", "--quiet", "--locked", "--package", "mman-c", "--profile", "c"];
    run::plain("the build of libmman", run::cargo(root).args(build))?;
    let built = metadata::read(root)?.target.join("c");
    let command = command::build(root)?;
    for line in put(root, &built, &command, &places)? {
        println!("{line}");
    }
    Ok(())
}

impl Places {
    fn of(arguments: &[String]) -> Done<Self> {
        let (mut prefix, mut libdir, mut destdir) = (None, None, None);
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let (name, value) = match argument.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (argument.as_str(), rest.next().cloned()),
            };
            let place = match name {
                "--prefix" => &mut prefix,
                "--libdir" => &mut libdir,
                "--destdir" => &mut destdir,
                _ => {
                    return Err(Failure::new(format!(
                        "install does not know `{name}`: it takes --prefix DIR, --libdir DIR and --destdir DIR"
                    )));
                }
            };
            let value = value.filter(|value| !value.is_empty());
            *place = Some(
                value.ok_or_else(|| Failure::new(format!("{name} needs a directory after it")))?,
            );
        }
        let prefix = checked("--prefix", prefix.as_deref().unwrap_or("/usr/local"))?;
        let libdir = match libdir.as_deref() {
            Some(libdir) if Path::new(libdir).is_absolute() => checked("--libdir", libdir)?,
            libdir => prefix.join(libdir.unwrap_or("lib")),
        };
        let destdir = std::path::absolute(destdir.as_deref().unwrap_or("/"))
            .map_err(|error| Failure::new(format!("--destdir: {error}")))?;
        Ok(Self { prefix, libdir, destdir })
    }

    /// Where a path of the installed system is now.
    fn real(&self, path: &Path) -> PathBuf {
        self.destdir.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// The directory of the libraries as pkg-config's file has it: below the prefix it moves with it.
    fn libdir_of_pc(&self) -> String {
        match self.libdir.strip_prefix(&self.prefix) {
            Ok(below) => format!("${{exec_prefix}}/{}", below.display()),
            Err(_) => self.libdir.display().to_string(),
        }
    }
}

/// A path that may stand in pkg-config's file.
fn checked(name: &str, path: &str) -> Done<PathBuf> {
    let wrong = |why: &str| Err(Failure::new(format!("{name} {path}: {why}")));
    if !Path::new(path).is_absolute() {
        return wrong("not an absolute path, which pkg-config needs");
    }
    if path.contains(|c: char| c.is_whitespace() || c.is_control() || NOT_IN_PATHS.contains(&c)) {
        return wrong("blanks, quotes, `\\`, `$` and `#` cannot stand in a file of pkg-config");
    }
    if Path::new(path).components().any(|part| part == Component::ParentDir) {
        return wrong("`..` is not followed");
    }
    Ok(Path::new(path).components().collect())
}

/// Puts everything in its place, and lists it.
fn put(root: &Path, built: &Path, command: &[Item], places: &Places) -> Done<Vec<String>> {
    let version = env!("CARGO_PKG_VERSION");
    let Places { prefix, libdir, .. } = places;
    let source = root.join("crates/mman-c");
    let shared = format!("libmman.so.{version}");
    let mut put = Put { places, done: Vec::new() };

    for Item { from, to, mode } in command {
        put.file(from, &prefix.join(to), *mode)?;
    }
    put.file(&built.join("libmman.so"), &libdir.join(&shared), 0o755)?;
    put.link(&shared, &libdir.join(SONAME))?;
    put.link(SONAME, &libdir.join("libmman.so"))?;
    put.file(&built.join("libmman.a"), &libdir.join("libmman.a"), 0o644)?;
    put.file(&source.join("include/sys/mman.h"), &prefix.join("include/mman/sys/mman.h"), 0o644)?;
    for (section, page) in [("man3", "mman.3"), ("man5", "mman-typed.conf.5")] {
        let to = prefix.join("share/man").join(section).join(page);
        put.file(&source.join("man").join(page), &to, 0o644)?;
    }

    let from = source.join("libmman.pc.in");
    let pc = fs::read_to_string(&from).map_err(|error| cannot("read", &from, &error))?;
    let pc = pc
        .replace("@PREFIX@", &prefix.display().to_string())
        .replace("@LIBDIR@", &places.libdir_of_pc())
        .replace("@VERSION@", version);
    put.bytes(pc.as_bytes(), &libdir.join("pkgconfig/libmman.pc"), 0o644)?;
    Ok(put.done)
}

/// Puts things in places, and remembers which.
struct Put<'a> {
    places: &'a Places,
    done: Vec<String>,
}

impl Put<'_> {
    fn file(&mut self, from: &Path, to: &Path, mode: u32) -> Done {
        let bytes = fs::read(from).map_err(|error| cannot("read", from, &error))?;
        self.bytes(&bytes, to, mode)
    }

    fn bytes(&mut self, bytes: &[u8], to: &Path, mode: u32) -> Done {
        self.replace(to, |new| {
            fs::write(new, bytes)?;
            fs::set_permissions(new, Permissions::from_mode(mode))
        })
    }

    fn link(&mut self, target: &str, to: &Path) -> Done {
        self.replace(to, |new| symlink(target, new))
    }

    /// Makes it beside its place and moves it there in one step: programs may run with the old library, which must
    /// not change under them.
    fn replace(&mut self, to: &Path, make: impl FnOnce(&Path) -> io::Result<()>) -> Done {
        let real = self.places.real(to);
        if let Some(folder) = real.parent() {
            make_folder(folder)?;
        }
        let mut new = real.clone().into_os_string();
        new.push(".new");
        let new = PathBuf::from(new);
        match fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(cannot("replace", &new, &error));
            }
            _ => {} // what an installation that was stopped left behind
        }
        make(&new)
            .and_then(|()| fs::rename(&new, &real))
            .map_err(|error| cannot("write", &real, &error))?;
        self.done.push(real.display().to_string());
        Ok(())
    }
}

fn make_folder(folder: &Path) -> Done {
    fs::create_dir_all(folder).map_err(|error| cannot("make", folder, &error))
}

fn cannot(what: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::new(format!("install cannot {what} {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::Places;

    fn places(arguments: &[&str]) -> Result<Places, String> {
        let arguments: Vec<String> = arguments.iter().map(|&one| one.to_owned()).collect();
        Places::of(&arguments).map_err(|failure| failure.to_string())
    }

    #[test]
    fn places_have_defaults() {
        let usual = places(&[]).unwrap();
        assert_eq!(usual.prefix, Path::new("/usr/local"));
        assert_eq!(usual.libdir, Path::new("/usr/local/lib"));
        assert_eq!(usual.libdir_of_pc(), "${exec_prefix}/lib");
        assert_eq!(usual.real(&usual.libdir), Path::new("/usr/local/lib"));
    }

    #[test]
    fn arguments_say_where() {
        let given = ["--prefix", "/usr/", "--libdir=lib/x86_64-linux-gnu", "--destdir", "/tmp/a"];
        let given = places(&given).unwrap();
        assert_eq!(given.libdir, PathBuf::from("/usr/lib/x86_64-linux-gnu"));
        assert_eq!(given.real(&given.libdir), Path::new("/tmp/a/usr/lib/x86_64-linux-gnu"));
        assert_eq!(given.libdir_of_pc(), "${exec_prefix}/lib/x86_64-linux-gnu");
        assert_eq!(places(&["--libdir", "/lib64"]).unwrap().libdir_of_pc(), "/lib64");
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for (arguments, word) in [
            (&["--prefix"][..], "needs a directory"),
            (&["--prefix="], "needs a directory"),
            (&["--prefix", "here"], "absolute"),
            (&["--prefix", "/a b"], "blanks"),
            (&["--libdir", "/a$b"], "blanks"),
            (&["--prefix", "/a/../b"], "`..`"),
            (&["--prefx", "/a"], "does not know `--prefx`"),
            (&["/usr"], "does not know `/usr`"),
        ] {
            let said = places(arguments).unwrap_err();
            assert!(said.contains(word) && !said.contains('\n'), "{said}");
        }
    }
}
