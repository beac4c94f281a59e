//! Numbers between the words of the table and the sizes of this machine, which have 64 bits both.

/// A word as an index or a size.
#[inline]
pub(crate) const fn size(word: u64) -> usize {
    #[expect(clippy::cast_possible_truncation, reason = "this crate is for machines of 64 bits")]
    let size = word as usize;
    size
}

/// A size as a word.
#[inline]
pub(crate) const fn word(size: usize) -> u64 {
    size as u64
}

/// The low half of a word.
#[inline]
pub(crate) const fn low(word: u64) -> u32 {
    #[expect(clippy::cast_possible_truncation, reason = "the low half is what is asked for")]
    let low = word as u32;
    low
}

/// So many things of such a size, rounded up; of size 0, none.
#[inline]
pub(crate) const fn up(count: usize, each: usize) -> usize {
    match count.checked_next_multiple_of(each) {
        Some(up) => match up.checked_div(each) {
            Some(things) => things,
            None => 0,
        },
        None => 0,
    }
}

/// Decimal digits as a number.
pub(crate) fn number_of(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, digit| {
        let digit = char::from(*digit).to_digit(10)?;
        number.checked_mul(10)?.checked_add(digit.into())
    })
}
