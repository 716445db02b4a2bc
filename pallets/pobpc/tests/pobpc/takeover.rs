//! How likely a drawn committee is in Byzantine hands: the numbers of the README.

use quids_pobpc::{Threshold, faulty_max};

const SIZES: [usize; 7] = [4, 7, 10, 13, 31, 64, 128];
const SHARES: [f64; 5] = [0.10, 0.20, 0.25, 0.30, 0.33];

/// That at least `least` of `seats` are Byzantine, each with probability `share`: very many validators.
fn at_least(least: usize, seats: usize, share: f64) -> f64 {
    // From the rarest on, so that nothing is lost.
    let mut sum = 0.0;
    for byzantine in (least..=seats).rev() {
        let ways: f64 = (0..byzantine)
            .map(|i| ((seats - i) as f64 / (byzantine - i) as f64).ln())
            .sum();
        let honest = (seats - byzantine) as f64;
        sum += (ways + byzantine as f64 * share.ln() + honest * (1.0 - share).ln()).exp();
    }
    sum
}

fn row(cells: impl Iterator<Item = f64>) -> String {
    cells.map(|cell| format!(" {cell:.1e} |")).collect()
}

#[test]
fn the_readme_has_the_numbers() {
    let readme = include_str!("../../README.md");
    let mut table = String::new();
    for seats in SIZES {
        let votes = Threshold::DEFAULT.votes(seats);
        // Enough to fork: two quorums share no more honest seats. Enough to decide alone.
        let (fork, alone) = (2 * votes - seats, votes);
        assert!(fork > faulty_max(seats));
        for (what, least) in [("fork", fork), ("decide alone", alone)] {
            let cells = row(SHARES.iter().map(|share| at_least(least, seats, *share)));
            table += &format!("| {seats} | {what}: {least} |{cells}\n");
        }
    }
    assert!(readme.contains(&table), "the README lacks\n{table}");
}
