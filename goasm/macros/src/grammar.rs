//! What stands in `include!` and `asm!`: a path or a text with options, then blocks of declarations.

use crate::types::Shape;
use proc_macro2::Span;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{
    Attribute, Error, GenericParam, Generics, Ident, LitStr, Result, Token, Type, Visibility, braced, parenthesized,
    token,
};

/// All of a macro's input.
pub(crate) struct Input {
    /// The path or the text.
    pub(crate) source: LitStr,
    pub(crate) options: Options,
    pub(crate) declarations: Vec<Declaration>,
}

/// What stands behind the path or text.
#[derive(Default)]
pub(crate) struct Options {
    /// `define("NAME")` and `define("NAME", "value")`.
    pub(crate) defines: Vec<(String, String)>,
    /// `include_dir("path")`.
    pub(crate) include_dirs: Vec<LitStr>,
    /// `package("path")`.
    pub(crate) package: Option<LitStr>,
}

/// What a block says about its functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Convention {
    /// In the assembly, arguments on the stack.
    Abi0,
    /// In the assembly, arguments in registers.
    Internal,
    /// In Rust: `morestack::mapped_export!` makes an ABI0 function of each.
    Rust,
}

/// A function's declaration.
pub(crate) struct Declaration {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) is_safe: bool,
    pub(crate) convention: Convention,
    pub(crate) name: Ident,
    pub(crate) generics: Generics,
    pub(crate) params: Vec<Declared>,
    pub(crate) results: Vec<Declared>,
    /// `= "symbol"`.
    pub(crate) symbol: Option<LitStr>,
}

/// An argument or result.
pub(crate) struct Declared {
    /// `None`: without a name, or `_`.
    pub(crate) name: Option<Ident>,
    pub(crate) ty: Type,
    pub(crate) shape: Shape,
}

impl Parse for Input {
    fn parse(input: ParseStream) -> Result<Self> {
        let source = input.parse()?;
        let mut options = Options::default();
        while input.peek(Token![,]) {
            input.parse::<Token![,]>()?;
            if !input.peek(Token![;]) {
                options.parse_one(input)?;
            }
        }
        input.parse::<Token![;]>()?;
        let mut declarations = Vec::new();
        while !input.is_empty() {
            declarations.extend(parse_block(input)?);
        }
        Ok(Input { source, options, declarations })
    }
}

impl Options {
    fn parse_one(&mut self, input: ParseStream) -> Result<()> {
        let name: Ident = input.parse()?;
        let content;
        parenthesized!(content in input);
        let values: Vec<LitStr> = Punctuated::<LitStr, Token![,]>::parse_terminated(&content)?.into_iter().collect();
        match (name.to_string().as_str(), values.as_slice()) {
            ("define", [name]) => self.defines.push((name.value(), "1".to_string())),
            ("define", [name, value]) => self.defines.push((name.value(), value.value())),
            ("include_dir", [path]) => self.include_dirs.push(path.clone()),
            ("package", [package]) if self.package.is_none() => self.package = Some(package.clone()),
            ("package", [_]) => return Err(Error::new(name.span(), "the package is given twice")),
            _ => {
                let expected = "an option is define(\"NAME\"), define(\"NAME\", \"value\"), include_dir(\"path\") or package(\"path\")";
                return Err(Error::new(name.span(), expected));
            }
        }
        Ok(())
    }
}

/// `unsafe extern "ABI0" { ... }`, `"ABIInternal"` or `"Rust"`
fn parse_block(input: ParseStream) -> Result<Vec<Declaration>> {
    let vouches = "a block of declarations is `unsafe extern \"ABI0\" { .. }`: `unsafe` vouches that the assembly does what they say";
    if !input.peek(Token![unsafe]) {
        return Err(input.error(vouches));
    }
    input.parse::<Token![unsafe]>()?;
    input.parse::<Token![extern]>()?;
    let abi: LitStr = input.parse()?;
    let convention = match abi.value().as_str() {
        "ABI0" => Convention::Abi0,
        "ABIInternal" => Convention::Internal,
        "Rust" => Convention::Rust,
        _ => {
            let expected =
                "the calling convention is \"ABI0\" or \"ABIInternal\"; or \"Rust\" for functions of mapped_export!";
            return Err(Error::new(abi.span(), expected));
        }
    };
    let content;
    braced!(content in input);
    let mut declarations = Vec::new();
    while !content.is_empty() {
        let declaration: Declaration = content.parse()?;
        if convention == Convention::Rust
            && (declaration.is_safe || !matches!(declaration.visibility, Visibility::Inherited))
        {
            let message = "it is in Rust already: what stands here says only with which arguments assembly calls it";
            return Err(Error::new(declaration.span(), message));
        }
        declarations.push(Declaration { convention, ..declaration });
    }
    Ok(declarations)
}

impl Parse for Declaration {
    fn parse(input: ParseStream) -> Result<Self> {
        let attrs = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        let is_safe = parse_safety(input)?;
        input.parse::<Token![fn]>()?;
        let name: Ident = input.parse()?;
        let mut generics: Generics = input.parse()?;
        let content;
        parenthesized!(content in input);
        let params = Punctuated::<Declared, Token![,]>::parse_terminated_with(&content, Declared::parse_named)?;
        let results = parse_results(input)?;
        generics.where_clause = input.parse()?;
        if let Some(param) = generics.params.iter().find(|param| !matches!(param, GenericParam::Lifetime(_))) {
            return Err(Error::new_spanned(param, "assembly has no type parameters, only lifetimes"));
        }
        let symbol = match input.peek(Token![=]) {
            true => {
                input.parse::<Token![=]>()?;
                Some(input.parse()?)
            }
            false => None,
        };
        input.parse::<Token![;]>()?;
        let params = params.into_iter().collect();
        let convention = Convention::Abi0;
        Ok(Declaration { attrs, visibility, is_safe, convention, name, generics, params, results, symbol })
    }
}

/// As in Rust: without `safe`, a function of an `unsafe extern` block is unsafe to call.
fn parse_safety(input: ParseStream) -> Result<bool> {
    if input.peek(Token![unsafe]) {
        input.parse::<Token![unsafe]>()?;
        return Ok(false);
    }
    if input.peek(Token![fn]) {
        return Ok(false);
    }
    let safe: Ident = input.call(Ident::parse_any)?;
    if safe != "safe" {
        return Err(Error::new(safe.span(), "expected `fn`, `safe fn` or `unsafe fn`"));
    }
    Ok(true)
}

impl Declared {
    fn new(name: Option<Ident>, ty: Type) -> Result<Declared> {
        Ok(Declared { name, shape: Shape::of(&ty)?, ty })
    }

    /// `name: Type` or `_: Type`
    fn parse_named(input: ParseStream) -> Result<Declared> {
        let name = match input.peek(Token![_]) {
            true => {
                input.parse::<Token![_]>()?;
                None
            }
            false => Some(input.parse()?),
        };
        input.parse::<Token![:]>()?;
        Declared::new(name, input.parse()?)
    }

    /// `Type`
    fn parse_unnamed(input: ParseStream) -> Result<Declared> {
        Declared::new(None, input.parse()?)
    }

    /// The name in the assembly.
    pub(crate) fn symbol(&self) -> Option<String> {
        self.name.as_ref().map(|name| name.unraw().to_string())
    }
}

/// Nothing, `-> Type`, `-> (Type, ..)` or `-> (name: Type, ..)`
fn parse_results(input: ParseStream) -> Result<Vec<Declared>> {
    if !input.peek(Token![->]) {
        return Ok(Vec::new());
    }
    input.parse::<Token![->]>()?;
    if !input.peek(token::Paren) {
        return Ok(vec![Declared::new(None, input.parse()?)?]);
    }
    let content;
    let paren = parenthesized!(content in input);
    let are_named =
        (content.peek(Ident) || content.peek(Token![_])) && content.peek2(Token![:]) && !content.peek2(Token![::]);
    let parse_one = match are_named {
        true => Declared::parse_named,
        false => Declared::parse_unnamed,
    };
    let results = Punctuated::<Declared, Token![,]>::parse_terminated_with(&content, parse_one)?;
    if !are_named && results.len() == 1 && results.trailing_punct() {
        return Err(Error::new(paren.span.join(), "a tuple of one is no result of Go: leave out the comma"));
    }
    Ok(results.into_iter().collect())
}

impl Declaration {
    /// The symbol as sources have it, a leading dot standing for the package.
    pub(crate) fn symbol(&self) -> String {
        match &self.symbol {
            Some(symbol) => {
                let symbol = symbol.value().replace('·', ".").replace('∕', "/");
                match symbol.contains('.') {
                    true => symbol,
                    false => format!(".{symbol}"),
                }
            }
            None => format!(".{}", self.name.unraw()),
        }
    }

    /// Where it is declared.
    pub(crate) fn span(&self) -> Span {
        self.name.span()
    }
}

#[cfg(test)]
mod tests;
