//! What stands between the parentheses of the attributes.

use proc_macro2::{Span, TokenStream};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::{Error, Expr, ExprLit, Ident, Lit, Path, Result, Token};

#[derive(Default)]
pub struct Options {
    pub workers: Option<Expr>,
    /// Where the crate `morestack` is.
    pub path: Option<Path>,
}

impl Options {
    pub fn parse(tokens: TokenStream) -> Result<Options> {
        let mut options = Options::default();
        for option in syn::punctuated::Punctuated::<Given, Token![,]>::parse_terminated.parse2(tokens)? {
            let twice = match option {
                Given::Workers(span, workers) => options.workers.replace(workers).map(|_| span),
                Given::Crate(span, path) => options.path.replace(path).map(|_| span),
            };
            if let Some(span) = twice {
                return Err(Error::new(span, "this option is given twice"));
            }
        }
        Ok(options)
    }
}

enum Given {
    Workers(Span, Expr),
    Crate(Span, Path),
}

impl Parse for Given {
    fn parse(input: ParseStream) -> Result<Given> {
        // Any word: `crate` is a keyword.
        let name = input.call(Ident::parse_any)?;
        let span = name.span();
        match name.to_string().as_str() {
            "workers" => {
                input.parse::<Token![=]>()?;
                Ok(Given::Workers(span, workers(input.parse()?)?))
            }
            "crate" => {
                input.parse::<Token![=]>()?;
                Ok(Given::Crate(span, Path::parse_mod_style(input)?))
            }
            other => Err(Error::new(span, format!("no option `{other}`; there are `workers = 4` and `crate = path`"))),
        }
    }
}

/// Refuses what can be seen to be wrong. The rest is the compiler's, which wants a `usize`, and the runtime's.
fn workers(expression: Expr) -> Result<Expr> {
    if let Expr::Lit(ExprLit { lit, .. }) = &expression {
        match lit {
            Lit::Int(number) if number.base10_digits() == "0" => {
                return Err(Error::new(lit.span(), "a runtime has at least one worker"));
            }
            Lit::Int(_) => {}
            _ => return Err(Error::new(lit.span(), "the number of workers is a `usize`, as in `workers = 4`")),
        }
    }
    Ok(expression)
}
