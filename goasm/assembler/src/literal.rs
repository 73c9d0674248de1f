//! What numbers, characters and strings stand for.

/// The value of an integer: decimal, `0x`, `0o` or `0`, `0b`, with `_` between digits if that reads better.
///
/// # Errors
///
/// What is wrong with it.
pub(crate) fn integer(text: &str) -> Result<u64, String> {
    let digits: String = text.chars().filter(|&c| c != '_').collect::<String>().to_ascii_lowercase();
    let (radix, digits) = match digits.as_bytes() {
        [b'0', b'x', ..] => (16, &digits[2..]),
        [b'0', b'o', ..] => (8, &digits[2..]),
        [b'0', b'b', ..] => (2, &digits[2..]),
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, &digits[..]),
    };
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        let base = match radix {
            16 => "hexadecimal",
            10 => "decimal",
            8 => "octal",
            _ => "binary",
        };
        return Err(format!("`{text}` is no {base} number"));
    }
    u64::from_str_radix(digits, radix).map_err(|_| format!("`{text}` does not fit into 64 bits"))
}

/// The value of a number with a fraction or an exponent; hexadecimal ones have their exponent behind a `p`.
///
/// # Errors
///
/// What is wrong with it.
pub(crate) fn float(text: &str) -> Result<f64, String> {
    let plain = text.replace('_', "").to_ascii_lowercase();
    let value = match plain.strip_prefix("0x") {
        Some(hex) => hexadecimal_float(hex),
        None => plain.parse().ok(),
    };
    match value {
        None => Err(format!("`{text}` is no number")),
        Some(value) if f64::is_infinite(value) => Err(format!("`{text}` is too large for a float of 64 bits")),
        Some(value) => Ok(value),
    }
}

/// `1.8p-3`, rounded once, to even.
fn hexadecimal_float(text: &str) -> Option<f64> {
    let (digits, exponent) = text.split_once('p')?;
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut mantissa = 0_u64;
    // No float has an exponent near this one, and sums with it do not overflow.
    let mut exponent = exponent.parse::<i64>().ok()?.clamp(-(1 << 40), 1 << 40);
    for (number, digit) in whole.chars().chain(fraction.chars()).enumerate() {
        let digit = u64::from(digit.to_digit(16)?);
        let is_fraction = number >= whole.len();
        if mantissa >> 59 == 0 {
            mantissa = mantissa << 4 | digit;
            exponent -= if is_fraction { 4 } else { 0 };
        } else {
            // What is too far behind to be kept still decides what is exactly half.
            mantissa |= u64::from(digit != 0);
            exponent += if is_fraction { 0 } else { 4 };
        }
    }
    if mantissa == 0 {
        return Some(0.0);
    }
    let bits = 64 - i64::from(mantissa.leading_zeros());
    // The exponent of the last bit that a float of this size has.
    let last = (bits + exponent - 53).max(-1074);
    let rounded = match last - exponent {
        none @ ..=0 => mantissa << -none,
        shift @ 1..=63 => {
            let (kept, half) = (mantissa >> shift, 1 << (shift - 1));
            let rest = mantissa & ((1 << shift) - 1);
            kept + u64::from(rest > half || rest == half && kept & 1 == 1)
        }
        _ => 0,
    };
    let scale = match last {
        -1074..=-1023 => f64::from_bits(1 << (last + 1074)),
        -1022..=1023 => f64::from_bits(((last + 1023) as u64) << 52),
        _ => f64::INFINITY,
    };
    Some(rounded as f64 * scale)
}

/// The number of a character in quotes.
///
/// # Errors
///
/// What is wrong with it.
pub(crate) fn character(quoted: &str) -> Result<u64, String> {
    let mut rest = quoted[1..quoted.len() - 1].chars();
    let value = match rest.next() {
        None => return Err("a character is expected between the quotes".into()),
        Some('\\') => match escape(&mut rest, '\'')? {
            Escape::Byte(byte @ 0x80..) => return Err(format!("`\\x{byte:02x}` is no character by itself")),
            Escape::Byte(byte) => u64::from(byte),
            Escape::Character(c) => u64::from(u32::from(c)),
        },
        Some(c) => u64::from(u32::from(c)),
    };
    if rest.next().is_some() { Err(format!("{quoted} is more than one character")) } else { Ok(value) }
}

/// The bytes of a string in quotes.
///
/// # Errors
///
/// What is wrong with it.
pub(crate) fn string(quoted: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(quoted.len());
    let mut rest = quoted[1..quoted.len() - 1].chars();
    while let Some(c) = rest.next() {
        let c = match c {
            '\\' => match escape(&mut rest, '"')? {
                Escape::Byte(byte) => {
                    bytes.push(byte);
                    continue;
                }
                Escape::Character(c) => c,
            },
            c => c,
        };
        bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    }
    Ok(bytes)
}

enum Escape {
    Byte(u8),
    Character(char),
}

/// What stands behind a backslash, in quotes of that kind.
fn escape(rest: &mut std::str::Chars<'_>, quote: char) -> Result<Escape, String> {
    let kind = rest.next().unwrap_or(' ');
    let mut number = |digits: usize, radix: u32, mut value: u32| {
        for _ in 0..digits {
            let digit = rest.next().and_then(|c| c.to_digit(radix));
            value = value * radix + digit.ok_or_else(|| format!("too few digits in the escape `\\{kind}`"))?;
        }
        Ok::<u32, String>(value)
    };
    let byte =
        |value: u32| u8::try_from(value).map(Escape::Byte).map_err(|_| format!("the escape `\\{value:o}` is no byte"));
    let character =
        |value| char::from_u32(value).map(Escape::Character).ok_or_else(|| format!("U+{value:X} is no character"));
    match kind {
        'a' => byte(7),
        'b' => byte(8),
        'f' => byte(12),
        'n' => byte(10),
        'r' => byte(13),
        't' => byte(9),
        'v' => byte(11),
        '\\' => byte(u32::from(b'\\')),
        c if c == quote => Ok(Escape::Character(quote)),
        'x' => byte(number(2, 16, 0)?),
        'u' => character(number(4, 16, 0)?),
        'U' => {
            // Eight digits fit into 32 bits, whatever they are.
            character(number(8, 16, 0)?)
        }
        '0'..='7' => byte(number(2, 8, kind as u32 - '0' as u32)?),
        _ => Err(format!("`\\{kind}` is no escape")),
    }
}
