//! Charts in SVG. Words and numbers stand beside them in HTML, so that a chart may be stretched to whatever room there is.

use super::history::KEPT;
use super::html::{Escaped, time};
use std::fmt::Write;

/// Units of height of a chart with lines. Its width is a unit for each sample.
const HEIGHT: f64 = 60.0;

/// Samples for which there is room at least: a young process's lines do not fill the chart.
const LEAST: usize = 60;

/// A line of a chart.
pub(super) struct Line {
    pub(super) name: &'static str,
    /// The newest last; nothing where there is no value.
    pub(super) values: Vec<Option<f64>>,
}

/// A chart of lines that share their scale, which begins at 0, under a title. `show` writes a value.
pub(super) fn lines(title: &str, lines: &[Line], show: impl Fn(f64) -> String) -> String {
    let all = lines.iter().flat_map(|line| &line.values);
    let most = all.flatten().copied().fold(0.0, f64::max);
    let top = if most > 0.0 { most } else { 1.0 };
    let mut out = format!("<figure><figcaption><b>{}</b>", Escaped(title));
    for (i, line) in lines.iter().enumerate() {
        let now = line.values.last().copied().flatten().map_or_else(|| "–".to_owned(), &show);
        let _ = write!(out, " <span class=\"k{i}\">{} <b>{}</b></span>", Escaped(line.name), Escaped(now));
    }
    let shown = lines.iter().map(|line| line.values.len()).max().unwrap_or(0).clamp(LEAST, KEPT);
    let _ = write!(
        out,
        " <span class=most>at most {} in {2}</span></figcaption>\
         <svg viewBox=\"{3} 0 {shown} {HEIGHT}\" preserveAspectRatio=none role=img aria-label=\"{1} in {2}\">",
        Escaped(show(most)),
        Escaped(title),
        time(shown as f64),
        KEPT - shown,
    );
    for (i, line) in lines.iter().enumerate() {
        let _ = write!(out, "<path class=\"k{i}\" d=\"{}\"/>", path(&line.values, top));
    }
    out.push_str("</svg></figure>\n");
    out
}

/// The way of a line whose newest value is at the right edge.
fn path(values: &[Option<f64>], top: f64) -> String {
    let mut path = String::new();
    let mut draws = false;
    for (i, value) in values.iter().enumerate() {
        let Some(value) = value else {
            draws = false;
            continue;
        };
        let x = (KEPT + i) as f64 - values.len() as f64 + 0.5;
        let y = HEIGHT - 1.0 - value / top * (HEIGHT - 2.0);
        let _ = write!(path, "{}{x} {y:.1}", if draws { 'L' } else { 'M' });
        if !draws {
            // A value between two gaps is a dot.
            path.push_str("h0");
        }
        draws = true;
    }
    path
}

/// Bars, each with its name in front and its value behind.
pub(super) fn bars(title: &str, bars: &[(String, f64, String)]) -> String {
    let most = bars.iter().map(|bar| bar.1).fold(0.0, f64::max).max(1.0);
    let mut out = format!("<figure><figcaption><b>{}</b></figcaption><table class=bars>", Escaped(title));
    for (name, value, text) in bars {
        let _ = write!(
            out,
            "<tr><th scope=row>{}</th><td><svg viewBox=\"0 0 100 10\" preserveAspectRatio=none aria-hidden=true>\
             <rect class=k0 width=\"{:.1}\" height=10 /></svg></td><td class=n>{}</td></tr>",
            Escaped(name),
            value / most * 100.0,
            Escaped(text)
        );
    }
    if bars.is_empty() {
        out.push_str("<tr><td>none</td></tr>");
    }
    out.push_str("</table></figure>\n");
    out
}

#[cfg(test)]
mod tests {
    use super::{Line, bars, lines, path};

    #[test]
    fn lines_end_at_the_right_edge_and_have_gaps() {
        assert_eq!(path(&[Some(0.0), Some(2.0), None, Some(1.0)], 2.0), "M296.5 59.0h0L297.5 1.0M299.5 30.0h0");
        assert_eq!(path(&[], 1.0), "");
    }

    #[test]
    fn what_is_shown_is_escaped_and_zero_divides_nothing() {
        let chart = lines("a<b", &[Line { name: "x", values: vec![Some(0.0)] }], |value| format!("{value}<"));
        assert!(chart.contains("a&lt;b") && chart.contains("0&lt;") && !chart.contains("NaN"), "{chart}");
        let none = bars("t", &[("n&".to_owned(), 0.0, "0".to_owned())]);
        assert!(none.contains("n&amp;") && none.contains("width=\"0.0\""), "{none}");
    }
}
