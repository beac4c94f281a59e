//! Aligned Markdown tables, and numbers as they stand in them.

use crate::measure::Samples;
use std::fmt;

/// Rows of text under a head. The first columns are names, the others numbers.
pub struct Table {
    names: usize,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A head whose first `names` columns are aligned to the left.
    pub fn new<const N: usize>(names: usize, head: [&str; N]) -> Self {
        Self::of(names, &head)
    }

    /// As [`Table::new`], for a head whose length is not known beforehand.
    pub fn of(names: usize, head: &[&str]) -> Self {
        Self { names, rows: vec![head.iter().map(ToString::to_string).collect()] }
    }

    /// Panics unless the row has as many cells as the head.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let cells: Vec<String> = cells.into_iter().collect();
        assert_eq!(cells.len(), self.rows[0].len(), "a cell for each column");
        self.rows.push(cells);
    }

    fn widths(&self) -> Vec<usize> {
        let width = |column: usize| {
            self.rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0).max(3)
        };
        (0..self.rows[0].len()).map(width).collect()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = self.widths();
        for (number, row) in self.rows.iter().enumerate() {
            for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
                if column < self.names {
                    write!(f, "| {cell:<width$} ")?;
                } else {
                    write!(f, "| {cell:>width$} ")?;
                }
            }
            writeln!(f, "|")?;
            if number == 0 {
                for (column, &width) in widths.iter().enumerate() {
                    let colon = if column < self.names { "-" } else { ":" };
                    write!(f, "|-{}{colon}", "-".repeat(width))?;
                }
                writeln!(f, "|")?;
            }
        }
        Ok(())
    }
}

/// Seconds, with three digits that count, in a unit that fits.
pub fn time(seconds: f64) -> String {
    let (value, unit) = match seconds {
        s if s >= 1.0 => (s, "s"),
        s if s >= 1e-3 => (s * 1e3, "ms"),
        s if s >= 1e-6 => (s * 1e6, "us"),
        s => (s * 1e9, "ns"),
    };
    format!("{} {unit}", digits(value))
}

/// Three digits that count, none of them lost before the point.
pub fn digits(value: f64) -> String {
    let places = match value.abs() {
        v if v >= 99.95 => 0,
        v if v >= 9.995 => 1,
        _ => 2,
    };
    format!("{value:.places$}")
}

/// From the tenth to the ninetieth of a hundred.
pub fn spread(samples: &Samples, number: fn(f64) -> String) -> String {
    format!("{} - {}", number(samples.quantile(0.1)), number(samples.quantile(0.9)))
}

pub fn ratio(samples: &Samples) -> String {
    format!("{:.2}", samples.median())
}

/// Bytes in the largest binary unit that leaves a whole number.
pub fn bytes(count: u64) -> String {
    match count {
        n if n >= 1 << 30 && n % (1 << 30) == 0 => format!("{} GiB", n >> 30),
        n if n >= 1 << 20 && n % (1 << 20) == 0 => format!("{} MiB", n >> 20),
        n if n >= 1 << 10 && n % (1 << 10) == 0 => format!("{} KiB", n >> 10),
        n => format!("{n} B"),
    }
}

/// KiB as MiB.
pub fn mebibytes(kib: u64) -> String {
    digits(kib as f64 / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let mut table = Table::new(1, ["what", "ns"]);
        table.row(["a".into(), "1".into()]);
        table.row(["longer".into(), "1000".into()]);
        let expected = "| what   |   ns |\n\
                        |--------|-----:|\n\
                        | a      |    1 |\n\
                        | longer | 1000 |\n";
        assert_eq!(table.to_string(), expected);
    }

    #[test]
    fn numbers_have_three_digits() {
        assert_eq!(time(0.001_234), "1.23 ms");
        assert_eq!(time(12.3e-6), "12.3 us");
        assert_eq!(time(456.4e-9), "456 ns");
        assert_eq!(time(2.0), "2.00 s");
        assert_eq!(digits(99.96), "100");
        assert_eq!(
            (bytes(4096), bytes(1 << 30), bytes(1536)),
            ("4 KiB".into(), "1 GiB".into(), "1536 B".into())
        );
    }
}
