//! Measuring side by side: interleaved rounds, quantiles, ratios.

use crate::failure::Result;

/// One number for each round.
#[derive(Clone, Debug)]
pub struct Samples(Vec<f64>);

impl Samples {
    /// Panics without a number, or with one that is not finite.
    pub fn new(values: impl IntoIterator<Item = f64>) -> Self {
        let values: Vec<f64> = values.into_iter().collect();
        assert!(!values.is_empty(), "no sample");
        assert!(values.iter().all(|value| value.is_finite()), "a sample that is no number");
        Self(values)
    }

    /// The value below which this share of the samples lies; between two samples, on the line between them.
    pub fn quantile(&self, share: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let place = share.clamp(0.0, 1.0) * (sorted.len() - 1) as f64;
        let (low, high) = (place.floor() as usize, place.ceil() as usize);
        sorted[low] + (sorted[high] - sorted[low]) * (place - place.floor())
    }

    pub fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// Each round of this against the same round of another: what disturbs a round disturbs both.
    pub fn ratio_to(&self, other: &Self) -> Self {
        assert_eq!(self.0.len(), other.0.len(), "as many rounds");
        Self::new(self.0.iter().zip(&other.0).map(|(ours, theirs)| ours / theirs))
    }
}

/// Runs every contender once a round, each round beginning with another one. Answers what each contender's
/// runs gave, in the order of the contenders and the rounds.
pub fn interleave<C, T>(
    rounds: usize,
    contenders: &mut [C],
    mut run: impl FnMut(&mut C) -> Result<T>,
) -> Result<Vec<Vec<T>>> {
    let mut given: Vec<Vec<T>> = contenders.iter().map(|_| Vec::with_capacity(rounds)).collect();
    for round in 0..rounds {
        for turn in 0..contenders.len() {
            let place = (round + turn) % contenders.len();
            given[place].push(run(&mut contenders[place])?);
        }
    }
    Ok(given)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_on_the_line_between_samples() {
        let samples = Samples::new([4.0, 1.0, 3.0, 2.0, 5.0]);
        assert_eq!(samples.median(), 3.0);
        assert_eq!(samples.quantile(0.0), 1.0);
        assert_eq!(samples.quantile(1.0), 5.0);
        assert_eq!(samples.quantile(0.1), 1.4);
        assert_eq!(Samples::new([1.0, 2.0]).median(), 1.5);
        assert_eq!(Samples::new([7.0]).quantile(0.9), 7.0);
    }

    #[test]
    fn a_ratio_is_taken_round_by_round() {
        // The second round is ten times as slow for both: the ratio does not see it.
        let (ours, theirs) = (Samples::new([1.0, 10.0, 1.2]), Samples::new([2.0, 20.0, 2.0]));
        let ratio = ours.ratio_to(&theirs);
        assert_eq!(ratio.median(), 0.5);
        assert_eq!(ratio.quantile(1.0), 0.6);
    }

    #[test]
    fn rounds_rotate_and_results_keep_their_places() {
        let mut ran = Vec::new();
        let given = interleave(3, &mut [10, 20], |contender| {
            ran.push(*contender);
            Ok(ran.len())
        });
        assert_eq!(ran, [10, 20, 20, 10, 10, 20]);
        assert_eq!(ran.len(), 6);
        assert_eq!(given.unwrap(), [[1, 4, 5], [2, 3, 6]]);
    }

    #[test]
    fn the_first_failure_ends_the_rounds() {
        let mut runs = 0;
        let given = interleave(5, &mut [(), ()], |()| {
            runs += 1;
            if runs == 3 { Err("broken".into()) } else { Ok(()) }
        });
        assert_eq!(given.unwrap_err().to_string(), "broken");
        assert_eq!(runs, 3);
    }
}
