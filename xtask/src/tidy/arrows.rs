//! Which crate may lean on which: the table, and the check of every manifest against it.

use crate::finding::Finding;
use crate::metadata::{Package, Use};

/// What one crate of the workspace may name in its manifest.
struct Arrow {
    package: &'static str,
    /// Crates of the workspace, as dependencies of the crate itself or of its build script.
    may: &'static [&'static str],
    /// Crates of the workspace that only its tests, benches and examples may use besides.
    dev: &'static [&'static str],
    /// Crates from outside; `None` where any is fine.
    outside: Option<&'static [&'static str]>,
}

const TESTKIT: &[&str] = &["mman-testkit"];

/// The crate that may use everything, the C library's own crate included: it measures the peers.
const BENCH: &str = "mman-bench";

#[rustfmt::skip]
const ARROWS: &[Arrow] = &[
    Arrow { package: "mman-sys", may: &[], dev: TESTKIT, outside: Some(&["linux-raw-sys", "syscalls"]) },
    Arrow { package: "mman", may: &["mman-sys", "mman-typed"], dev: TESTKIT, outside: Some(&["rustix", "log", "tracing-core", "tracing-subscriber"]) },
    Arrow { package: "mman-typed", may: &["mman-sys"], dev: TESTKIT, outside: None },
    Arrow { package: "mman-pager", may: &["mman", "mman-sys"], dev: TESTKIT, outside: None },
    Arrow { package: "mman-c", may: &["mman-sys", "mman-typed"], dev: TESTKIT, outside: None },
    Arrow { package: "mman-memmap2", may: &["mman"], dev: TESTKIT, outside: None },
    Arrow { package: "mman-cli", may: &["mman", "mman-pager"], dev: TESTKIT, outside: None },
    Arrow { package: "mman-testkit", may: &["mman-sys", "mman", "mman-typed"], dev: &[], outside: None },
    Arrow { package: "mman-c-tests", may: &["mman-sys", "mman-typed"], dev: TESTKIT, outside: None },
    Arrow { package: "xtask", may: &[], dev: &[], outside: None },
];

pub(super) fn check(packages: &[Package]) -> Vec<Finding> {
    let mut found = Vec::new();
    for package in packages.iter().filter(|package| package.name != BENCH) {
        let Some(arrow) = ARROWS.iter().find(|arrow| arrow.package == package.name) else {
            let message = format!(
                "`{}` is not in the table of arrows: say in xtask/src/tidy/arrows.rs what it may use",
                package.name
            );
            found.push(Finding::new(&package.manifest, 1, message));
            continue;
        };
        for (name, used) in &package.dependencies {
            let ours = packages.iter().any(|other| other.name == *name);
            if let Some(message) = complaint(arrow, name, *used, ours) {
                found.push(Finding::new(&package.manifest, 1, message));
            }
        }
    }
    found
}

fn complaint(arrow: &Arrow, name: &str, used: Use, ours: bool) -> Option<String> {
    let package = arrow.package;
    if ours {
        if arrow.may.contains(&name) || (used == Use::Dev && arrow.dev.contains(&name)) {
            return None;
        }
        let may = if arrow.may.is_empty() { "none".to_owned() } else { arrow.may.join(", ") };
        return Some(format!(
            "`{package}` must not know `{name}` (of the workspace it may use: {may}): move the code \
             to the side of the arrow it belongs to"
        ));
    }
    if used == Use::Dev {
        return None;
    }
    if name == "libc" {
        return Some(format!(
            "`{package}` must not depend on libc: use mman-sys or rustix (tests may have it)"
        ));
    }
    let outside = arrow.outside?;
    (!outside.contains(&name)).then(|| {
        format!(
            "`{package}` may use {} from outside, not `{name}`: do without it, or widen the table in \
             xtask/src/tidy/arrows.rs",
            outside.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::{Package, Use, check};

    fn package(name: &str, dependencies: &[(&str, Use)]) -> Package {
        Package {
            name: name.into(),
            manifest: format!("crates/{name}/Cargo.toml"),
            dependencies: dependencies.iter().map(|(name, used)| ((*name).into(), *used)).collect(),
        }
    }

    fn count(name: &str, dependencies: &[(&str, Use)]) -> usize {
        let all = ["mman-sys", "mman", "mman-testkit"].into_iter().filter(|other| *other != name);
        let mut packages: Vec<Package> = all.map(|other| package(other, &[])).collect();
        packages.push(package(name, dependencies));
        check(&packages).len()
    }

    #[test]
    fn arrows_of_the_table_pass() {
        assert_eq!(count("mman", &[("mman-sys", Use::Real), ("rustix", Use::Real)]), 0);
        assert_eq!(count("mman", &[("mman-testkit", Use::Dev), ("libc", Use::Dev)]), 0);
        assert_eq!(count("mman-sys", &[("linux-raw-sys", Use::Real)]), 0);
        assert_eq!(count("mman-bench", &[("mman-sys", Use::Real), ("libc", Use::Real)]), 0);
    }

    #[test]
    fn other_arrows_are_found() {
        assert_eq!(count("mman-sys", &[("mman", Use::Real)]), 1);
        assert_eq!(count("mman-sys", &[("rustix", Use::Real)]), 1);
        assert_eq!(count("mman", &[("mman-testkit", Use::Real)]), 1);
        assert_eq!(count("mman-cli", &[("mman-sys", Use::Dev)]), 1);
        assert_eq!(count("mman-cli", &[("libc", Use::Real)]), 1);
        assert_eq!(count("xtask", &[("mman", Use::Dev)]), 1);
    }

    #[test]
    fn a_crate_outside_the_table_is_found() {
        assert_eq!(count("mman-new", &[]), 1);
    }
}
