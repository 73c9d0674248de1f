//! Text as HTML shows it, and numbers as people read them.

use std::fmt;

/// Something whose text is shown as it is, in an element or in an attribute between quotes.
pub(super) struct Escaped<T>(pub(super) T);

impl<T: fmt::Display> fmt::Display for Escaped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write;

        struct Escape<'a, 'b>(&'a mut fmt::Formatter<'b>);
        impl Write for Escape<'_, '_> {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                let mut rest = text;
                while let Some(at) = rest.find(['&', '<', '>', '"', '\'']) {
                    self.0.write_str(&rest[..at])?;
                    self.0.write_str(match rest.as_bytes()[at] {
                        b'&' => "&amp;",
                        b'<' => "&lt;",
                        b'>' => "&gt;",
                        b'"' => "&quot;",
                        _ => "&#39;",
                    })?;
                    rest = &rest[at + 1..];
                }
                self.0.write_str(rest)
            }
        }
        write!(Escape(f), "{}", self.0)
    }
}

/// A count: with a narrow space between groups of three digits up to a million, and then in millions and billions.
pub(super) fn count(n: f64) -> String {
    match n {
        _ if n >= 1e9 => format!("{:.2}\u{202f}G", n / 1e9),
        _ if n >= 1e6 => format!("{:.2}\u{202f}M", n / 1e6),
        _ if n >= 1e3 => {
            let n = n.round() as u64;
            format!("{}\u{202f}{:03}", n / 1000, n % 1000)
        }
        _ if n == n.round() => format!("{n:.0}"),
        _ => format!("{n:.1}"),
    }
}

/// A number of bytes, in powers of 1024.
pub(super) fn bytes(n: f64) -> String {
    let units = ["B", "KB", "MB", "GB", "TB"];
    let mut n = n;
    let mut unit = 0;
    while n >= 1024.0 && unit + 1 < units.len() {
        n /= 1024.0;
        unit += 1;
    }
    if n == n.round() { format!("{n:.0}\u{202f}{}", units[unit]) } else { format!("{n:.1}\u{202f}{}", units[unit]) }
}

/// A time, given in seconds.
pub(super) fn time(seconds: f64) -> String {
    match seconds {
        s if s < 1e-3 => format!("{:.0}\u{202f}µs", s * 1e6),
        s if s < 1.0 => format!("{:.1}\u{202f}ms", s * 1e3),
        s if s < 120.0 => format!("{s:.1}\u{202f}s"),
        s if s < 7200.0 => format!("{:.0}\u{202f}min", s / 60.0),
        s => format!("{:.1}\u{202f}h", s / 3600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::{Escaped, bytes, count, time};

    #[test]
    fn nothing_gets_out_of_its_element() {
        let text = "<script>alert(\"1\" & '2')</script>";
        assert_eq!(Escaped(text).to_string(), "&lt;script&gt;alert(&quot;1&quot; &amp; &#39;2&#39;)&lt;/script&gt;");
        assert_eq!(Escaped("plain é").to_string(), "plain é");
    }

    #[test]
    fn numbers_are_readable() {
        let counts = [0.0, 7.0, 0.5, 999.0, 1000.0, 999_999.0, 1_250_000.0, 2e9].map(count);
        assert_eq!(
            counts.map(|text| text.replace('\u{202f}', " ")),
            ["0", "7", "0.5", "999", "1 000", "999 999", "1.25 M", "2.00 G"]
        );
        let sizes = [0.0, 512.0, 2048.0, 1536.0, 1_073_741_824.0].map(bytes);
        assert_eq!(sizes.map(|text| text.replace('\u{202f}', " ")), ["0 B", "512 B", "2 KB", "1.5 KB", "1 GB"]);
        let times = [0.000_012, 0.25, 3.0, 600.0, 9000.0].map(time);
        assert_eq!(times.map(|text| text.replace('\u{202f}', " ")), ["12 µs", "250.0 ms", "3.0 s", "10 min", "2.5 h"]);
    }
}
