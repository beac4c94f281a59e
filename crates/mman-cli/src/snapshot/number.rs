//! Numbers of no fixed width: seven bits a byte, the lowest first, the highest bit set where more follow.

/// The most bytes that a number takes.
pub(super) const LONGEST: usize = 10;

/// Adds a number.
pub(super) fn put(out: &mut Vec<u8>, mut value: u64) {
    loop {
        let [low, ..] = value.to_le_bytes();
        value >>= 7;
        if value == 0 {
            out.push(low & 0x7f);
            return;
        }
        out.push(low | 0x80);
    }
}

/// Adds a number that may be below zero: small ones of either sign are short.
pub(super) fn put_signed(out: &mut Vec<u8>, value: i64) {
    put(out, (value << 1 ^ value >> 63).cast_unsigned());
}

/// Takes numbers off the front of bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Numbers<'bytes>(pub(super) &'bytes [u8]);

impl<'bytes> Numbers<'bytes> {
    /// The next number; `None` where the bytes end within it, or it is longer than it need be, or than 64 bits.
    pub(super) fn take(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for (at, byte) in self.0.iter().enumerate().take(LONGEST) {
            let shift = u32::try_from(at).ok()?.checked_mul(7)?;
            let bits = u64::from(byte & 0x7f);
            let shifted = bits.checked_shl(shift)?;
            if shifted >> shift != bits {
                return None;
            }
            value |= shifted;
            if byte & 0x80 == 0 {
                self.0 = self.0.get(at.checked_add(1)?..)?;
                return (at == 0 || *byte != 0).then_some(value);
            }
        }
        None
    }

    pub(super) fn take_signed(&mut self) -> Option<i64> {
        let value = self.take()?;
        Some((value >> 1).cast_signed() ^ (value & 1).cast_signed().wrapping_neg())
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back() {
        for value in [0, 1, 127, 128, 16_383, 16_384, 1 << 62, u64::MAX] {
            let mut out = Vec::new();
            put(&mut out, value);
            assert!(out.len() <= LONGEST);
            let mut numbers = Numbers(&out);
            assert_eq!((numbers.take(), numbers.is_empty()), (Some(value), true));
            assert_eq!(Numbers(&out[..out.len() - 1]).take(), None, "cut off: {value}");
        }
        for value in [0, 1, -1, i64::MAX, i64::MIN, -5_000_000_000] {
            let mut out = Vec::new();
            put_signed(&mut out, value);
            assert_eq!(Numbers(&out).take_signed(), Some(value));
        }
    }

    #[test]
    fn each_number_is_written_in_one_way_only() {
        assert_eq!(Numbers(&[0x80, 0]).take(), None, "a byte more than it need be");
        assert_eq!(Numbers(&[0xff; 10]).take(), None, "no end");
        assert_eq!(
            Numbers(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]).take(),
            None
        );
        assert_eq!(Numbers(&[]).take(), None);
    }
}
