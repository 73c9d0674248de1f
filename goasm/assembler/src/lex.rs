//! Text into tokens.

use std::rc::Rc;

use crate::source::Place;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A name; `·` and `∕` in it are already `.` and `/`.
    Name,
    /// An integer as it is written.
    Integer,
    /// A number with a fraction or an exponent, as it is written.
    Float,
    /// A character, with its quotes.
    Character,
    /// A string, with its quotes.
    String,
    /// `<<`
    ShiftLeft,
    /// `>>`
    ShiftRight,
    /// The end of a line, or of a file.
    Newline,
    /// A single character.
    Mark(char),
    /// No token at all. Its text is what is wrong, to be told where it is no comment and in no part that is left out.
    Bad,
}

/// A token, and where it comes from.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    /// What it is.
    pub kind: Kind,
    /// Its text; empty where the kind says everything.
    pub text: Rc<str>,
    /// Where it is; in an expansion, where the outermost macro is used.
    pub place: Place,
    /// The expansion that it is in, 0 if none: see `preprocess`.
    pub expansion: u32,
    /// Nothing is between it and the token before it.
    pub joined: bool,
}

impl Token {
    /// Whether it is this single character.
    pub fn is(&self, mark: char) -> bool {
        self.kind == Kind::Mark(mark)
    }

    /// Whether a statement ends here.
    pub fn ends_statement(&self) -> bool {
        self.kind == Kind::Newline || self.is(';')
    }

    /// The token as messages say it.
    pub fn describe(&self) -> String {
        match self.kind {
            Kind::Newline => "the end of the line".into(),
            Kind::Mark(mark) if mark.is_control() => format!("the character U+{:04X}", u32::from(mark)),
            Kind::Mark(mark) => format!("`{mark}`"),
            Kind::ShiftLeft => "`<<`".into(),
            Kind::ShiftRight => "`>>`".into(),
            _ => format!("`{}`", self.text),
        }
    }
}

/// Reads the tokens of one file. The last one is a [`Kind::Newline`].
#[derive(Debug)]
pub(crate) struct Lexer {
    text: Rc<str>,
    /// The next byte of the text.
    at: usize,
    /// Where the next character is.
    place: Place,
    /// Whether the last newline, which the text may lack, was given out.
    ended: bool,
    /// Shared by all tokens whose kind says everything.
    empty: Rc<str>,
}

impl Lexer {
    /// Of a file's text.
    pub fn new(text: &str, file: u32) -> Lexer {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        Lexer { text: text.into(), at: 0, place: Place { file, line: 1, column: 1 }, ended: false, empty: "".into() }
    }

    /// From the next line on, this is another file's line (`#line`).
    pub fn next_line_is(&mut self, file: u32, line: u32) {
        self.place = Place { file, line, column: self.place.column };
    }

    /// The next token; `None` after the last.
    pub fn next(&mut self) -> Option<Token> {
        let before = self.at;
        if let Some(bad) = self.skip_blanks() {
            return Some(bad);
        }
        let joined = before == self.at && before != 0;
        let (start, place) = (self.at, self.place);
        let Some(first) = self.bump() else {
            let last = !self.ended;
            self.ended = true;
            return last.then(|| self.token(Kind::Newline, place, joined));
        };
        let kind = match first {
            '\n' => Kind::Newline,
            '<' if self.take('<') => Kind::ShiftLeft,
            '>' if self.take('>') => Kind::ShiftRight,
            '"' if self.names_package() => {
                self.bump();
                let start = self.at;
                self.bump();
                return Some(self.name(start, place, joined));
            }
            '"' | '\'' => return Some(self.quoted(first, start, place, joined)),
            '0'..='9' => self.number(first == '0'),
            '.' if self.peek().is_some_and(|c| c.is_ascii_digit()) => {
                self.number(false);
                Kind::Float
            }
            c if begins_name(c) => return Some(self.name(start, place, joined)),
            c => Kind::Mark(c),
        };
        let mut token = self.token(kind, place, joined);
        if matches!(kind, Kind::Integer | Kind::Float) {
            token.text = self.text[start..self.at].into();
        }
        Some(token)
    }

    fn token(&self, kind: Kind, place: Place, joined: bool) -> Token {
        Token { kind, text: self.empty.clone(), place, expansion: 0, joined }
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        if c == '\n' {
            self.place.line += 1;
            self.place.column = 1;
        } else {
            self.place.column += 1;
        }
        Some(c)
    }

    fn take(&mut self, wanted: char) -> bool {
        let here = self.peek() == Some(wanted);
        if here {
            self.bump();
        }
        here
    }

    fn take_while(&mut self, mut wanted: impl FnMut(char) -> bool) {
        while self.peek().is_some_and(&mut wanted) {
            self.bump();
        }
    }

    /// Skips spaces and comments. A comment that never ends is a token: a bad one.
    fn skip_blanks(&mut self) -> Option<Token> {
        loop {
            self.take_while(|c| matches!(c, ' ' | '\t' | '\r'));
            if self.rest().starts_with("//") {
                self.take_while(|c| c != '\n');
            } else if self.rest().starts_with("/*") {
                let place = self.place;
                self.bump();
                self.bump();
                while !self.rest().starts_with("*/") {
                    if self.bump().is_none() {
                        let message = "this comment is never closed: expected `*/`".into();
                        return Some(Token { text: message, ..self.token(Kind::Bad, place, false) });
                    }
                }
                self.bump();
                self.bump();
            } else {
                return None;
            }
        }
    }

    /// After a quote: whether this is the `""` before a dot that stands for the package.
    fn names_package(&self) -> bool {
        let mut rest = self.rest().chars();
        rest.next() == Some('"')
            && match rest.next() {
                Some('·') => true,
                Some('.') => rest.next().is_some_and(begins_name),
                _ => false,
            }
    }

    /// The rest of a name that begins at `start`.
    fn name(&mut self, start: usize, place: Place, joined: bool) -> Token {
        self.take_while(|c| begins_name(c) || c.is_numeric());
        let written = &self.text[start..self.at];
        let text =
            if written.is_ascii() { written.into() } else { written.replace('·', ".").replace('∕', "/").into() };
        Token { text, ..self.token(Kind::Name, place, joined) }
    }

    /// The rest of a string or character, whose escapes are looked at when it is used.
    fn quoted(&mut self, quote: char, start: usize, place: Place, joined: bool) -> Token {
        let (kind, what) = if quote == '"' { (Kind::String, "string") } else { (Kind::Character, "character") };
        loop {
            match self.peek() {
                None | Some('\n') => {
                    let message = format!("this {what} is not closed on its line: expected `{quote}`");
                    return Token { text: message.into(), ..self.token(Kind::Bad, place, joined) };
                }
                Some('\\') => {
                    self.bump();
                    if self.peek() != Some('\n') {
                        self.bump();
                    }
                }
                Some(c) => {
                    self.bump();
                    if c == quote {
                        let text = self.text[start..self.at].into();
                        return Token { text, ..self.token(kind, place, joined) };
                    }
                }
            }
        }
    }

    /// The rest of a number, of which only the extent matters here.
    fn number(&mut self, zero: bool) -> Kind {
        let hex = zero && matches!(self.peek(), Some('x' | 'X'));
        let mut float = false;
        let mut last = '0';
        while let Some(c) = self.peek() {
            let exponent = if hex { matches!(last, 'p' | 'P') } else { matches!(last, 'e' | 'E') };
            match c {
                '+' | '-' if exponent => {}
                '.' => float = true,
                'p' | 'P' if hex => float = true,
                'e' | 'E' if !hex => float = true,
                '_' | '0'..='9' | 'a'..='z' | 'A'..='Z' => {}
                _ => break,
            }
            last = c;
            self.bump();
        }
        if float { Kind::Float } else { Kind::Integer }
    }
}

fn begins_name(c: char) -> bool {
    c.is_alphabetic() || matches!(c, '_' | '·' | '∕')
}
