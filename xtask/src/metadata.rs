//! The packages of the workspace and what they depend on, as `cargo metadata` tells it.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::failure::{Done, Failure};
use crate::run;

/// How a package uses another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// In the library or program itself, or in its build script.
    Real,
    /// In tests, benches and examples.
    Dev,
}

/// A package of the workspace.
#[derive(Debug)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// Its manifest, relative to the root.
    pub(crate) manifest: String,
    pub(crate) dependencies: Vec<(String, Use)>,
}

/// What cargo knows about the workspace.
#[derive(Debug)]
pub(crate) struct Metadata {
    pub(crate) packages: Vec<Package>,
    pub(crate) target: PathBuf,
}

impl Metadata {
    pub(crate) fn is_member(&self, name: &str) -> bool {
        self.packages.iter().any(|package| package.name == name)
    }
}

/// Asks cargo.
pub(crate) fn read(root: &Path) -> Done<Metadata> {
    let output = run::cargo(root)
        .args(["metadata", "--format-version", "1", "--no-deps"])
        .output()
        .map_err(|error| Failure::new(format!("cargo cannot be started: {error}")))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Failure::new(format!("cargo metadata failed: {}", said.trim())));
    }
    parse(root, &output.stdout)
}

fn parse(root: &Path, json: &[u8]) -> Done<Metadata> {
    let strange = || Failure::new("cargo metadata has a shape that xtask does not know");
    let value: Value = serde_json::from_slice(json)
        .map_err(|error| Failure::new(format!("cargo metadata is no JSON: {error}")))?;
    let target = value.get("target_directory").and_then(Value::as_str).ok_or_else(strange)?;
    let packages = value
        .get("packages")
        .and_then(Value::as_array)
        .and_then(|packages| packages.iter().map(|one| package(root, one)).collect())
        .ok_or_else(strange)?;
    Ok(Metadata { packages, target: PathBuf::from(target) })
}

fn package(root: &Path, value: &Value) -> Option<Package> {
    let manifest = Path::new(value.get("manifest_path")?.as_str()?);
    let dependencies = value
        .get("dependencies")?
        .as_array()?
        .iter()
        .map(|one| {
            let dev = one.get("kind").and_then(Value::as_str) == Some("dev");
            let name = one.get("name")?.as_str()?.to_owned();
            Some((name, if dev { Use::Dev } else { Use::Real }))
        })
        .collect::<Option<Vec<_>>>()?;
    Some(Package {
        name: value.get("name")?.as_str()?.to_owned(),
        manifest: manifest.strip_prefix(root).unwrap_or(manifest).display().to_string(),
        dependencies,
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Use, parse};

    #[test]
    fn dependencies_keep_their_kind() {
        let json = br#"{"target_directory": "/w/target", "packages": [{"name": "a",
            "manifest_path": "/w/crates/a/Cargo.toml", "dependencies": [{"name": "b", "kind": null},
            {"name": "c", "kind": "dev"}, {"name": "d", "kind": "build"}]}]}"#;
        let metadata = parse(Path::new("/w"), json).unwrap();
        let package = metadata.packages.first().unwrap();
        assert_eq!(package.manifest, "crates/a/Cargo.toml");
        let wanted = [("b", Use::Real), ("c", Use::Dev), ("d", Use::Real)];
        assert_eq!(package.dependencies, wanted.map(|(name, used)| (name.to_owned(), used)));
        assert!(metadata.is_member("a") && !metadata.is_member("b"));
    }

    #[test]
    fn another_shape_is_an_error() {
        assert!(parse(Path::new("/w"), b"{}").is_err());
        assert!(parse(Path::new("/w"), b"no").is_err());
    }
}
