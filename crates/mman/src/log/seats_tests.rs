//! Every order of the steps of threads that sit and of one that replaces, by loom.

#![expect(unsafe_code, reason = "reaches loom's cells")]
#![allow(clippy::arithmetic_side_effects, reason = "test code: it may panic")]

use super::Seats;
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::AtomicU64;
use loom::thread;

/// The value is changed by nobody who reads it; what belongs to a seat is counted by loom's own cell, which tells of two
/// that are in it at once, or of one that does not see what the other did.
type Tested<const N: usize> = Seats<UnsafeCell<u64>, UnsafeCell<u64>, AtomicU64, N>;

fn read<const N: usize>(seats: &Tested<N>) -> u64 {
    let mut seat = seats.sit();
    let (value, own) = seat.get();
    // SAFETY: the cells are ours, which is what is tested.
    own.with_mut(|count| unsafe { *count += 1 });
    // SAFETY: as above.
    value.with(|value| unsafe { *value })
}

fn model(steps: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(steps);
}

#[test]
fn readers_see_the_old_value_or_the_new_one_and_never_go_back() {
    model(|| {
        let seats = Arc::new(Tested::<2>::new(UnsafeCell::new(1), || UnsafeCell::new(0)));
        let other = Arc::clone(&seats);
        let reader = thread::spawn(move || {
            let (first, second) = (read(&other), read(&other));
            assert!(first <= second && (1..=2).contains(&first) && second <= 2);
        });
        // Written through loom's cell by who has all seats, so that a reader who still is there would be told of.
        // SAFETY: as above.
        seats.replace_with(|value| value.with_mut(|value| unsafe { *value = 2 }));
        reader.join().unwrap();
        assert_eq!(read(&seats), 2);
    });
}

#[test]
fn two_with_one_seat_take_turns() {
    model(|| {
        let seats = Arc::new(Tested::<1>::new(UnsafeCell::new(7), || UnsafeCell::new(0)));
        let other = Arc::clone(&seats);
        let reader = thread::spawn(move || assert_eq!(read(&other), 7));
        assert_eq!(read(&seats), 7);
        reader.join().unwrap();
    });
}
