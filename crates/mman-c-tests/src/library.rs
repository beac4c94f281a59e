//! The built library: where `libmman.so`, `libmman.a` and the header are.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The library as it was built for these tests.
#[derive(Debug)]
pub struct Library {
    directory: PathBuf,
}

impl Library {
    /// Builds it, once in a process; cargo does nothing where it is up to date, and keeps test processes that
    /// start together from building at once.
    ///
    /// # Panics
    ///
    /// If it cannot be built: no test of it means anything then.
    #[must_use]
    pub fn built() -> &'static Self {
        static BUILT: OnceLock<Library> = OnceLock::new();
        BUILT.get_or_init(Self::build)
    }

    fn build() -> Self {
        let target = target_directory();
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .args(["build", "--quiet", "--locked", "--package", "mman-c", "--profile", "c"])
            .arg("--target-dir")
            .arg(&target)
            .current_dir(Self::workspace())
            .env_remove("RUSTFLAGS")
            .output()
            .expect("cargo starts");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "libmman is built: {errors}");
        let library = Self { directory: target.join("c") };
        assert!(library.shared().exists() && library.archive().exists(), "{library:?}");
        library
    }

    /// The root of the workspace.
    #[must_use]
    pub fn workspace() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
    }

    /// The folder of `sys/mman.h`.
    #[must_use]
    pub fn include(&self) -> PathBuf {
        Self::workspace().join("crates/mman-c/include")
    }

    /// `libmman.so`.
    #[must_use]
    pub fn shared(&self) -> PathBuf {
        self.directory.join("libmman.so")
    }

    /// `libmman.a`.
    #[must_use]
    pub fn archive(&self) -> PathBuf {
        self.directory.join("libmman.a")
    }
}

/// A folder of its own beside the one of the running test: the test's build holds that one's lock.
fn target_directory() -> PathBuf {
    let running = std::env::current_exe().expect("a running test has a file");
    // target/debug/deps/name-hash
    let target = running.ancestors().nth(3).expect("it lies in a target folder");
    target.join("libmman")
}
