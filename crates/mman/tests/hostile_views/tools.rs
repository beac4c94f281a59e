//! The tools made of mappings: rings, channels, logs, leases, files that grow, waiting on words.

use crate::dice::Dice;
use crate::world::{Bag, Operation, View, World, any, sum};
use mman::log::{self, AppendLog, Level, LogOptions, LogReader};
use mman::{
    Broadcast, Cause, CopyLimit, CopyPolicy, FileObject, Frozen, GrowableFile, Leased, MemFd,
    Received, Receiver, Ring, RingReader, RingWriter, Sender, SharedMut, SharedRing, ShmObject,
};
use mman_testkit::page;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub(crate) const TABLE: &[Operation] = &[
    // Rings
    ("Ring::new", |w| w.ring_new()),
    ("Ring::capacity, len, is_empty, readable", |w| w.ring(|_, _, _| {})),
    ("Ring::spare, commit", |w| w.ring(into_spare)),
    ("Ring::discard", |w| w.ring(take_out)),
    ("Ring as Write", |w| w.ring(put_in)),
    ("Ring::clear", |w| {
        w.ring(|ring, content, _| {
            ring.clear();
            content.clear();
        });
    }),
    // Waiting on words
    ("Shared::wait_u32", |w| w.view(|v, d| any(v.wait_u32(d.at(), word(d), patience(d))))),
    ("Shared::wait_u32, at a multiple of eight", |w| {
        w.view(|v, d| any(v.wait_u32(d.word(), word(d), patience(d))));
    }),
    ("Shared::wake_u32", |w| w.view(|v, d| any(v.wake_u32(d.word(), d.number() as u32)))),
    // Views that have their file
    ("SharedMut::keeping", |w| w.keeping()),
    ("SharedMut::sync, full", |w| w.shared_mut(|v, d| any(v.sync(d.bounds(), rare_full(d))))),
    ("CopyLimit::bytes, CopyPolicy::within, verity_too", |w| {
        let policy = CopyPolicy::within(CopyLimit::bytes(w.dice.len() as u64)).verity_too();
        let frozen = Frozen::open_within(w.dice.path(), policy);
        w.keep_frozen(frozen.ok());
    }),
    // Leases
    ("Leased::open, open_within, map", |w| w.lease()),
    ("Leased::state", |w| w.leased(|v, _| any(v.state()))),
    ("Leased as Shared", |w| w.leased(look_at_leased)),
    ("Leased, dropped", |w| any(w.tools.leased.take(&mut w.dice))),
    // Files
    ("durable::write_file, write_file_with", |w| w.replace_file()),
    ("GrowableFile::open, new", |w| w.growable_new()),
    ("GrowableFile::grow_to", |w| w.growable(|g, d| any(g.grow_to(d.len())))),
    ("GrowableFile::refresh", |w| w.growable(|g, _| any(g.refresh()))),
    ("GrowableFile::len, is_empty, capacity, as_ptr, error", |w| {
        w.growable(|g, _| {
            assert!(g.len() <= g.capacity());
            any((g.is_empty(), g.as_ptr(), g.error()));
        });
    }),
    ("GrowableFile::read_at", |w| w.growable(|g, d| any(g.read_at(d.at(), &mut d.bytes())))),
    ("GrowableFile::write_at", |w| w.growable(|g, d| any(g.write_at(d.at(), &d.bytes())))),
    ("GrowableFile::load, store", |w| {
        w.growable(|g, d| any((g.load::<u64>(d.word()), g.store(d.at(), d.number() as u16))));
    }),
    ("GrowableFile::atomic_u32, atomic_u64", |w| w.growable(add)),
    ("GrowableFile::sync", |w| w.growable(|g, d| any(g.sync(d.bounds(), rare_full(d))))),
    // Channels
    ("Broadcast::new, object_len, create, create_in", |w| w.channel()),
    ("Sender::resume", |w| w.resume()),
    ("Sender::send, longest", |w| w.sender(send)),
    ("Sender, dropped", |w| any(w.tools.senders.take(&mut w.dice))),
    ("Receiver::open", |w| w.receiver_open()),
    ("Receiver::rewind", |w| w.receiver(|r, _| any(r.rewind()))),
    ("Receiver::next_number, is_woken, has_sender", |w| {
        w.receiver(|r, _| any((r.next_number(), r.is_woken(), r.has_sender())));
    }),
    ("Receiver::try_recv", |w| w.receiver(|r, _| any(r.try_recv(&mut Vec::new())))),
    ("Receiver::recv, spin", |w| w.receiver(receive)),
    ("the bytes of a channel, written", |w| w.vandalize_channel()),
    // Queues of bytes
    ("SharedRing::new, object_len, create, create_in", |w| w.queue()),
    ("RingWriter::open", |w| w.queue_writer()),
    ("RingReader::open", |w| w.queue_reader()),
    ("RingWriter::write, capacity, has_reader", |w| {
        if let Some(writer) = w.tools.ring_writers.pick(&mut w.dice) {
            let (bytes, time) = (w.dice.bytes(), patience(&mut w.dice));
            any((writer.write(&bytes, time), writer.capacity(), writer.has_reader()));
        }
    }),
    ("RingReader::read, capacity, has_writer", |w| {
        if let Some(reader) = w.tools.ring_readers.pick(&mut w.dice) {
            let (mut bytes, time) = (w.dice.bytes(), patience(&mut w.dice));
            any((reader.read(&mut bytes, time), reader.capacity(), reader.has_writer()));
        }
    }),
    // Logs
    ("AppendLog::open, LogOptions::new, capacity, rotate, open", |w| w.log_open()),
    ("AppendLog::append, append_at", |w| w.log(append)),
    ("AppendLog::writer, writer_at", |w| w.log(write_lines)),
    ("AppendLog::set_level, is_enabled, failures, path", |w| w.log(ask_log)),
    ("AppendLog::sync", |w| {
        if w.dice.one_in(8) {
            w.log(|l, _| any(l.sync()));
        }
    }),
    ("LogReader::open, open_oldest", |w| w.reader_open()),
    ("LogReader::next_entry, position, missed_files, Entry::time", |w| w.reader(next)),
    ("LogReader::wait_entry", |w| {
        w.reader(|r, d| any(r.wait_entry(patience(d).unwrap_or_default()).map(drop)));
    }),
    ("log::verify", |w| any(log::verify(w.dice.log_path()))),
    ("Level::number, of_number", |w| {
        let level = Level::of_number(w.dice.byte());
        assert!(level.is_none_or(|level| Level::of_number(level.number()) == Some(level)));
    }),
    ("LogLayer::new", |w| layer(w)),
];

/// What a thread has of them. Rings, leases and senders are the odd one's only: they do not live across a fork.
pub(crate) struct Tools {
    rings: Bag<(Ring, VecDeque<u8>)>,
    /// With the bytes that it had first.
    leased: Bag<(Leased, Vec<u8>)>,
    growable: Bag<GrowableFile>,
    senders: Bag<Sender>,
    receivers: Bag<Receiver>,
    ring_writers: Bag<RingWriter>,
    ring_readers: Bag<RingReader>,
    logs: Bag<AppendLog>,
    readers: Bag<LogReader>,
}

impl Tools {
    pub(crate) const fn new() -> Self {
        Self {
            rings: Bag::new(),
            leased: Bag::new(),
            growable: Bag::new(),
            senders: Bag::new(),
            receivers: Bag::new(),
            ring_writers: Bag::new(),
            ring_readers: Bag::new(),
            logs: Bag::new(),
            readers: Bag::new(),
        }
    }
}

/// Objects with channels, for all threads.
static CHANNELS: Mutex<Vec<OwnedFd>> = Mutex::new(Vec::new());

/// What threads share goes away.
pub(crate) fn clear() {
    CHANNELS.lock().unwrap().clear();
}

fn patience(dice: &mut Dice) -> Option<Duration> {
    Some(Duration::from_micros(dice.below(2000) as u64))
}

/// What may stand in a word.
fn word(dice: &mut Dice) -> u32 {
    if dice.one_in(2) { 0 } else { dice.number() as u32 }
}

fn rare_full(dice: &mut Dice) -> mman::Sync {
    if dice.one_in(30) { mman::Sync::Full } else { dice.sync() }
}

fn into_spare(ring: &mut Ring, content: &mut VecDeque<u8>, dice: &mut Dice) {
    let (byte, count) = (dice.byte(), dice.at());
    let spare = ring.spare();
    spare.fill(byte);
    content.extend(std::iter::repeat_n(byte, count.min(spare.len())));
    ring.commit(count);
}

fn put_in(ring: &mut Ring, content: &mut VecDeque<u8>, dice: &mut Dice) {
    let bytes = dice.bytes();
    let count = ring.write(&bytes).unwrap();
    content.extend(&bytes[..count]);
}

fn take_out(ring: &mut Ring, content: &mut VecDeque<u8>, dice: &mut Dice) {
    let count = match dice.below(4) {
        0 => ring.read(&mut dice.bytes()).unwrap(),
        1 => ring.read_until(dice.byte(), &mut Vec::new()).unwrap(),
        more => {
            let (count, before) = (dice.at(), ring.len());
            if more == 2 {
                ring.consume(count)
            } else {
                ring.discard(count)
            }
            before - ring.len()
        }
    };
    any(content.drain(..count));
}

fn look_at_leased(leased: &Leased, dice: &mut Dice) {
    match dice.below(6) {
        0 => any(leased.read_at(dice.at(), &mut dice.bytes())),
        1 => any(leased.find_byte(dice.bounds(), dice.byte())),
        2 => any(leased.load::<u64>(dice.word())),
        3 => any(leased.write_out(dice.sink(), dice.bounds())),
        4 => any(leased.wait_u32(dice.word(), word(dice), patience(dice))),
        _ => dice.lent(&leased.pages()),
    }
}

fn add(file: &GrowableFile, dice: &mut Dice) {
    file.atomic_u32(dice.word()).iter().for_each(|word| any(word.fetch_add(1, Relaxed)));
    file.atomic_u64(dice.word()).iter().for_each(|word| any(word.fetch_add(1, Relaxed)));
}

fn send(sender: &mut Sender, dice: &mut Dice) {
    let len = if dice.one_in(8) { dice.below(9000) } else { dice.below(64) };
    let longest = sender.longest() as usize;
    assert!(len <= longest || sender.send(&vec![dice.byte(); len]).is_err());
    for _ in 0..dice.below(20) {
        any(sender.send(&vec![dice.byte(); len.min(longest)]));
    }
}

fn receive(receiver: &mut Receiver, dice: &mut Dice) {
    let (mut bytes, time) = (vec![1; dice.below(100)], patience(dice));
    for _ in 0..4 {
        let before = receiver.next_number();
        let received = match dice.below(2) {
            0 => receiver.recv(&mut bytes, time),
            _ => receiver.spin(&mut bytes, time),
        };
        match received {
            Ok(Received::Message { number }) => assert_eq!(number, before),
            Ok(Received::Missed { count }) => assert!(count > 0),
            _ => return,
        }
    }
}

fn append(log: &AppendLog, dice: &mut Dice) {
    for _ in 0..dice.below(20) {
        any(log.append(&dice.bytes()));
        any(log.append_at(dice.pick(&Level::ALL), &dice.bytes()));
    }
}

/// Not kept: where somebody cuts its file, zeros of ours take the place of its 16 GiB, and a child that locks all of its
/// memory gets as much of it.
fn log_of_usual_capacity(dice: &mut Dice) {
    let path = dice.sink.with_extension("log");
    AppendLog::open(&path).iter().for_each(|log| append(log, dice));
    any(std::fs::remove_file(path));
}

fn write_lines(log: &AppendLog, dice: &mut Dice) {
    let mut writer = if dice.one_in(2) { log.writer() } else { log.writer_at(Level::Info) };
    any(writer.write_all(&dice.bytes()));
    any(writer.write_all(b"\n\nline\nrest"));
    if dice.one_in(2) {
        any(writer.flush());
    }
}

fn ask_log(log: &AppendLog, dice: &mut Dice) {
    log.set_level(if dice.one_in(2) { None } else { Some(dice.pick(&Level::ALL)) });
    any((log.is_enabled(dice.pick(&Level::ALL)), log.failures(), log.path()));
}

fn next(reader: &mut LogReader, dice: &mut Dice) {
    for _ in 0..dice.below(50) {
        if let Ok(Some(entry)) = reader.next_entry() {
            any((entry.time(), entry.bytes.iter().max()));
        }
    }
    any((reader.position(), reader.missed_files()));
}

#[cfg(feature = "tracing")]
fn layer(world: &mut World) {
    let Some(log) = world.tools.logs.take(&mut world.dice) else { return };
    use tracing_subscriber::layer::SubscriberExt;
    let layer = log::LogLayer::new(std::sync::Arc::new(log));
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        tracing::info_span!("hostile").in_scope(|| tracing::warn!("{:?}", world.dice.bytes()));
    });
}

/// Without the feature there is no `LogLayer::new`.
#[cfg(not(feature = "tracing"))]
fn layer(_world: &mut World) {}

impl Dice {
    fn log_path(&mut self) -> PathBuf {
        match self.below(8) {
            0 => self.path(),
            _ => {
                let files = Arc::clone(&self.files);
                files.logs[self.below(files.logs.len())].clone()
            }
        }
    }

    /// Of a channel that is small enough, or that cannot be.
    fn broadcast(&mut self) -> Broadcast {
        let slots = self.pick(&[2, 4, 64, 64, 3, 0, 1, 1 << 21, u32::MAX, 1 << 31]);
        Broadcast::new(slots, self.pick(&[0, 1, 63, 100, 4096, (1 << 30) + 1, u32::MAX]))
    }

    /// An object that may have a channel in it.
    fn with_channel<T>(
        &mut self,
        act: impl FnOnce(&FileObject<OwnedFd>, &mut Self) -> T,
    ) -> Option<T> {
        let fd: OwnedFd = match self.below(16) {
            0 => File::options()
                .read(true)
                .write(true)
                .open(self.files.paths[0].clone())
                .ok()?
                .into(),
            1 => self.descriptor()?,
            2 => {
                let shm = ShmObject::open(self.shm_name()).ok()?;
                shm.as_fd().try_clone_to_owned().ok()?
            }
            _ => {
                let channels = CHANNELS.try_lock().ok()?;
                channels.get(self.below(channels.len().max(1)))?.try_clone().ok()?
            }
        };
        Some(act(&FileObject::new(fd).ok()?, self))
    }
}

/// Writes numbers over those of the head or of a slot.
fn scribble(memory: &SharedMut, dice: &mut Dice) {
    for _ in 0..dice.below(4) {
        let number = match dice.below(3) {
            0 => dice.number(),
            1 => dice.below(100) as u64,
            _ => u64::MAX - dice.below(100) as u64,
        };
        match dice.below(3) {
            0 => any(memory.store(dice.below(20) * 4, number as u32)),
            1 => any(memory.store(dice.pick(&[64, 72, 4096, 4104]), number)),
            _ => any(memory.store(8192 + dice.below(64) * 8, number)),
        }
    }
}

impl World {
    fn ring_new(&mut self) {
        if let Ok(ring) = Ring::new(self.dice.len())
            && self.dice.is_odd
        {
            self.tools.rings.put(&mut self.dice, (ring, VecDeque::new()));
        }
    }

    /// Checked against a queue.
    fn ring(&mut self, act: impl FnOnce(&mut Ring, &mut VecDeque<u8>, &mut Dice)) {
        if let Some((ring, content)) = self.tools.rings.pick(&mut self.dice) {
            act(ring, content, &mut self.dice);
            assert_eq!((ring.len(), ring.is_empty()), (content.len(), content.is_empty()));
            assert!(ring.len() <= ring.capacity());
            assert_eq!(ring.readable(), content.make_contiguous());
        }
    }

    fn keeping(&mut self) {
        let Ok(file) = FileObject::open_read_write(self.dice.path()) else { return };
        if let Ok(view) = SharedMut::keeping(&self.dice.options(), file) {
            self.views.put(&mut self.dice, View::Mut(Arc::new(view)));
        }
    }

    fn lease(&mut self) {
        let (path, limit) = (self.dice.path(), CopyLimit::bytes(self.dice.len() as u64));
        let made = match self.dice.below(3) {
            0 => Leased::open(path),
            1 => Leased::open_within(path, limit),
            _ => FileObject::open(path)
                .and_then(|file| Leased::map(&self.dice.options(), file, limit)),
        };
        let Ok(view) = made else { return };
        if self.dice.is_odd
            && let Ok(copy) = view.to_vec(..)
        {
            self.tools.leased.put(&mut self.dice, (view, copy));
        }
    }

    /// The bytes are those that it had first, or errors.
    fn leased(&mut self, act: impl FnOnce(&Leased, &mut Dice)) {
        let Some((view, copy)) = self.tools.leased.pick(&mut self.dice) else { return };
        act(view, &mut self.dice);
        match view.to_vec(..) {
            Ok(bytes) => assert_eq!(sum(&bytes), sum(copy), "{:?}", view.state()),
            Err(error) => assert_eq!(error.cause(), Cause::LeaseGivenUp, "{:?}", view.state()),
        }
    }

    fn growable_new(&mut self) {
        let (path, capacity) = (self.dice.path(), self.dice.len());
        let made = match self.dice.below(2) {
            0 => GrowableFile::open(path, capacity),
            _ => FileObject::open_read_write(path).and_then(|f| GrowableFile::new(f, capacity)),
        };
        made.into_iter().for_each(|file| self.tools.growable.put(&mut self.dice, file));
    }

    fn growable(&mut self, act: impl FnOnce(&GrowableFile, &mut Dice)) {
        if let Some(file) = self.tools.growable.pick(&mut self.dice) {
            act(file, &mut self.dice);
        }
    }

    fn replace_file(&mut self) {
        let path = match self.dice.below(4) {
            0 => self.dice.log_path(),
            1 => {
                let bad = ["", ".", "..", "/", "/..", "x/", "\0", "none/x", "x/.."];
                self.files().join(self.dice.pick(&bad))
            }
            _ => self.dice.path(),
        };
        match self.dice.one_in(2) {
            true => any(mman::write_file(path, self.dice.bytes())),
            false => {
                any(mman::write_file_with(path, |new| -> Result<(), Box<dyn std::error::Error>> {
                    new.write_all(&self.dice.bytes())?;
                    if self.dice.one_in(4) {
                        return Err("enough".into());
                    }
                    Ok(new.write_all(&self.dice.bytes())?)
                }))
            }
        }
    }

    fn channel(&mut self) {
        let channel = self.dice.broadcast();
        any(channel.object_len());
        let made = match self.dice.below(3) {
            0 => channel.create().map(|(sender, object)| (sender, OwnedFd::from(object))),
            1 => channel
                .object_len()
                .and_then(MemFd::new)
                .and_then(|object| Ok((channel.create_in(&object)?, OwnedFd::from(object)))),
            _ => match self.dice.with_channel(|object, _| channel.create_in(object)) {
                Some(Ok(sender)) => return self.keep_sender(sender),
                _ => return,
            },
        };
        let Ok((sender, object)) = made else { return };
        self.keep_sender(sender);
        self.share(object);
    }

    /// Gives an object to all threads.
    fn share(&mut self, object: OwnedFd) {
        if let Ok(mut channels) = CHANNELS.try_lock() {
            if channels.len() > 5 {
                let at = self.dice.below(channels.len());
                drop(channels.swap_remove(at));
            }
            channels.push(object);
        }
    }

    fn keep_sender(&mut self, sender: Sender) {
        if self.dice.is_odd {
            self.tools.senders.put(&mut self.dice, sender);
        }
    }

    fn queue(&mut self) {
        let capacity = self.dice.pick(&[0, 1, 4096, 9000, 1 << 16, (1 << 40) + 1, u64::MAX]);
        let ring = SharedRing::new(capacity);
        any(ring.object_len());
        let made = match self.dice.below(2) {
            0 => ring.create().map(|(writer, object)| (writer, Some(object))),
            _ => match self.dice.with_channel(|object, _| ring.create_in(object)) {
                Some(made) => made.map(|writer| (writer, None)),
                None => return,
            },
        };
        let Ok((writer, object)) = made else { return };
        object.into_iter().for_each(|object| self.share(object.into()));
        if self.dice.is_odd {
            self.tools.ring_writers.put(&mut self.dice, writer);
        }
    }

    fn queue_writer(&mut self) {
        let opened = self.dice.with_channel(|object, _| RingWriter::open(object));
        if let Some(Ok(writer)) = opened
            && self.dice.is_odd
        {
            self.tools.ring_writers.put(&mut self.dice, writer);
        }
    }

    fn queue_reader(&mut self) {
        let opened = self.dice.with_channel(|object, _| RingReader::open(object));
        if let Some(Ok(reader)) = opened
            && self.dice.is_odd
        {
            self.tools.ring_readers.put(&mut self.dice, reader);
        }
    }

    fn resume(&mut self) {
        if let Some(Ok(sender)) = self.dice.with_channel(|object, _| Sender::resume(object)) {
            self.keep_sender(sender);
        }
    }

    fn sender(&mut self, act: impl FnOnce(&mut Sender, &mut Dice)) {
        if let Some(sender) = self.tools.senders.pick(&mut self.dice) {
            act(sender, &mut self.dice);
        }
    }

    fn receiver_open(&mut self) {
        if let Some(Ok(receiver)) = self.dice.with_channel(|object, _| Receiver::open(object)) {
            self.tools.receivers.put(&mut self.dice, receiver);
        }
    }

    fn receiver(&mut self, act: impl FnOnce(&mut Receiver, &mut Dice)) {
        if let Some(receiver) = self.tools.receivers.pick(&mut self.dice) {
            act(receiver, &mut self.dice);
        }
    }

    /// Also makes the object shorter, where it may.
    fn vandalize_channel(&mut self) {
        let done = self.dice.with_channel(|object, dice| {
            SharedMut::new(object).iter().for_each(|memory| scribble(memory, dice));
            if dice.one_in(6) {
                any(rustix::fs::ftruncate(object.file(), dice.below(4 * page()) as u64));
            }
        });
        any(done);
    }

    fn log_open(&mut self) {
        let path = self.dice.log_path();
        if self.dice.one_in(4) {
            return log_of_usual_capacity(&mut self.dice);
        }
        let options = LogOptions::new().capacity(self.dice.len() as u64);
        let rotated = options.rotate(self.dice.below(4) as u32);
        let made = if self.dice.one_in(2) { options.open(path) } else { rotated.open(path) };
        made.into_iter().for_each(|log| self.tools.logs.put(&mut self.dice, log));
    }

    fn log(&mut self, act: impl FnOnce(&AppendLog, &mut Dice)) {
        if let Some(log) = self.tools.logs.pick(&mut self.dice) {
            act(log, &mut self.dice);
        }
    }

    fn reader_open(&mut self) {
        let path = self.dice.log_path();
        let made =
            if self.dice.one_in(2) { LogReader::open(path) } else { LogReader::open_oldest(path) };
        made.into_iter().for_each(|reader| self.tools.readers.put(&mut self.dice, reader));
    }

    fn reader(&mut self, act: impl FnOnce(&mut LogReader, &mut Dice)) {
        if let Some(reader) = self.tools.readers.pick(&mut self.dice) {
            act(reader, &mut self.dice);
        }
    }

    fn files(&self) -> PathBuf {
        self.dice.files.folder.path().to_owned()
    }
}
