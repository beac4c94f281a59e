//! A file that is mapped changes under its reader when somebody writes to it, and its end is SIGBUS when somebody
//! truncates it. A lease asks the writer to wait until the reader has a copy. What was seen go wrong: leases of FUSE and
//! overlayfs that protect nothing; a copy put in place page by page, so that a reader saw half of it; a lease given up
//! before the copy was there; a child that gave up its parent's; a holder that was stopped.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

use mman::{Cause, CopyLimit, Errno, FileObject, LeaseState, Leased, MapOptions, Operation};
use mman_testkit::files::{Folder, open_read_write};
use mman_testkit::fuse::BadPages;
use mman_testkit::lease_time::ShortLeases;
use mman_testkit::limits::{self, Resource};
use mman_testkit::loop_device::LoopDevice;
use mman_testkit::mount::{self, Mount};
use mman_testkit::{
    child, companion, fork, line_of, maps, object, page, pattern, require, unchecked,
};
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::{Duration, Instant};

const PAGES: usize = 64;

fn len() -> usize {
    PAGES * page()
}

/// Writes other bytes over a whole file, as fast as can be, and then takes them away.
fn rewrite(path: &Path) {
    let file = open_read_write(path);
    for byte in [0xee, 0x11] {
        file.write_all_at(&vec![byte; len()], 0).unwrap();
    }
    file.set_len(1).unwrap();
}

#[track_caller]
fn assert_as_it_was(view: &Leased) {
    pattern::assert_is(&view.to_vec(..).unwrap(), view.object_offset());
    assert_eq!(view.error(), None);
}

/// Opens for writing without waiting.
fn open_at_once(path: &Path) -> std::io::Result<File> {
    const O_NONBLOCK: i32 = 0o4000;
    File::options().write(true).custom_flags(O_NONBLOCK).open(path)
}

/// Both file systems of the machine that leases are trusted on.
fn folders() -> [Folder; 2] {
    [Folder::new(), Folder::in_shared_memory()]
}

/// Children that other tests start have copies of our descriptors until they exec, those for writing too.
#[track_caller]
fn leased(path: &Path) -> Leased {
    loop {
        match Leased::open(path) {
            Err(error) if error.cause() == Cause::OpenForWriting => thread::yield_now(),
            opened => return opened.unwrap(),
        }
    }
}

#[test]
fn the_bytes_stay_and_the_writer_goes_on() {
    for folder in folders() {
        let path = folder.patterned("file", len());
        let view = leased(&path);
        assert_eq!(view.state(), LeaseState::Held);
        let (address, file_pages) = (view.as_ptr().addr(), maps::all().len());
        assert!(file_pages > 0 && view.is_direct());
        assert_as_it_was(&view);
        rewrite(&path);
        assert_eq!(view.state(), LeaseState::Copied);
        assert_as_it_was(&view);
        assert_eq!(view.as_ptr().addr(), address, "pointers stay");
        let mapped = maps::within(address..address + len());
        assert!(mapped.iter().all(|entry| !format!("{entry:?}").contains("file")), "{mapped:?}");
        assert_eq!(fs::read(&path).unwrap(), [0x11], "the writer's own");
        fs::remove_file(&path).unwrap();
        assert_as_it_was(&view);
    }
}

/// The promise: not one byte of 8 readers changes while a writer rewrites the file right after the break.
#[test]
fn no_reader_sees_a_byte_of_the_writer_in_a_thousand_rounds() {
    let folders = folders();
    for round in 0..1000 {
        let path = folders[round % 2].patterned("file", len());
        let view = leased(&path);
        let (stop, started) = (AtomicBool::new(false), std::sync::Barrier::new(9));
        thread::scope(|scope| {
            for reader in 0..8 {
                let (view, stop, started) = (&view, &stop, &started);
                scope.spawn(move || {
                    let mut bytes = vec![0; page()];
                    started.wait();
                    let mut at = reader * 8;
                    while !stop.load(Relaxed) {
                        let from = at % PAGES * page();
                        view.read_at(from, &mut bytes).unwrap();
                        pattern::assert_is(&bytes, from as u64);
                        let word: u64 = view.load(from + 64).unwrap();
                        let wanted = pattern::bytes(from as u64 + 64, 8);
                        assert_eq!(word.to_ne_bytes(), wanted[..]);
                        at += 1;
                    }
                });
            }
            started.wait();
            rewrite(&path);
            stop.store(true, Relaxed);
        });
        assert_eq!(view.state(), LeaseState::Copied);
        assert_as_it_was(&view);
    }
}

#[test]
fn a_break_while_the_view_is_dropped() {
    let folder = Folder::in_shared_memory();
    for round in 0..500 {
        let path = folder.patterned("file", len());
        let view = leased(&path);
        thread::scope(|scope| {
            scope.spawn(|| rewrite(&path));
            scope.spawn(|| {
                if round % 3 > 0 {
                    thread::sleep(Duration::from_micros(50 * (round % 17)));
                }
                drop(view);
            });
        });
        assert_eq!(fs::metadata(&path).unwrap().len(), 1);
    }
}

#[test]
fn a_dropped_view_keeps_nobody_waiting() {
    let folder = Folder::new();
    let path = folder.patterned("file", len());
    drop(leased(&path));
    open_at_once(&path).unwrap();
}

#[test]
fn two_leases_of_one_file_and_a_part_of_it() {
    let folder = Folder::new();
    let path = folder.patterned("file", len() - 5);
    let whole = leased(&path);
    let range = 5000..(len() - 100) as u64;
    let options = MapOptions::shared().range(range);
    let part = Leased::map(&options, FileObject::open(&path).unwrap(), CopyLimit::NONE).unwrap();
    assert_eq!(part.len(), len() - 5100);
    rewrite(&path);
    for view in [&whole, &part] {
        assert_eq!(view.state(), LeaseState::Copied);
        assert_as_it_was(view);
    }
    assert_eq!(leased(&path).to_vec(..).unwrap(), [0x11]);
}

#[test]
fn an_empty_file_has_a_lease_too() {
    let folder = Folder::new();
    let path = folder.patterned("file", 0);
    let view = leased(&path);
    assert_eq!((view.state(), view.len()), (LeaseState::Held, 0));
    fs::write(&path, b"no longer empty").unwrap();
    assert_eq!((view.state(), view.to_vec(..).unwrap()), (LeaseState::Copied, Vec::new()));
}

#[test]
fn who_writes_already_is_named() {
    // In a child: another test that starts a program keeps our closed descriptor open for a moment.
    child::run(|| {
        let folder = Folder::new();
        let path = folder.patterned("file", len());
        let writer = open_read_write(&path);
        let error = Leased::open(&path).unwrap_err();
        assert_eq!((error.operation(), error.cause()), (Operation::Lease, Cause::OpenForWriting));
        assert_eq!(error.errno(), Some(Errno::EAGAIN));
        assert!(line_of(&error).contains("open for writing"), "{error}");
        let map = MapOptions::shared().read_write().map(&FileObject::new(&writer).unwrap());
        drop(writer);
        assert_eq!(Leased::open(&path).unwrap_err().cause(), Cause::OpenForWriting, "mapped");
        drop(map);
        let own = FileObject::open_read_write(&path).unwrap();
        let error = Leased::map(&MapOptions::shared(), own, CopyLimit::NONE).unwrap_err();
        assert_eq!(error.cause(), Cause::OpenForWriting, "we could write ourselves");
        assert_eq!(leased(&path).state(), LeaseState::Held);
    });
}

#[test]
fn a_lease_is_for_the_owner_of_the_file() {
    child::run(|| {
        if !require::root() {
            return;
        }
        let folder = Folder::within("/dev/shm");
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(folder.path(), open).unwrap();
        let path = folder.patterned("file", len());
        limits::become_nobody();
        assert_eq!(Leased::open(&path).unwrap_err().cause(), Cause::LeaseRight);
    });
}

#[test]
fn other_objects_are_refused() {
    for path in ["/dev/zero", "/proc/version"] {
        let error = Leased::open(path).unwrap_err();
        assert_eq!((error.operation(), error.cause()), (Operation::Lease, Cause::NoLeases));
    }
    let folder = Folder::new();
    let path = folder.patterned("file", len());
    let map = |options: MapOptions| {
        let file = FileObject::open(&path).unwrap();
        Leased::map(&options, file, CopyLimit::NONE).unwrap_err().cause()
    };
    assert_eq!(map(MapOptions::private()), Cause::NotShared);
    assert_eq!(map(MapOptions::shared().past_end().range(..1 << 30)), Cause::NoSuchView);
    open_at_once(&path).unwrap(); // what was refused left no lease behind
}

/// A child that is forked at the wrong moment has a copy of the descriptor; so has who made one. The lease of a view that
/// could not be made was kept by it, with nobody to answer: writers waited 45 seconds.
#[test]
fn what_is_refused_leaves_no_lease_to_a_copy_of_the_descriptor() {
    let folder = Folder::new();
    let path = folder.patterned("file", len());
    for options in [MapOptions::private(), MapOptions::shared().range(..1 << 40)] {
        let file = File::open(&path).unwrap();
        let copy = file.try_clone().unwrap();
        let file = FileObject::new(file).unwrap();
        Leased::map(&options, file, CopyLimit::NONE).unwrap_err();
        open_at_once(&path).unwrap();
        drop(copy);
    }
}

#[test]
fn fuse_is_refused() {
    child::run(|| {
        if !require::root() {
            return;
        }
        mount::be_alone();
        let folder = Folder::new();
        let Some(mounted) = BadPages::mount(folder.path(), len(), &[]) else { return };
        assert_eq!(Leased::open(mounted.file()).unwrap_err().cause(), Cause::NoLeases);
    });
}

#[test]
fn overlayfs_is_refused() {
    child::run(|| {
        if !require::root() {
            return;
        }
        mount::be_alone();
        let place = Folder::new();
        let base = Folder::in_shared_memory();
        let _tmpfs = Mount::new("tmpfs", base.path(), c"size=4m").unwrap();
        for name in ["lower", "upper", "work"] {
            fs::create_dir(base.name(name)).unwrap();
        }
        fs::write(base.name("lower/file"), b"below").unwrap();
        let base = base.path().display();
        let data = format!("lowerdir={base}/lower,upperdir={base}/upper,workdir={base}/work");
        let data = std::ffi::CString::new(data).unwrap();
        let Ok(_mounted) = Mount::new("overlay", place.path(), &data) else {
            require::skip("overlayfs");
            return;
        };
        assert_eq!(fs::read(place.name("file")).unwrap(), b"below");
        assert_eq!(Leased::open(place.name("file")).unwrap_err().cause(), Cause::NoLeases);
    });
}

#[test]
fn bytes_that_may_not_be_copied_are_errors_and_never_the_writers() {
    let folder = Folder::new();
    let path = folder.patterned("file", len());
    let view = Leased::open_within(&path, CopyLimit::bytes(len() as u64 - 1)).unwrap();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut bytes = vec![0; len()];
                while !stop.load(Relaxed) {
                    match view.read_at(0, &mut bytes) {
                        Ok(()) => pattern::assert_is(&bytes, 0),
                        Err(error) => assert_eq!(error.cause(), Cause::LeaseGivenUp),
                    }
                }
            });
        }
        rewrite(&path);
        stop.store(true, Relaxed);
    });
    let LeaseState::Lost(error) = view.state() else { panic!("{:?}", view.state()) };
    let limit = len() as u64 - 1;
    assert_eq!((error.operation(), error.cause()), (Operation::Lease, Cause::CopyLimit { limit }));
    assert_eq!(view.error().unwrap().cause(), Cause::LeaseGivenUp);
    assert_eq!(view.load::<u8>(0).unwrap_err().cause(), Cause::LeaseGivenUp);
    assert_eq!(view.find_byte(.., 0x11).unwrap_err().cause(), Cause::LeaseGivenUp);
    let out = object::memfd(0);
    assert_eq!(view.write_out(&out, ..).unwrap_err().cause(), Cause::LeaseGivenUp);
    assert!(line_of(&view.error().unwrap()).contains("could not be copied"));
    assert!(unchecked::assume_not_stopped(view).is_err());
    let exact = Leased::open_within(&path, CopyLimit::bytes(1)).unwrap();
    fs::write(&path, b"").unwrap();
    assert_eq!((exact.state(), exact.to_vec(..).unwrap()), (LeaseState::Copied, vec![0x11]));
}

/// No memory for the copy, and no mapping to be had: the same.
#[test]
fn where_there_is_no_room_for_a_copy_the_bytes_are_given_up() {
    child::run(|| {
        let folder = Folder::new();
        let path = folder.patterned("file", 8 << 20);
        let view = leased(&path);
        limits::set(Resource::As, limits::address_space_used() + (4 << 20));
        open_read_write(&path).set_len(0).unwrap();
        let LeaseState::Lost(error) = view.state() else { panic!("{:?}", view.state()) };
        assert!(matches!(error.cause(), Cause::AddressSpaceLimit { .. }), "{error}");
        assert_eq!(view.load::<u8>(0).unwrap_err().cause(), Cause::LeaseGivenUp);
    });
}

#[test]
fn guards_of_locked_pages_hold_the_copy_too() {
    child::run(|| {
        let folder = Folder::new();
        let path = folder.patterned("file", len());
        let view = leased(&path);
        let guard = view.pages().lock(page()..3 * page()).unwrap();
        rewrite(&path);
        let start = view.as_ptr().addr();
        let locked = || maps::pages_with_flag(start..start + len(), "lo");
        let wanted: Vec<bool> = (0..PAGES).map(|at| at == 1 || at == 2).collect();
        assert_eq!(locked(), wanted);
        drop(guard);
        assert_eq!(locked(), [false; PAGES]);
        assert_as_it_was(&view);
    });
}

/// The child has the descriptor, and opens the file itself: its parent answers, and the view there stays.
#[test]
fn a_child_writes_and_does_not_end_its_parents_lease() {
    child::run(|| {
        let folder = Folder::new();
        let path = folder.patterned("file", len());
        let view = leased(&path);
        let status = fork::and_wait(|| {
            unchecked::drop_in_fork(&view);
            u8::from(open_at_once(&path).is_ok())
        });
        assert_eq!(
            status.code(),
            Some(0),
            "the lease is there after the child has dropped its view"
        );
        assert_eq!(view.state(), LeaseState::Copied, "and was wanted then");
        drop(view);

        let path = folder.patterned("other", len());
        let view = leased(&path);
        let status = fork::and_wait(|| {
            let refused = Leased::open(&path).unwrap_err();
            rewrite(&path);
            u8::from(refused.errno() != Some(Errno::ECHILD))
        });
        assert_eq!(status.code(), Some(0));
        assert_eq!(view.state(), LeaseState::Copied);
        assert_as_it_was(&view);
        // Ended for the child's descriptor too.
        let third = folder.patterned("third", len());
        let view = leased(&third);
        let status = fork::and_wait(move || u8::from(open_at_once(&third).is_ok()));
        assert_eq!(status.code(), Some(0));
        assert_eq!(view.state(), LeaseState::Copied);
    });
}

/// A stopped process answers nobody, and a writer waits for it: here until it goes on. That the kernel takes the lease
/// away after `lease-break-time` is the next test, without the waiting.
#[test]
fn a_stopped_holder_answers_when_it_goes_on() {
    let companion = companion::start(|| {
        let folder = Folder::new();
        let path = folder.patterned("file", len());
        let view = leased(&path);
        let (name, out) = (path.display().to_string(), folder.name("out"));
        thread::spawn(move || {
            while view.state() == LeaseState::Held {
                thread::sleep(Duration::from_millis(1));
            }
            let state = view.state();
            let whole =
                view.to_vec(..).is_ok_and(|bytes| pattern::first_wrong(&bytes, 0).is_none());
            let said = format!("{state:?} {whole}");
            fs::write(out.with_extension("part"), said).unwrap();
            fs::rename(out.with_extension("part"), out).unwrap();
        });
        (folder, name)
    });
    let Some(companion) = companion else { return };
    let path = Path::new(&companion.said);
    let pid = rustix::process::Pid::from_raw(companion.pid().cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
    thread::sleep(Duration::from_millis(50));
    for _ in 0..5 {
        let error = open_at_once(path).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
        thread::sleep(Duration::from_millis(20));
    }
    rustix::process::kill_process(pid, rustix::process::Signal::CONT).unwrap();
    rewrite(path);
    let out = path.with_file_name("out");
    let until = Instant::now() + Duration::from_secs(30);
    while !out.exists() && Instant::now() < until {
        thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(fs::read_to_string(out).unwrap(), "Copied true");
}

/// What the kernel does to who does not answer in time is done here through the descriptor, without the waiting: the
/// lease is gone, and nobody told. It is found out, and then every byte is an error.
#[test]
fn a_lease_that_was_taken_away_is_broken() {
    child::run(|| {
        let folder = Folder::new();
        let path = folder.patterned("file", len());
        let view = leased(&path);
        assert_eq!(unchecked::take_leases_away(&path), 1);
        let mut writer = open_at_once(&path).unwrap();
        writer.write_all(b"another").unwrap();
        assert!(view.equals(0, b"another").is_ok_and(|is| is) || view.error().is_some());
        // Nobody asks for the state: the thread looks by itself from time to time.
        let until = Instant::now() + Duration::from_secs(30);
        while view.error().is_none() && Instant::now() < until {
            thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(view.state(), LeaseState::Broken);
        assert_eq!(view.read_at(0, &mut [0]).unwrap_err().cause(), Cause::LeaseBroken);
        assert!(line_of(&view.error().unwrap()).contains("stopped or too slow"));
        assert!(unchecked::assume_not_stopped(view).is_err());
    });
}

/// The real thing: the kernel waits as long as `lease-break-time` said when the break began, here a second.
#[test]
fn the_kernel_takes_the_lease_of_a_stopped_holder() {
    let companion = companion::start(|| {
        let folder = Folder::new();
        let path = folder.patterned("file", len());
        let view = leased(&path);
        let (name, out) = (path.display().to_string(), folder.name("out"));
        thread::spawn(move || {
            while view.state() == LeaseState::Held {
                thread::sleep(Duration::from_millis(1));
            }
            let said = format!("{:?} {:?}", view.state(), view.error().map(|error| error.cause()));
            fs::write(out.with_extension("part"), said).unwrap();
            fs::rename(out.with_extension("part"), out).unwrap();
        });
        (folder, name)
    });
    let Some(companion) = companion else { return };
    let path = Path::new(&companion.said);
    let pid = rustix::process::Pid::from_raw(companion.pid().cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
    thread::sleep(Duration::from_millis(50)); // until it has stopped
    if let Some(_short) = ShortLeases::begin() {
        assert_eq!(open_at_once(path).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    } else {
        rustix::process::kill_process(pid, rustix::process::Signal::CONT).unwrap();
        return;
    }
    let began = Instant::now();
    rewrite(path); // waits
    assert!(began.elapsed() > Duration::from_millis(500), "{:?}", began.elapsed());
    rustix::process::kill_process(pid, rustix::process::Signal::CONT).unwrap();
    let out = path.with_file_name("out");
    let until = Instant::now() + Duration::from_secs(30);
    while !out.exists() && Instant::now() < until {
        thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(fs::read_to_string(out).unwrap(), "Broken Some(LeaseBroken)");
}

#[test]
fn who_gives_his_word_gets_a_slice_that_keeps_the_lease() {
    let folder = Folder::in_shared_memory();
    let path = folder.patterned("file", len());
    let frozen = unchecked::assume_not_stopped(leased(&path)).unwrap();
    let part = frozen.slice(page()..2 * page()).unwrap();
    drop(frozen);
    assert_eq!(open_at_once(&path).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    rewrite(&path);
    pattern::assert_is(&part, page() as u64);
    drop(part);
    open_at_once(&path).unwrap();
}

/// Signals that wait are counted, for all processes of a user: where there are too many, the kernel sends SIGIO.
#[test]
fn too_many_signals_lose_no_break() {
    child::run(|| {
        let folder = Folder::new();
        let path = folder.patterned("file", len());
        let view = leased(&path);
        limits::set(Resource::Sigpending, 0);
        rewrite(&path);
        assert_eq!(view.state(), LeaseState::Copied);
        assert_as_it_was(&view);
    });
}

/// The disk goes away before the break. What is in memory is copied, and each page that cannot be read is an error of
/// its own.
#[test]
fn a_page_that_cannot_be_copied_costs_that_page() {
    child::run(|| {
        if !require::root() || !require::program("mkfs.ext4") {
            return;
        }
        mount::be_alone();
        let folder = Folder::in_shared_memory();
        let image = folder.sparse("image", 64 << 20);
        let mut command = std::process::Command::new("mkfs.ext4");
        let made = command.args(["-q", "-O", "^has_journal"]).arg(&image).status();
        assert!(made.unwrap().success());
        let Some(device) = LoopDevice::of(&image) else { return };
        let place = Folder::new();
        let _mounted = Mount::of_device("ext4", device.path(), place.path()).unwrap();
        let path = place.patterned("file", len());
        let file = File::open(&path).unwrap();
        file.sync_all().unwrap();
        rustix::fs::sync();
        for advice in [rustix::fs::Advice::DontNeed, rustix::fs::Advice::Random] {
            rustix::fs::fadvise(&file, 0, None, advice).unwrap();
        }
        let options = MapOptions::shared().random_access();
        let view = Leased::map(&options, FileObject::new(file).unwrap(), CopyLimit::NONE).unwrap();
        let guards = [0..5, 10..PAGES]
            .map(|pages| view.pages().lock(pages.start * page()..pages.end * page()).unwrap());
        open_read_write(&image).set_len(0).unwrap();
        // Dropped again, what the kernel may have read beside them; locked pages stay.
        let again = File::open(&path).unwrap();
        rustix::fs::fadvise(&again, 0, None, rustix::fs::Advice::DontNeed).unwrap();
        drop(open_read_write(&path)); // the writer
        assert_eq!(view.state(), LeaseState::Copied);
        let mut lost = 0;
        for at in 0..PAGES {
            let mut bytes = vec![0; page()];
            match view.read_at(at * page(), &mut bytes) {
                Ok(()) => pattern::assert_is(&bytes, (at * page()) as u64),
                Err(error) => {
                    assert!((5..10).contains(&at), "page {at}: {error}");
                    assert_eq!(error.cause(), Cause::Storage { at: (at * page()) as u64 });
                    lost += 1;
                }
            }
        }
        assert!(lost > 0, "none was out of memory");
        drop(guards);
    });
}
