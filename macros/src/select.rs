//! `select!`: its arms. What becomes of them is [`expand`]'s.
//!
//! ```text
//! (path of the crate) fair                      or `biased`; this line comes from `src/channel/macros.rs`
//! recv(receiver) -> pattern => body,            any number of operations, and at most one `default`
//! send(sender, message) -> pattern => body,
//! default(timeout) => body,                     or `default()`, or `default`
//! ```
//!
//! A body in braces is handed on as it is, unparsed, and needs no comma: what is wrong in it is the compiler's to say.

use proc_macro2::{Ident, TokenStream, TokenTree};
use syn::parse::{Parse, ParseStream, Parser};
use syn::{Error, Expr, Pat, Result, Stmt, Token, parenthesized, token};

mod expand;
#[cfg(test)]
mod tests;

/// A whole `select!`.
struct Select {
    /// Where the crate `morestack` is.
    path: TokenStream,
    /// Whether the first of several ready operations is selected, instead of any.
    biased: bool,
    arms: Vec<Arm>,
    default: Option<DefaultArm>,
}

/// An operation, and what follows it.
struct Arm {
    operation: Operation,
    pattern: Pat,
    body: Body,
}

enum Operation {
    Recv { receiver: Expr },
    Send { sender: Expr, message: Expr },
}

/// What follows if no operation is ready, at once or within a time.
struct DefaultArm {
    timeout: Option<Expr>,
    body: Body,
}

/// What an arm does.
enum Body {
    /// Braces, or what a macro calls a block.
    Block(TokenTree),
    /// As the end of a block, so that it is printed with the parentheses that it needs there.
    Expression(Box<Stmt>),
}

/// The expansion, or else the error.
pub fn expand_or_report(tokens: TokenStream) -> TokenStream {
    Select::parse.parse2(tokens).map_or_else(Error::into_compile_error, |select| expand::expand(&select))
}

impl Parse for Select {
    fn parse(input: ParseStream) -> Result<Select> {
        let path;
        parenthesized!(path in input);
        let path = path.parse()?;
        let biased = input.parse::<Ident>()? == "biased";
        let mut select = Select { path, biased, arms: vec![], default: None };
        while !input.is_empty() {
            select.arm(input)?;
        }
        Ok(select)
    }
}

impl Select {
    /// Parses one more arm.
    fn arm(&mut self, input: ParseStream) -> Result<()> {
        let begin = input.span();
        let name = input.parse::<Ident>().map(|name| name.to_string()).unwrap_or_default();
        match name.as_str() {
            "recv" => {
                let [receiver] = arguments(input, "`recv(receiver)`")?;
                self.arms.push(Arm::parse(input, Operation::Recv { receiver })?);
            }
            "send" => {
                let [sender, message] = arguments(input, "`send(sender, message)`")?;
                self.arms.push(Arm::parse(input, Operation::Send { sender, message })?);
            }
            "default" => {
                if self.default.replace(input.parse()?).is_some() {
                    return Err(Error::new(begin, "there can be only one `default`"));
                }
            }
            _ => return Err(Error::new(begin, "expected `recv(..)`, `send(..)` or `default`")),
        }
        Ok(())
    }
}

/// The arguments of an operation: so many, and perhaps a comma at their end.
fn arguments<const N: usize>(input: ParseStream, usage: &str) -> Result<[Expr; N]> {
    if !input.peek(token::Paren) {
        return Err(input.error(format!("expected arguments: {usage}")));
    }
    let content;
    let parentheses = parenthesized!(content in input);
    let given = content.parse_terminated(Expr::parse, Token![,])?;
    Vec::from_iter(given).try_into().map_err(|given: Vec<Expr>| {
        let message = format!("expected {N} argument{}, found {}: {usage}", if N == 1 { "" } else { "s" }, given.len());
        Error::new(parentheses.span.join(), message)
    })
}

impl Arm {
    /// What comes after the operation.
    fn parse(input: ParseStream, operation: Operation) -> Result<Arm> {
        if !input.peek(Token![->]) {
            return Err(input.error("expected `->` and a pattern for the operation's result, `-> _` for any"));
        }
        input.parse::<Token![->]>()?;
        Ok(Arm { operation, pattern: Pat::parse_multi_with_leading_vert(input)?, body: input.parse()? })
    }
}

impl Parse for DefaultArm {
    /// What comes after the word.
    fn parse(input: ParseStream) -> Result<DefaultArm> {
        let mut timeout = None;
        if input.peek(token::Paren) {
            let content;
            parenthesized!(content in input);
            if !content.is_empty() {
                timeout = Some(content.parse()?);
                content.parse::<Option<Token![,]>>()?;
            }
            if !content.is_empty() {
                return Err(content.error("`default(timeout)` has one argument, and `default` none"));
            }
        }
        if input.peek(Token![->]) {
            return Err(input.error("expected `=>`: `default` has no result"));
        }
        Ok(DefaultArm { timeout, body: input.parse()? })
    }
}

impl Parse for Body {
    /// From the arrow to the end of the arm, with its comma.
    fn parse(input: ParseStream) -> Result<Body> {
        input.parse::<Token![=>]>()?;
        if input.is_empty() {
            return Err(input.error("expected an expression after `=>`"));
        }
        let body = if is_block(input) {
            Body::Block(input.parse()?)
        } else {
            let body = Body::Expression(Box::new(Stmt::Expr(input.parse()?, None)));
            if !input.is_empty() && !input.peek(Token![,]) {
                return Err(input.error("expected `,` at the end of the arm before this"));
            }
            body
        };
        input.parse::<Option<Token![,]>>()?;
        Ok(body)
    }
}

/// Whether what comes is braces, and not an expression that begins with them.
fn is_block(input: ParseStream) -> bool {
    let rest = input.fork();
    let braces = input.peek(token::Brace) && rest.parse::<TokenTree>().is_ok();
    braces && (rest.is_empty() || rest.peek(Token![,]) || rest.peek(Token![;]) || rest.peek(syn::Ident))
}
