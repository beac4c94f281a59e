//! Typed memory from outside, by the library: the configuration with what is wrong in it, and pools as they are.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "test code: it may panic"
)]

use mman::inspect::typed::{Agreement, Kind, Look, Pool, State, Useless, Wrong, configuration};
use mman::{Cause, Errno, Operation, TypedMemory};
use mman_testkit::typed::Pools;
use mman_testkit::{child, fork, require};
use std::fs::{self, File};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::PathBuf;

const UNIT: u64 = 4096;

fn pool(name: &str) -> Pool {
    configuration().unwrap().port(name).unwrap().pool.clone().unwrap()
}

fn in_use(name: &str) -> Look {
    match pool(name).look().unwrap() {
        State::InUse(look) => look,
        other => unreachable!("{other:?}"),
    }
}

/// What is configured comes as it stands there, the first of a name; what counts for nothing is told with its place.
#[test]
fn the_configuration_is_told() {
    child::run(|| {
        let pools = Pools::new(
            "port /n/0 pool=n access=r\npool s kind=shm size=64K\npool n kind=node node=0 size=1M mode=0640\n\
             port /s pool=s\npool s kind=shm size=1M\nport /s pool=n\ndirectory /elsewhere\nport /x pool=y\n\
             pool h kind=huge page=2M size=4M path=/mnt\nport /h pool=h\nport bad\n\
             pool d kind=dax path=/dev/dax0.0\nport /d pool=d",
        );
        pools.use_here();
        let found = configuration().unwrap();
        assert_eq!(found.files, [pools.file()]);
        let names: Vec<_> = found.ports.iter().map(|port| port.name.as_str()).collect();
        assert_eq!(names, ["/n/0", "/s", "/x", "/h", "/d"]);
        let told: Vec<_> = found.remarks.iter().map(|one| (one.place.line, one.why)).collect();
        let expected = [
            (7, Useless::PoolAgain),
            (8, Useless::PortAgain),
            (9, Useless::DirectoryAgain),
            (10, Useless::NoPool),
            (13, Useless::Wrong(Wrong::Name)),
        ];
        assert_eq!(told, expected);
        assert!(found.remarks.iter().all(|one| one.place.file == pools.file()));
        let node = found.port("0").unwrap();
        assert_eq!((node.writes, node.place.line), (false, 3));
        let pool = node.pool.as_ref().unwrap();
        assert_eq!((&pool.kind, pool.size, pool.mode), (&Kind::Node(0), 1 << 20, 0o640));
        assert_eq!(pool.directory.as_deref(), Some(pools.directory()));
        let huge = Kind::Huge { page: 2 << 20, path: Some(PathBuf::from("/mnt")) };
        assert_eq!(found.port("/h").unwrap().pool.as_ref().unwrap().kind, huge);
        assert!(found.port("/x").unwrap().pool.is_none() && found.port("/nothing").is_none());
        assert_eq!(found.port("s").unwrap().pool.as_ref().unwrap().size, 64 << 10, "the first");
    });
}

/// A pool before, while and after somebody holds memory of it.
#[test]
fn pools_are_seen_as_they_are() {
    child::run(|| {
        let pools = Pools::new("pool s kind=shm size=400K\nport /s pool=s");
        pools.use_here();
        match pool("s").look().unwrap() {
            State::Unused(planned) => {
                assert_eq!((planned.size, planned.unit), (Some(100 * UNIT), UNIT));
            }
            other => unreachable!("{other:?}"),
        }
        assert!(!pools.table("s").exists());
        let other = pools.hold("/s", &[10, 10, 10], &[1]);
        let look = in_use("s");
        let sizes = look.sizes();
        assert_eq!((sizes.size, sizes.free), (100 * UNIT, 80 * UNIT));
        assert_eq!((sizes.longest, sizes.runs, sizes.shared), (70 * UNIT, 2, 0));
        let mut runs = Vec::new();
        look.free_runs(|run| runs.push((run.start / UNIT, run.end / UNIT)));
        assert_eq!(runs, [(10, 20), (30, 100)]);
        let holders = look.holders();
        assert_eq!(holders.len(), 1);
        let holder = holders[0].holder;
        assert_eq!((holder.process, holder.bytes, holder.ranges), (other.id(), 20 * UNIT, 2));
        assert!(!holder.is_this && holder.is_here && !holder.is_dead);
        assert_eq!(holders[0].ranges, [0..10 * UNIT, 20 * UNIT..30 * UNIT], "in their order");
        assert_eq!((look.changed_by(), look.repairs().rebuilt), (None, 0));
        assert_eq!(look.agreement().unwrap(), Agreement::Agrees);
        Pools::kill(other, || in_use("s").holders()[0].holder.is_dead);
        let holder = in_use("s").holders()[0].holder;
        assert!(holder.is_dead && !holder.is_here);
        assert_eq!(look.sizes(), in_use("s").sizes(), "nobody gave it back");
    });
}

/// A pool that this user may not make is not one that waits to be opened, and one of an object that he may not open is an
/// error: as opening says.
#[test]
fn pools_that_others_make() {
    child::run(|| {
        if !require::root() {
            return;
        }
        let store = tempfile::NamedTempFile::new_in("/dev/shm").unwrap();
        store.as_file().set_len(UNIT).unwrap();
        let pools = Pools::new(&format!(
            "pool s kind=shm size=400K\nport /s pool=s\npool o kind=store path={}\nport /o pool=o",
            store.path().display()
        ));
        pools.use_here();
        assert!(matches!(pool("s").look(), Ok(State::Unused(_))));
        assert!(matches!(pool("o").look(), Ok(State::Unused(_))));
        let ended = fork::and_wait(|| {
            let user = rustix::process::Uid::from_raw(65_534);
            rustix::thread::set_thread_res_uid(user, user, user).unwrap();
            match pool("s").look() {
                Ok(State::Unmade(planned)) => assert_eq!(planned.size, Some(100 * UNIT)),
                other => unreachable!("{other:?}"),
            }
            assert_eq!(TypedMemory::open("/s").unwrap_err().errno(), Some(Errno::EACCES));
            let error = pool("o").look().unwrap_err();
            assert_eq!((error.errno(), error.cause()), (Some(Errno::EACCES), Cause::PortAccess));
            0
        });
        assert!(ended.success(), "{ended}");
    });
}

/// What cannot be looked at is an error with its cause.
#[test]
fn errors_have_their_causes() {
    child::run(|| {
        let pools = Pools::new(
            "pool s kind=shm size=400K\nport /s pool=s\npool o kind=store path=/no/such\nport /o pool=o",
        );
        pools.use_here();
        let error = pool("o").look().unwrap_err();
        assert_eq!((error.errno(), error.operation()), (Some(Errno::ENODEV), Operation::Inspect));
        assert!(error.cause() == Cause::PoolLacks);
        let _other = pools.hold("/s", &[10], &[]);
        let table = File::options().write(true).open(pools.table("s")).unwrap();
        table.write_all_at(&[7], 0).unwrap();
        let line = pool("s").look().unwrap_err().to_string();
        assert!(
            line.starts_with("inspect a typed memory object: the table of the pool was damaged: ")
                && line.ends_with("(EIO)"),
            "{line}"
        );
        fs::set_permissions(pools.directory(), fs::Permissions::from_mode(0o777)).unwrap();
        assert_eq!(pool("s").look().unwrap_err().errno(), Some(Errno::EACCES));
        fs::remove_file(pools.file()).unwrap();
        let error = configuration().unwrap_err();
        assert_eq!((error.errno(), error.operation()), (Some(Errno::ENOENT), Operation::Open));
    });
}
