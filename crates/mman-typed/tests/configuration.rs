//! Which pools there are: good lines, bad ones with their numbers, names, access, privilege, what the machine has.
#![allow(
    unsafe_code,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    reason = "test code: it may panic, and maps memory of its own"
)]

mod common;

use common::{Setup, UNIT, allocate, free, info, offset, open, try_map, unmap};
use mman_sys::{Errno, OpenFlags, fstat};
use mman_testkit::{child, fork, require};
use mman_typed::config::Wrong;
use mman_typed::{Cause, TypedFlags, each_port};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

const NONE: TypedFlags = TypedFlags::NONE;

// SAFETY: the C library's own declarations, in these types.
unsafe extern "C" {
    safe fn setuid(user: u32) -> i32;
    safe fn setgid(group: u32) -> i32;
}

fn errno(name: &str, flags: TypedFlags) -> Errno {
    open(name, flags).unwrap_err().errno
}

/// A bad line is told with its number, and the others count.
#[test]
fn bad_lines_are_told_with_their_numbers() {
    child::run(|| {
        let setup = Setup::new(
            "# the third line\npool p kind=shm size=64K\npool q kind=shm size=lots\nport /p pool=p\nport p pool=p\nwhat",
        );
        let file = setup.file().display().to_string();
        let mut told = Vec::new();
        each_port(&mut |line| {
            assert_eq!(line.file, file.as_bytes());
            let said = line.said.map(|(port, _)| String::from_utf8_lossy(port).into_owned());
            told.push((line.line, said));
        })
        .unwrap();
        let expected = [
            (5, Err(Wrong::Value)),
            (6, Ok("/p".to_owned())),
            (7, Err(Wrong::Name)),
            (8, Err(Wrong::Word)),
        ];
        assert_eq!(told, expected);
        assert!(open("/p", NONE).is_ok());
        assert_eq!(errno("/q", NONE), Errno::ENOENT);
    });
}

/// Names are whole from the slash on, or last parts; what is not there is ENOENT, what is too long ENAMETOOLONG.
#[test]
fn names_find_their_ports() {
    child::run(|| {
        let _setup = Setup::new(
            "pool p kind=shm size=64K\npool q kind=shm size=128K\nport /ram/low pool=p\nport /low pool=q",
        );
        let size = |name| info(open(name, NONE).unwrap()).size;
        assert_eq!((size("/ram/low"), size("/low")), (64 << 10, 128 << 10));
        assert_eq!((size("low"), size("ram/low")), (64 << 10, 64 << 10), "the first one");
        for name in ["/ram", "/ram/low/", "ow", "", "/", "p"] {
            assert_eq!(errno(name, NONE), Errno::ENOENT, "{name}");
        }
        assert_eq!(errno(&format!("/{}", "x".repeat(255)), NONE), Errno::ENAMETOOLONG);
    });
}

/// The flags of a C program: none, or one of three different ones.
#[test]
fn flags_are_three_numbers() {
    for bits in 0..64 {
        let expected = [0, 1, 2, 4].contains(&bits);
        assert_eq!(TypedFlags::from_bits(bits).is_some(), expected, "{bits}");
    }
    let flags = [TypedFlags::ALLOCATE, TypedFlags::ALLOCATE_CONTIG, TypedFlags::MAP_ALLOCATABLE];
    assert!(flags.iter().all(|flags| flags.bits() != 0));
    assert_eq!(NONE.bits(), 0);
}

/// A port may forbid writing; the access mode of a descriptor is that of its mappings; it stays open over exec.
#[test]
fn access_is_that_of_port_and_descriptor() {
    child::run(|| {
        let _setup = Setup::new(
            "pool p kind=shm size=64K mode=0640\nport /w pool=p\nport /r pool=p access=r",
        );
        let opened = |name: &str, access| mman_typed::open(name.as_bytes(), access, NONE);
        for access in [OpenFlags::RDWR, OpenFlags::WRONLY] {
            let refused = opened("/r", access).unwrap_err();
            assert_eq!((refused.errno, refused.cause), (Errno::EACCES, Cause::Access));
        }
        assert_eq!(opened("/w", OpenFlags::CREAT).unwrap_err().errno, Errno::EINVAL);
        let reads = opened("/r", OpenFlags::empty()).unwrap();
        assert_eq!(try_map(reads, 1, 0).unwrap_err().errno, Errno::EACCES);
        let writes = opened("/w", OpenFlags::RDWR).unwrap();
        let at = try_map(writes, 1, 0).unwrap();
        // SAFETY: the descriptor is the test's.
        let stat = unsafe { fstat(reads) }.unwrap();
        assert_eq!((stat.st_size, stat.st_mode & 0o777), (64 << 10, 0o640));
        let flags = fs::read_to_string(format!("/proc/self/fdinfo/{reads}")).unwrap();
        let flags = flags.lines().find_map(|line| line.strip_prefix("flags:")).unwrap();
        let flags = u32::from_str_radix(flags.trim(), 8).unwrap();
        assert_eq!(flags & OpenFlags::CLOEXEC.bits(), 0);
        unmap(at, 1);
    });
}

/// Mapping without allocating is for whom the port says.
#[test]
fn mapping_without_allocating_takes_rights() {
    if !require::root() {
        return;
    }
    child::run(|| {
        let setup = Setup::new(
            "pool p kind=shm size=64K mode=0666\nport /o pool=p\nport /r pool=p allocatable=root\nport /any pool=p allocatable=any",
        );
        let tables = setup.directory.path();
        for name in ["/o", "/r", "/any"] {
            assert!(open(name, TypedFlags::MAP_ALLOCATABLE).is_ok(), "{name}");
        }
        assert!(fs::metadata(tables.join("p.pool")).unwrap().permissions().mode() & 0o666 == 0o666);
        let status = fork::and_wait(|| {
            assert_eq!((setgid(65534), setuid(65534)), (0, 0));
            assert_eq!(errno("/o", TypedFlags::MAP_ALLOCATABLE), Errno::EPERM);
            assert_eq!(errno("/r", TypedFlags::MAP_ALLOCATABLE), Errno::EPERM);
            assert!(open("/any", TypedFlags::MAP_ALLOCATABLE).is_ok());
            // Another user allocates like any.
            let fd = open("/o", TypedFlags::ALLOCATE).unwrap();
            let at = allocate(fd, 4);
            assert_eq!(free(fd).0, 12);
            unmap(at, 4);
            0
        });
        assert!(status.success());
        // One that is killed is found dead by another user: no right of its file is needed for that.
        let killed = fork::and_wait(|| {
            let fd = open("/o", TypedFlags::ALLOCATE).unwrap();
            allocate(fd, 9);
            0
        });
        assert!(killed.success());
        let status = fork::and_wait(|| {
            assert_eq!((setgid(65534), setuid(65534)), (0, 0));
            let fd = open("/o", TypedFlags::ALLOCATE).unwrap();
            assert_eq!(free(fd).0, 16);
            0
        });
        assert!(status.success());
    });
}

/// A directory that others may write to is not trusted with tables, nor one of somebody else.
#[test]
fn a_directory_of_others_is_refused() {
    child::run(|| {
        let setup = Setup::pool(10);
        let mode = fs::Permissions::from_mode(0o777);
        fs::set_permissions(setup.directory.path(), mode).unwrap();
        let refused = open("/a", NONE).unwrap_err();
        assert_eq!((refused.errno, refused.cause), (Errno::EACCES, Cause::Directory));
    });
}

/// The environment names a configuration, as the process was started with it.
#[test]
fn the_environment_names_a_configuration() {
    child::run(|| {
        if std::env::var_os("MMAN_TYPED_CONFIG").is_some() {
            assert!(open("/from/environment", NONE).is_ok());
            assert_eq!(errno("/shm", NONE), Errno::ENOENT);
            return;
        }
        let setup = Setup::new("pool p kind=shm size=64K\nport /from/environment pool=p");
        let name = "the_environment_names_a_configuration";
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name, "--test-threads=1"])
            .env("MMAN_TYPED_CONFIG", setup.file())
            .status();
        assert!(status.unwrap().success());
    });
}

/// Without a configuration there is shared memory, half of the machine's, and a pool for each NUMA node.
#[test]
fn there_are_pools_without_a_configuration() {
    child::run(|| {
        let directory = tempfile::tempdir_in("/dev/shm").unwrap();
        let file = directory.path().join("conf");
        fs::write(&file, format!("directory {}\n", directory.path().display())).unwrap();
        mman_typed::config::use_configuration(file.to_str().unwrap().as_bytes()).unwrap();
        let mut names = Vec::new();
        each_port(&mut |told| {
            names.push(String::from_utf8_lossy(told.said.unwrap().0).into_owned());
        })
        .unwrap();
        assert_eq!(names[0], "/shm");
        assert!(
            names.contains(&"/node/0".to_owned()) || !require::file("/sys/devices/system/node")
        );
        let fd = open("shm", TypedFlags::ALLOCATE).unwrap();
        let (units, _) = free(fd);
        assert!(units * UNIT > 64 << 20, "{units}");
        let at = allocate(fd, 1000);
        assert_eq!(free(fd).0, units - 1000);
        unmap(at, 1000);
    });
}

/// A pool of a node has its memory there: the policy stays with the store.
#[test]
fn a_pool_of_a_node_is_on_it() {
    child::run(|| {
        if !require::file("/sys/devices/system/node/node0") {
            return;
        }
        let _setup = Setup::new(
            "pool n kind=node node=0 size=1M\nport /n pool=n\npool m kind=node node=63 size=1M\nport /m pool=m",
        );
        let fd = open("/n", TypedFlags::ALLOCATE).unwrap();
        let at = allocate(fd, 16);
        common::fill(at, 16, 1);
        let maps = fs::read_to_string("/proc/self/numa_maps").unwrap_or_default();
        let line = maps.lines().find(|line| line.starts_with(&format!("{:x} ", at.addr())));
        if require::holds(line.is_some(), "/proc/self/numa_maps") {
            let line = line.unwrap();
            assert!(line.contains("bind:0") && line.contains("N0=16"), "{line}");
        }
        unmap(at, 16);
        if !fs::exists("/sys/devices/system/node/node63").unwrap() {
            let refused = open("/m", NONE).unwrap_err();
            assert_eq!((refused.errno, refused.cause), (Errno::ENODEV, Cause::Lacks));
        }
    });
    let two = std::path::Path::new("/sys/devices/system/node/node1").exists();
    let _said = require::holds(two, "a second NUMA node, to see memory on that one");
}

/// A memfd of a process is a pool, by the name that /proc has for it.
#[test]
fn a_memfd_that_a_process_shows_is_a_pool() {
    child::run(|| {
        // SAFETY: the name ends with a zero.
        let fd =
            unsafe { mman_sys::memfd_create(c"typed".as_ptr(), mman_sys::MemfdFlags::CLOEXEC) };
        let fd = fd.unwrap();
        // SAFETY: the descriptor is new.
        unsafe { mman_sys::ftruncate(fd, 32 * 4096) }.unwrap();
        let path = format!("/proc/{}/fd/{fd}", mman_sys::getpid());
        let _setup = Setup::new(&format!(
            "pool s kind=store path={path}\nport /s pool=s\npool t kind=store path=/not/there\nport /t pool=t"
        ));
        let typed = open("/s", TypedFlags::ALLOCATE).unwrap();
        assert_eq!(free(typed), (32, 32));
        let at = allocate(typed, 32);
        unmap(at, 32);
        let lacks = open("/t", NONE).unwrap_err();
        assert_eq!((lacks.errno, lacks.cause), (Errno::ENODEV, Cause::Lacks));
    });
}

/// Two pools of one object are one pool, also where each process knows it by another name: nothing is allocated twice.
#[test]
fn an_object_is_one_pool_whatever_it_is_called() {
    child::run(|| {
        let objects = tempfile::tempdir_in("/dev/shm").unwrap();
        let path = objects.path().join("object");
        std::fs::File::create(&path).unwrap().set_len(32 * 4096).unwrap();
        let path = path.display();
        let _setup = Setup::new(&format!(
            "pool s kind=store path={path}\nport /s pool=s\npool t kind=store path={path}\nport /t pool=t"
        ));
        let (mut reads, writes) = std::io::pipe().unwrap();
        let other = fork::start(|| {
            let _at = allocate(open("/t", TypedFlags::ALLOCATE).unwrap(), 10);
            std::io::Write::write_all(&mut &writes, b"x").unwrap();
            std::thread::sleep(std::time::Duration::from_secs(100));
        });
        std::io::Read::read_exact(&mut reads, &mut [0]).unwrap();
        let typed = open("/s", TypedFlags::ALLOCATE).unwrap();
        assert_eq!(free(typed), (22, 22));
        let at = allocate(typed, 1);
        assert_eq!(offset(at, 1).offset, 10 * 4096);
        other.kill();
        unmap(at, 1);
        assert_eq!(free(typed), (32, 32));
    });
}

/// No device, no pool.
#[test]
fn a_dax_device_is_a_pool() {
    child::run(|| {
        let device = fs::read_dir("/dev").unwrap().filter_map(Result::ok).find_map(|entry| {
            entry.file_name().to_str().filter(|name| name.starts_with("dax")).map(str::to_owned)
        });
        let name = device.clone().unwrap_or("dax9.9".to_owned());
        let _setup = Setup::new(&format!("pool d kind=dax path=/dev/{name}\nport /dax/0 pool=d"));
        let opened = open("/dax/0", TypedFlags::ALLOCATE);
        if device.is_none() {
            assert_eq!(opened.unwrap_err().errno, Errno::ENODEV);
            require::skip("a dax device");
            return;
        }
        let fd = opened.unwrap();
        let unit = usize::try_from(info(fd).unit).unwrap();
        let at = allocate(fd, unit / UNIT);
        unmap(at, unit / UNIT);
    });
}

/// Descriptors run out, and that is said.
#[test]
fn no_descriptor_is_emfile() {
    child::run(|| {
        let _setup = Setup::pool(10);
        let _first = open("/a", NONE).unwrap();
        let files: Vec<_> = std::iter::from_fn(|| fs::File::open("/dev/null").ok()).collect();
        assert!(!files.is_empty());
        assert_eq!(errno("/a", NONE), Errno::EMFILE);
    });
}
