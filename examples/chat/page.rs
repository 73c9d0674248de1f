//! What a browser shows.

use crate::room::Room;

/// What the page may load: nothing but itself.
pub const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self' ws: wss:";

/// The page, with what was said until now, which it shows without the script too.
pub fn of(room: &Room) -> String {
    let (lines, names) = room.shown();
    let lines: String = lines.iter().map(|line| format!("<li>{}</li>\n", escaped(line))).collect();
    let there = match &*names {
        [] => "Nobody is here.".to_owned(),
        names => format!("Here: {}.", escaped(&names.join(", "))),
    };
    // The names first: what is said may contain any mark.
    include_str!("page.html").replacen("{there}", &there, 1).replacen("{lines}", &lines, 1)
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // Marks of the page.
            '{' => escaped.push_str("&#123;"),
            c => escaped.push(c),
        }
    }
    escaped
}
