//! What a word is: letters and digits in a row, of any script, whatever their case.

/// The words of a text, in lower case. Bytes that are no UTF-8 are no letters.
pub fn words(text: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(text);
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect()
}

/// Where a text that goes on can be cut, so that no word is: behind the last white space from `from` on.
pub fn cut(text: &[u8], from: usize) -> Option<usize> {
    let space = text[from..].iter().rposition(u8::is_ascii_whitespace)?;
    Some(from + space + 1)
}
