//! The function that an attribute stands on, and what becomes of it:
//!
//! ```text
//! #[attributes]                            #[attributes]
//! pub fn main() -> R {                     pub fn main() -> ExitCode {
//!     body                        =>           fn main() -> R { body }
//! }                                            ::morestack::runtime::__main(None, || Termination::report(main()))
//!                                          }
//! ```
//!
//! The exit code stands in for `R`, because `R` need not be `Send` (`Box<dyn Error>` is not) and the body runs on another
//! thread. A function that returns nothing, or never, keeps its type.
//!
//! The body is handed on as it is, unparsed: what is wrong in it is the compiler's to say. It becomes a function of the same
//! name, for backtraces, and lint attributes on the outer function apply to it.

use crate::options::Options;
use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::parse::{Parse, ParseStream, Parser};
use syn::spanned::Spanned;
use syn::{Attribute, Error, Result, ReturnType, Signature, Type, Visibility, parse_quote};

#[cfg(test)]
mod tests;

/// What the function is the entry of.
#[derive(Clone, Copy, PartialEq)]
pub enum Entry {
    Main,
    Test,
}

/// Workers of a test that does not say how many: the least with which tasks run at the same time.
const TEST_WORKERS: usize = 2;

impl Entry {
    fn attribute(self) -> &'static str {
        match self {
            Entry::Main => "#[morestack::main]",
            Entry::Test => "#[morestack::test]",
        }
    }
}

/// A function with attributes, its body unparsed.
struct Function {
    attributes: Vec<Attribute>,
    visibility: Visibility,
    signature: Signature,
    body: TokenStream,
}

impl Parse for Function {
    fn parse(input: ParseStream) -> Result<Function> {
        Ok(Function {
            attributes: input.call(Attribute::parse_outer)?,
            visibility: input.parse()?,
            signature: input.parse()?,
            body: input.parse()?,
        })
    }
}

/// The expansion, or else the errors. A `main` that is wrong is replaced by an empty one, so that the compiler does not
/// complain that there is none.
pub fn expand_or_report(entry: Entry, options: TokenStream, function: TokenStream) -> TokenStream {
    expand(entry, options, function).unwrap_or_else(|error| {
        let errors = error.into_compile_error();
        match entry {
            Entry::Main => quote! { #errors fn main() {} },
            Entry::Test => errors,
        }
    })
}

fn expand(entry: Entry, options: TokenStream, function: TokenStream) -> Result<TokenStream> {
    let function = Function::parse.parse2(function).map_err(|error| {
        let message = format!("{} stands on a function: {error}", entry.attribute());
        Error::new(error.span(), message)
    });
    // What is wrong with both is said at once.
    let (function, options) = match (function.and_then(|function| check(entry, function)), Options::parse(options)) {
        (Ok(function), Ok(options)) => (function, options),
        (Err(mut error), Err(other)) => {
            error.combine(other);
            return Err(error);
        }
        (Err(error), _) | (_, Err(error)) => return Err(error),
    };
    let Function { attributes, visibility, signature, body } = function;
    let name = &signature.ident;
    let (start, default, marker) = match entry {
        Entry::Main => (format_ident!("__main"), quote!(::core::option::Option::None), None),
        Entry::Test => (
            format_ident!("__test"),
            quote!(::core::option::Option::Some(#TEST_WORKERS)),
            Some(quote!(#[::core::prelude::v1::test])),
        ),
    };
    let workers = options.workers.map_or(default, |workers| quote!(::core::option::Option::Some(#workers)));
    let path = options.path.unwrap_or_else(|| parse_quote!(::morestack));
    let (output, task) = output(&signature);
    Ok(quote! {
        #marker
        #(#attributes)*
        #visibility fn #name() #output {
            #signature #body
            #path::runtime::#start(#workers, #task)
        }
    })
}

/// What the outer function returns, and what the task runs.
fn output(signature: &Signature) -> (TokenStream, TokenStream) {
    let name = &signature.ident;
    match &signature.output {
        ReturnType::Default => (quote!(), quote!(#name)),
        ReturnType::Type(_, ty) if matches!(**ty, Type::Never(_)) => (quote!(-> !), quote!(#name)),
        ReturnType::Type(_, ty) => {
            // A type that cannot be the result of a program is reported where it stands.
            let result = quote_spanned!(ty.span()=> #name());
            (quote!(-> ::std::process::ExitCode), quote!(|| ::std::process::Termination::report(#result)))
        }
    }
}

/// Refuses what cannot be run as a task, each thing at its place.
fn check(entry: Entry, function: Function) -> Result<Function> {
    let mut errors: Option<Error> = None;
    let mut refuse = |span: Span, message: String| {
        let error = Error::new(span, message);
        match &mut errors {
            Some(errors) => errors.combine(error),
            none => *none = Some(error),
        }
    };
    let attribute = entry.attribute();
    let Signature { constness, asyncness, safety, abi, ident, generics, inputs, .. } = &function.signature;
    if let Some(word) = asyncness {
        refuse(word.span(), format!("{attribute} runs ordinary functions: leave out `async`, and call what blocks"));
    }
    for word in [quote!(#constness), quote!(#safety), quote!(#abi)] {
        if !word.is_empty() {
            refuse(word.span(), format!("{attribute} stands on a plain `fn`"));
        }
    }
    if let Some(receiver) = function.signature.receiver() {
        refuse(receiver.span(), format!("{attribute} stands on a free function, not on a method"));
    } else if !inputs.is_empty() {
        refuse(inputs.span(), format!("a function with {attribute} takes no arguments: nobody passes any"));
    }
    if !generics.params.is_empty() {
        refuse(generics.params.span(), format!("a function with {attribute} has no type parameters or lifetimes"));
    } else if let Some(clause) = &generics.where_clause {
        refuse(clause.span(), format!("a function with {attribute} has no `where` clause"));
    }
    if entry == Entry::Main && ident != "main" {
        refuse(ident.span(), format!("{attribute} stands on `fn main()`, where a program begins"));
    }
    for other in &function.attributes {
        if other.path().segments.last().is_some_and(|last| last.ident == "test") {
            refuse(other.span(), format!("{attribute} stands alone: leave out this second test attribute"));
        }
    }
    if function.body.is_empty() || function.body.to_string() == ";" {
        refuse(ident.span(), format!("a function with {attribute} has a body"));
    }
    errors.map_or(Ok(function), Err)
}
