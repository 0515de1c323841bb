//! Charts as SVG, without scripts: a line per series, a stack of areas, bars that lead from one sum to another.

use std::fmt::Write;

/// A named series.
pub(crate) struct Line<'a> {
    pub(crate) name: &'a str,
    pub(crate) values: &'a [f64],
}

const WIDTH: f64 = 1_000.0;
const HEIGHT: f64 = 320.0;
const LEFT: f64 = 70.0;
const BOTTOM: f64 = 24.0;
const TOP: f64 = 8.0;
/// More points than pixels show nothing.
const POINTS: usize = 600;
/// Told apart by people who see colours differently as well (Okabe and Ito, 2008).
const COLOURS: [&str; 9] =
    ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#7A5195", "#999933"];

pub(crate) fn colour(index: usize) -> &'static str {
    COLOURS[index % COLOURS.len()]
}

/// Lines over the same days.
pub(crate) fn lines(dates: &[String], lines: &[Line<'_>], unit: impl Fn(f64) -> String) -> String {
    let all = || lines.iter().flat_map(|line| line.values.iter().copied());
    let frame = Frame::new(all().fold(f64::INFINITY, f64::min), all().fold(f64::NEG_INFINITY, f64::max), dates.len());
    let mut svg = frame.open(dates, unit);
    for (index, line) in lines.iter().enumerate() {
        let points: Vec<String> = frame
            .picked()
            .map(|at| format!("{:.1},{:.1}", frame.x(at), frame.y(line.values.get(at).copied().unwrap_or(0.0))))
            .collect();
        let _ = write!(
            svg,
            r#"<polyline fill="none" stroke="{}" stroke-width="1.6" points="{}"><title>{}</title></polyline>"#,
            colour(index),
            points.join(" "),
            escape(line.name)
        );
    }
    svg.push_str("</svg>");
    svg + &legend(lines.iter().map(|line| line.name))
}

/// Areas on top of each other.
pub(crate) fn stack(dates: &[String], layers: &[Line<'_>], unit: impl Fn(f64) -> String) -> String {
    let total = |at: usize| layers.iter().map(|layer| layer.values.get(at).copied().unwrap_or(0.0)).sum::<f64>();
    let frame = Frame::new(0.0, (0..dates.len()).map(total).fold(0.0, f64::max), dates.len());
    let mut svg = frame.open(dates, unit);
    let mut below = vec![0.0; dates.len()];
    for (index, layer) in layers.iter().enumerate() {
        let above: Vec<f64> =
            below.iter().enumerate().map(|(at, below)| below + layer.values.get(at).copied().unwrap_or(0.0)).collect();
        let forward = frame.picked().map(|at| format!("{:.1},{:.1}", frame.x(at), frame.y(above[at])));
        let mut back: Vec<String> =
            frame.picked().map(|at| format!("{:.1},{:.1}", frame.x(at), frame.y(below[at]))).collect();
        back.reverse();
        let points: Vec<String> = forward.chain(back).collect();
        let _ = write!(
            svg,
            r#"<polygon fill="{}" fill-opacity="0.75" points="{}"><title>{}</title></polygon>"#,
            colour(index),
            points.join(" "),
            escape(layer.name)
        );
        below = above;
    }
    svg.push_str("</svg>");
    svg + &legend(layers.iter().map(|layer| layer.name))
}

/// From the first sum by each change to the last.
pub(crate) fn waterfall(
    first: (&str, f64),
    changes: &[(&str, f64)],
    last: &str,
    unit: impl Fn(f64) -> String,
) -> String {
    let mut sums = vec![first.1];
    for (_, change) in changes {
        sums.push(sums.last().copied().unwrap_or_default() + change);
    }
    let end = sums.last().copied().unwrap_or_default();
    let least = sums.iter().copied().fold(f64::INFINITY, f64::min);
    let most = sums.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    // The axis begins near the least sum: the changes are what is shown.
    let floor = (least - (most - least) * 0.25).max(0.0);
    // Room for the labels above the bars.
    let frame = Frame::new(floor, most + (most - floor) * 0.08, 2);
    let mut svg = frame.open(&[], &unit);
    let width = (WIDTH - LEFT) / (changes.len() + 2) as f64;
    let mut bar = |index: usize, name: &str, from: f64, to: f64, colour: &str, label: String| {
        let (x, high, low) = (LEFT + width * index as f64 + width * 0.15, frame.y(from.max(to)), frame.y(from.min(to)));
        let centre = x + width * 0.35;
        let _ = write!(
            svg,
            r#"<rect x="{x:.1}" y="{high:.1}" width="{:.1}" height="{:.1}" fill="{colour}"/><text x="{centre:.1}" y="{:.1}" text-anchor="middle">{}</text><text x="{centre:.1}" y="{:.1}" text-anchor="middle">{label}</text>"#,
            width * 0.7,
            (low - high).max(1.0),
            HEIGHT - 6.0,
            escape(name),
            (high - 4.0).max(10.0),
        );
    };
    bar(0, first.0, floor, first.1, "#666666", unit(first.1));
    for (index, (name, change)) in changes.iter().enumerate() {
        let from = sums[index];
        let colour = if *change >= 0.0 { "#009E73" } else { "#D55E00" };
        bar(index + 1, name, from, from + change, colour, unit(*change));
    }
    bar(changes.len() + 1, last, floor, end, "#666666", unit(end));
    svg.push_str("</svg>");
    svg
}

/// The plane of a chart.
struct Frame {
    low: f64,
    high: f64,
    length: usize,
}

impl Frame {
    fn new(low: f64, high: f64, length: usize) -> Self {
        let (low, high) = if low.is_finite() && high.is_finite() { (low, high) } else { (0.0, 1.0) };
        Self { low, high: if high > low { high } else { low + 1.0 }, length }
    }

    fn x(&self, at: usize) -> f64 {
        LEFT + (WIDTH - LEFT) * at as f64 / (self.length.max(2) - 1) as f64
    }

    fn y(&self, value: f64) -> f64 {
        let part = (value - self.low) / (self.high - self.low);
        HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * part
    }

    fn picked(&self) -> impl Iterator<Item = usize> + use<> {
        let (length, every) = (self.length, self.length.div_ceil(POINTS).max(1));
        (0..length).filter(move |at| at % every == 0 || at + 1 == length)
    }

    fn open(&self, dates: &[String], unit: impl Fn(f64) -> String) -> String {
        let mut svg = format!(r#"<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img">"#);
        for tick in 0..=4 {
            let value = self.low + (self.high - self.low) * f64::from(tick) / 4.0;
            let y = self.y(value);
            let _ = write!(
                svg,
                r##"<line x1="{LEFT}" x2="{WIDTH}" y1="{y:.1}" y2="{y:.1}" stroke="#ddd"/><text x="{:.1}" y="{:.1}" text-anchor="end">{}</text>"##,
                LEFT - 6.0,
                y + 4.0,
                unit(value)
            );
        }
        for part in 0..=5 {
            let at = dates.len().saturating_sub(1) * part / 5;
            if let Some(date) = dates.get(at) {
                let anchor = if part == 5 {
                    "end"
                } else if part == 0 {
                    "start"
                } else {
                    "middle"
                };
                let _ = write!(
                    svg,
                    r#"<text x="{:.1}" y="{}" text-anchor="{anchor}">{date}</text>"#,
                    self.x(at),
                    HEIGHT - 6.0
                );
            }
        }
        svg
    }
}

fn legend<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let entries: String = names
        .enumerate()
        .map(|(index, name)| format!(r#"<span><i style="background:{}"></i>{}</span> "#, colour(index), escape(name)))
        .collect();
    format!(r#"<p class="legend">{entries}</p>"#)
}

/// Text as HTML shows it.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
