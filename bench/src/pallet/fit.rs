//! Least squares: a figure as a base and a slope a component.

/// `base + Σ slope · component`. Slopes and base are never negative: a cost is not.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    pub base: f64,
    pub slopes: Vec<f64>,
    /// The share of the samples' variance that the line explains; `None` without components or variance.
    pub r2: Option<f64>,
}

impl Line {
    /// The line through samples of (components, figure); `None` if they do not determine one.
    pub fn fit(points: &[(&[u32], f64)]) -> Option<Self> {
        let count = points.first()?.0.len();
        if count == 0 {
            let base = points.iter().map(|(_, y)| y).sum::<f64>() / points.len() as f64;
            return Some(Self {
                base,
                slopes: Vec::new(),
                r2: None,
            });
        }
        // Normal equations, the first unknown being the base; components scaled to at most 1, or they would drown it.
        let scale: Vec<f64> = (0..count)
            .map(|of| points.iter().map(|(x, _)| f64::from(x[of])).fold(1.0, f64::max))
            .collect();
        let row = |x: &[u32]| -> Vec<f64> {
            let scaled = x.iter().zip(&scale).map(|(x, scale)| f64::from(*x) / scale);
            std::iter::once(1.0).chain(scaled).collect()
        };
        let size = count + 1;
        let mut system = vec![vec![0.0; size + 1]; size];
        for (x, y) in points {
            let row = row(x);
            for i in 0..size {
                for j in 0..size {
                    system[i][j] += row[i] * row[j];
                }
                system[i][size] += row[i] * y;
            }
        }
        let solved = solve(system)?;
        let predicted = |x: &[u32]| row(x).iter().zip(&solved).map(|(x, s)| x * s).sum::<f64>();
        let mean = points.iter().map(|(_, y)| y).sum::<f64>() / points.len() as f64;
        let total: f64 = points.iter().map(|(_, y)| (y - mean).powi(2)).sum();
        let left: f64 = points.iter().map(|(x, y)| (y - predicted(x)).powi(2)).sum();
        Some(Self {
            base: solved[0].max(0.0),
            slopes: solved[1..]
                .iter()
                .zip(&scale)
                .map(|(slope, scale)| (slope / scale).max(0.0))
                .collect(),
            r2: (total > 0.0).then(|| 1.0 - left / total),
        })
    }
}

/// A line in whole numbers, as weights have them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whole {
    pub base: u64,
    pub slopes: Vec<u64>,
}

impl Whole {
    /// The line times `scale`, its slopes rounded up, its base such that no sample lies above. A slope that is within a hundredth of
    /// the whole number below it is that number: the lengths of lengths bend a line a little.
    pub fn covering(line: &Line, points: &[(&[u32], f64)], scale: f64) -> Self {
        let up = |slope: f64| match slope - slope.floor() < 0.01 {
            true => slope.floor(),
            false => slope.ceil(),
        };
        let slopes: Vec<f64> = line.slopes.iter().map(|slope| up(slope * scale)).collect();
        let of_slopes = |x: &[u32]| -> f64 { x.iter().zip(&slopes).map(|(x, slope)| f64::from(*x) * slope).sum() };
        let left = points.iter().map(|(x, y)| y * scale - of_slopes(x));
        Self {
            // Sums of whole numbers are whole but for the last bits.
            base: (left.fold(0.0, f64::max) - 1e-6).ceil().max(0.0) as u64,
            slopes: slopes.iter().map(|slope| *slope as u64).collect(),
        }
    }
}

/// Gauss' elimination with pivots, of rows with their right side last; `None` of a singular system.
fn solve(mut rows: Vec<Vec<f64>>) -> Option<Vec<f64>> {
    let size = rows.len();
    for column in 0..size {
        let pivot = (column..size).max_by(|a, b| rows[*a][column].abs().total_cmp(&rows[*b][column].abs()))?;
        if rows[pivot][column].abs() < 1e-9 {
            return None;
        }
        rows.swap(column, pivot);
        for below in column + 1..size {
            let (above, rest) = rows.split_at_mut(below);
            let (pivot, row) = (&above[column], &mut rest[0]);
            let factor = row[column] / pivot[column];
            for (value, above) in row.iter_mut().zip(pivot).skip(column) {
                *value -= factor * above;
            }
        }
    }
    let mut solved = vec![0.0; size];
    for at in (0..size).rev() {
        let known: f64 = (at + 1..size).map(|other| rows[at][other] * solved[other]).sum();
        solved[at] = (rows[at][size] - known) / rows[at][at];
    }
    Some(solved)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_found_and_what_is_none_is_told() {
        let close = |a: f64, b: f64| (a - b).abs() < 1e-6 * b.abs().max(1.0);
        // Two components, far apart in size: 100 + 0.5 a + 3 b.
        let points: Vec<([u32; 2], f64)> = [(0, 0), (100_000, 0), (0, 8), (50_000, 4), (100_000, 8)]
            .map(|(a, b)| ([a, b], 100.0 + 0.5 * f64::from(a) + 3.0 * f64::from(b)))
            .to_vec();
        let points: Vec<_> = points.iter().map(|(x, y)| (&x[..], *y)).collect();
        let line = Line::fit(&points).unwrap();
        assert!(
            close(line.base, 100.0) && close(line.slopes[0], 0.5) && close(line.slopes[1], 3.0),
            "{line:?}"
        );
        assert!(close(line.r2.unwrap(), 1.0));
        // Noise: the line is between, and explains part of it.
        let noisy: [(&[u32], f64); 4] = [(&[0], 0.0), (&[1], 3.0), (&[2], 1.0), (&[3], 4.0)];
        let line = Line::fit(&noisy).unwrap();
        assert!(
            close(line.base, 0.5) && close(line.slopes[0], 1.0) && close(line.r2.unwrap(), 0.5),
            "{line:?}"
        );
        // No component: the mean. A component that does not move, or nothing at all: no line.
        assert_eq!(Line::fit(&[(&[], 1.0), (&[], 3.0)]).unwrap().base, 2.0);
        assert_eq!(Line::fit(&[(&[5], 1.0), (&[5], 3.0)]), None);
        assert_eq!(Line::fit(&[]), None);
        // What is written covers each sample, also those above the line, and where a slope is rounded down.
        for (points, scale, base, slope) in [
            (&[(&[0][..], 0.0), (&[1], 3.0), (&[2], 1.0), (&[3], 4.0)][..], 1.0, 2, 1),
            (&[(&[0], 0.0), (&[1], 3.0), (&[2], 1.0), (&[3], 4.0)], 1.2, 2, 2),
            (&[(&[0], 7.0), (&[1000], 1009.0)], 1.0, 9, 1),
            (&[(&[0], 7.0), (&[1000], 1027.0)], 1.0, 7, 2),
            (&[(&[0], 5.0), (&[1], 1.0)], 1.0, 5, 0),
        ] {
            let whole = Whole::covering(&Line::fit(points).unwrap(), points, scale);
            assert_eq!(
                (whole.base, &whole.slopes[..]),
                (base, &[slope][..]),
                "{points:?} times {scale}"
            );
        }
        // A cost does not fall.
        assert_eq!(Line::fit(&[(&[0], 5.0), (&[1], 1.0)]).unwrap().slopes, [0.0]);
    }
}
